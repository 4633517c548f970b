// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Clock;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Recent.Numbered;
import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.pekko.NotUsed;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What happens, as streams of Server-Sent Events, and what was so within the last hour. The sessions are asked once a
 * second while somebody listens, and once in ten seconds else. docs/http.md says what a client is told. Thread-safe.
 */
public final class Live {

    private static final Logger LOG = LoggerFactory.getLogger(Live.class);

    /** From one look for all streams to the next, at least. */
    static final Duration USAGE_EVERY = Duration.ofSeconds(1);

    private final Supplier<CompletionStage<Look>> looks;
    private final Clock clock;
    private final News news;
    private final Listeners listeners;
    private final Usage usage = new Usage();
    private final History history;
    private final String daemon;
    private final Recent recent;
    private final AtomicLong lastLook;

    /**
     * Hears of everything from now on.
     *
     * @param looks looks at all sessions; fails by itself when no answer comes
     * @param daemon its life, for the ids of events: no other daemon has the same
     * @param json what is told of an occurrence
     * @param elsewhere away from those who say things
     */
    public Live(
            Supplier<CompletionStage<Look>> looks,
            Recent recent,
            Function<Numbered, String> json,
            String daemon,
            Clock clock,
            Executor elsewhere) {
        this.looks = looks;
        this.recent = recent;
        this.daemon = daemon;
        this.clock = clock;
        listeners = new Listeners(clock::nanos, elsewhere, this::lookIfStale);
        news = new News(daemon, json, listeners::wake);
        history = new History(clock.nanos());
        lastLook = new AtomicLong(clock.nanos() - USAGE_EVERY.toNanos());
        recent.listen(0, news);
    }

    /** How many streams there are. */
    public int streams() {
        return listeners.count();
    }

    /** The number of the last occurrence that a client was told, by the id of its event; all is new to one of another daemon. */
    public long number(String eventId) {
        String own = daemon + "-";
        if (!eventId.startsWith(own)) {
            return 0;
        }
        try {
            long number = Long.parseUnsignedLong(eventId.substring(own.length()));
            return number > recent.last() ? 0 : number;
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /**
     * A stream.
     *
     * @param events as text, when they happen; it begins when it is run, and is forgotten when that ends
     * @param end ends it; may be run more than once, by any thread
     */
    public record Stream(Source<ByteString, NotUsed> events, Runnable end) {}

    /**
     * A stream for a viewer.
     *
     * @param after number of the last occurrence that the client was told
     */
    public Stream stream(Viewer viewer, long after) {
        Listener listener = new Listener(listeners, news, usage, viewer, after);
        return new Stream(
                Source.unfoldAsync(
                                listener,
                                open -> open.next().thenApply(text -> text.map(bytes -> Pair.create(open, bytes))))
                        .watchTermination((mat, done) -> {
                            done.whenComplete((_, _) -> listener.end());
                            return mat;
                        }),
                listener::end);
    }

    /** Of the devices, within the last hour. */
    public ObjectNode history(Viewer viewer) {
        return history.devices(viewer);
    }

    /** Of a session, within the last hour. */
    public ObjectNode history(SessionId session) {
        return history.session(session);
    }

    /** To be called several times a second: looks at the sessions where it is time to, and at the listeners. */
    public void beat() {
        if (listeners.count() > 0 || history.isDue(clock.nanos())) {
            lookIfStale();
        }
        listeners.beat();
    }

    private void lookIfStale() {
        long now = clock.nanos();
        long last = lastLook.get();
        // Two that come at the same time look once.
        if (now - last >= USAGE_EVERY.toNanos() && lastLook.compareAndSet(last, now)) {
            looks.get().whenComplete((look, failure) -> {
                if (failure == null) {
                    saw(look);
                } else {
                    LOG.warn("the sessions could not be looked at; it is tried again: {}", failure.getMessage());
                }
            });
        }
    }

    private void saw(Look look) {
        news.learn(look.listed().sessions(), look.listed().silent());
        history.saw(look, clock.nanos(), clock.now());
        if (listeners.count() > 0) {
            usage.saw(look, clock.nanos(), clock.now());
            listeners.wake();
        }
    }
}
