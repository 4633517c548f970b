// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.telemetry.Telemetry;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * {@link Metrics} with Kamon's instruments. A scrape asks the sessions once, whoever else asks at the same time, and
 * no more than four times a second: anybody on this machine may ask, and it is the charges' event loop that answers.
 */
public final class KamonMetrics implements Metrics {
    static final Duration FRESH = Duration.ofMillis(250);

    private static final Devices.Known NONE = new Devices.Known(List.of(), "");

    private final Counted counted = new Counted();
    private final Sightings sightings = new Sightings();
    private final Sources sources;
    private final String version;
    private final LongSupplier nanoTime;

    private volatile boolean perSession;
    private @Nullable Answer latest;

    /**
     * Who is asked at a scrape.
     *
     * @param sessions for all of them, whosever they are; must fail by itself when no answer comes
     * @param devices for them; where that fails, their memory is not shown
     * @param ready whether the daemon can do its work; where that fails, it cannot
     * @param auditLost for lines that the audit log could not keep, since the start
     */
    public record Sources(
            Supplier<CompletionStage<Sessions.ListReply>> sessions,
            Supplier<CompletionStage<Devices.Known>> devices,
            Supplier<CompletionStage<Boolean>> ready,
            LongSupplier auditLost) {}

    /** @param begun nanoseconds of the clock: from then on its numbers may be out of date */
    private record Answer(long begun, CompletableFuture<String> text) {}

    /** What is asked at one scrape, beside the sessions. */
    private record Around(Devices.Known devices, boolean ready) {}

    KamonMetrics(Sources sources, String version, boolean perSession, LongSupplier nanoTime) {
        this.sources = sources;
        this.version = version;
        this.perSession = perSession;
        this.nanoTime = nanoTime;
    }

    /**
     * Starts to count.
     *
     * @param perSession whether each session has series of its own
     */
    public static KamonMetrics create(Sources sources, String version, boolean perSession) {
        return new KamonMetrics(sources, version, perSession, System::nanoTime);
    }

    /** Whether each session has series of its own, from the next scrape on. */
    public void perSession(boolean shown) {
        perSession = shown;
    }

    @Override
    public Telemetry telemetry() {
        return counted;
    }

    @Override
    public synchronized CompletionStage<String> scrape() {
        long now = nanoTime.getAsLong();
        if (latest == null || isStale(latest, now)) {
            latest = new Answer(now, gather());
        }
        return latest.text().minimalCompletionStage();
    }

    /** One that is still being gathered never is: what is slow must not be asked twice at a time. */
    private static boolean isStale(Answer answer, long now) {
        return answer.text().isDone()
                && (answer.text().isCompletedExceptionally() || now - answer.begun() >= FRESH.toNanos());
    }

    /** Written elsewhere than on the thread that brings the answers: that is the event loop, and charges wait for it. */
    private CompletableFuture<String> gather() {
        CompletionStage<Devices.Known> devices = sources.devices().get().exceptionally(_ -> NONE);
        CompletionStage<Boolean> ready = sources.ready().get().exceptionally(_ -> false);
        return sources.sessions()
                .get()
                .thenCombineAsync(devices.thenCombine(ready, Around::new), this::exposition)
                .toCompletableFuture();
    }

    private String exposition(Sessions.ListReply reply, Around around) {
        return switch (reply) {
            case Sessions.ListReply.Listed listed ->
                counted.exposition()
                        + new Present(sightings.see(listed), around.devices(), perSession)
                                .daemon(
                                        version,
                                        around.ready(),
                                        sources.auditLost().getAsLong(),
                                        ProcessNumbers.now())
                                .exposition();
            case Sessions.ListReply.Refused(var code, var text) ->
                throw new IllegalStateException("The sessions cannot be listed: " + code + ", " + text);
        };
    }
}
