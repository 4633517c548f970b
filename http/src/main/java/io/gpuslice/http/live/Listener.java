// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.http.scaladsl.model.sse.ServerSentEvent;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * What one client is told. It remembers how far it has come, and nothing of what is to be told: text is put together when
 * the client can take it. Thread-safe.
 */
final class Listener {

    /** How long nothing is told before a comment says that the connection is alive. */
    static final Duration HEARTBEAT = Duration.ofSeconds(15);

    /** How long a client may read nothing of what it was sent. */
    static final Duration SLOW = Duration.ofSeconds(30);

    /** Milliseconds after which a client is to come back. */
    private static final int RETRY = 2000;

    private static final ByteString BEGINNING = ByteString.fromString("retry: " + RETRY + "\n\n");
    private static final ByteString ALIVE = ByteString.fromString(":\n\n");

    private final Listeners listeners;
    private final News news;
    private final Usage usage;
    private final Viewer viewer;

    private long place;
    private long missed;
    private long version = Usage.NONE;
    private ByteString pending = BEGINNING;
    /** Events that it may be told until it is woken again. */
    private int allowance;

    private long lastTold;
    private boolean begun;
    private boolean ended;
    /** Whoever waits for what is next; null: the client has not taken what was before. */
    private @Nullable CompletableFuture<Optional<ByteString>> waiting;

    /** @param after number of the last occurrence that the client was told */
    Listener(Listeners listeners, News news, Usage usage, Viewer viewer, long after) {
        this.listeners = listeners;
        this.news = news;
        this.usage = usage;
        this.viewer = viewer;
        place = news.place(after);
        missed = news.missed(after);
    }

    /** What the client is to be told next, when there is something; empty: no more. */
    synchronized CompletionStage<Optional<ByteString>> next() {
        if (!begun && !ended) {
            begun = true;
            allowance = listeners.enter(this);
        }
        CompletableFuture<Optional<ByteString>> next = new CompletableFuture<>();
        lastTold = listeners.now();
        waiting = next;
        tell();
        if (isBehind()) {
            listeners.wake();
        }
        return next;
    }

    /** There is something new, of which it may tell so many events. */
    synchronized void wake(int most) {
        allowance = most;
        if (waiting == null && news.isPast(place)) {
            drop(News.MOST + " events have come since, and no more are kept");
        }
        tell();
    }

    /** Whether its client waits for more than it was allowed to be told. */
    synchronized boolean isBehind() {
        return waiting != null && !ended && news.last() > place;
    }

    /** Looks at the time: a client that hears nothing is to know that all is well; one that does not read is dropped. */
    synchronized void beat() {
        long silence = listeners.now() - lastTold;
        if (waiting == null && silence >= SLOW.toNanos()) {
            drop("you have read nothing for " + SLOW.toSeconds() + " s");
        } else if (waiting != null && silence >= HEARTBEAT.toNanos()) {
            pending = pending.concat(ALIVE);
            tell();
        }
    }

    /** Nobody listens any more. */
    synchronized void end() {
        ended = true;
        listeners.leave(this);
        tell();
    }

    private void drop(String why) {
        pending = ServerSentEvent.apply(
                        JsonNodeFactory.instance
                                .objectNode()
                                .put("error_code", ErrorCode.OVERLOADED.name())
                                .put("detail", "you read too slowly: " + why + ". Connect again")
                                .toString(),
                        "dropped")
                .encode();
        end();
    }

    private void tell() {
        if (waiting == null) {
            return;
        }
        ByteString text = due();
        if (!text.isEmpty() || ended) {
            lastTold = listeners.now();
            CompletableFuture<Optional<ByteString>> next = waiting;
            waiting = null;
            next.complete(Optional.of(text).filter(some -> !some.isEmpty()));
        }
    }

    private ByteString due() {
        ByteString text = pending;
        pending = ByteString.emptyByteString();
        if (ended) {
            return text;
        }
        News.Batch batch = news.after(place, allowance);
        allowance -= batch.items().size();
        place = batch.last();
        missed += batch.lost();
        if (missed > 0) {
            text = text.concat(
                    ServerSentEvent.apply("{\"lost\":" + missed + "}", "lost").encode());
            missed = 0;
        }
        for (News.Item item : batch.items()) {
            if (news.isFor(viewer, item)) {
                text = text.concat(news.text(item));
            }
            if (isLast(item)) {
                ended = true;
                listeners.leave(this);
                return text;
            }
        }
        long there = usage.version(listeners.now());
        if (there > version) {
            text = text.concat(usage.since(version, viewer));
            version = there;
        }
        return text;
    }

    /** Of a session that has ended nothing more is told. */
    private boolean isLast(News.Item item) {
        return viewer.only().isPresent()
                && viewer.only().equals(item.numbered().occurrence().session())
                && item.numbered().occurrence().operation() == Operation.CLOSE
                && item.numbered().occurrence().result() == Result.OK;
    }
}
