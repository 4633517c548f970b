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
    private final Supplier<CompletionStage<Sessions.ListReply>> sessions;
    private final Supplier<CompletionStage<Devices.Known>> devices;
    private final String version;
    private final LongSupplier auditLost;
    private final LongSupplier nanoTime;

    private @Nullable Answer latest;

    /** @param begun nanoseconds of the clock: from then on its numbers may be out of date */
    private record Answer(long begun, CompletableFuture<String> text) {}

    KamonMetrics(
            Supplier<CompletionStage<Sessions.ListReply>> sessions,
            Supplier<CompletionStage<Devices.Known>> devices,
            String version,
            LongSupplier auditLost,
            LongSupplier nanoTime) {
        this.sessions = sessions;
        this.devices = devices;
        this.version = version;
        this.auditLost = auditLost;
        this.nanoTime = nanoTime;
    }

    /**
     * Starts to count.
     *
     * @param sessions asks for all of them, whosever they are; must fail by itself when no answer comes
     * @param devices asks for them; where that fails, their memory is not shown
     * @param auditLost lines that the audit log could not keep, since the start
     */
    public static KamonMetrics create(
            Supplier<CompletionStage<Sessions.ListReply>> sessions,
            Supplier<CompletionStage<Devices.Known>> devices,
            String version,
            LongSupplier auditLost) {
        return new KamonMetrics(sessions, devices, version, auditLost, System::nanoTime);
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
        return sessions.get()
                .thenCombineAsync(devices.get().exceptionally(_ -> NONE), this::exposition)
                .toCompletableFuture();
    }

    private String exposition(Sessions.ListReply reply, Devices.Known known) {
        return switch (reply) {
            case Sessions.ListReply.Listed listed ->
                counted.exposition()
                        + new Present(sightings.see(listed), known)
                                .daemon(version, auditLost.getAsLong(), ProcessNumbers.now())
                                .exposition();
            case Sessions.ListReply.Refused(var code, var text) ->
                throw new IllegalStateException("The sessions cannot be listed: " + code + ", " + text);
        };
    }
}
