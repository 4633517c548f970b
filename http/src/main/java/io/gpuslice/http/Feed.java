// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.ingress.Watching;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Recent.Numbered;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What one watcher hears. Whoever says something only puts it into a queue; text is made of it elsewhere, a batch at a
 * time, and the next batch when the one before is out. A watcher that is so slow that the queue is full is dropped, and
 * told so.
 */
final class Feed implements Watching.Stream, Consumer<Numbered> {

    /** More than is kept: the beginning may be all of that. */
    static final int MOST_WAITING = 2 * Recent.MOST;

    private static final int BATCH = 128;

    private final Recent recent;
    private final long after;
    private final Predicate<Numbered> heard;
    private final Function<Numbered, String> text;
    private final Executor elsewhere;
    private final Queue<Numbered> waiting = new ArrayBlockingQueue<>(MOST_WAITING);
    /** Whether somebody makes text, or text is on its way. */
    private final AtomicBoolean busy = new AtomicBoolean();

    private volatile boolean overflown;
    private volatile boolean ended;
    private Watching.@Nullable Watcher to;

    /**
     * Begins later.
     *
     * @param after number of the last one that it does not want to hear
     * @param heard which ones it may hear
     * @param text what is sent of one
     * @param elsewhere away from those who say things
     */
    Feed(Recent recent, long after, Predicate<Numbered> heard, Function<Numbered, String> text, Executor elsewhere) {
        this.recent = recent;
        this.after = after;
        this.heard = heard;
        this.text = text;
        this.elsewhere = elsewhere;
    }

    @Override
    public void begin(Watching.Watcher watcher) {
        // Before it listens, hence seen by whoever makes text.
        to = watcher;
        recent.listen(after, this);
    }

    @Override
    public void end() {
        ended = true;
        recent.forget(this);
        waiting.clear();
    }

    @Override
    public void accept(Numbered numbered) {
        if (ended || overflown || !heard.test(numbered)) {
            return;
        }
        overflown = !waiting.offer(numbered);
        wake();
    }

    private void wake() {
        if (overflown && !ended) {
            // Also while text is on its way: it may never arrive.
            elsewhere.execute(this::drop);
        } else if (busy.compareAndSet(false, true)) {
            elsewhere.execute(this::tell);
        }
    }

    private void drop() {
        if (to != null && !ended) {
            end();
            to.drop(
                    ErrorCode.OVERLOADED,
                    "you read too slowly: " + MOST_WAITING
                            + " events wait, and no more are kept. Watch anew, or one session alone");
        }
    }

    private void tell() {
        List<String> batch = new ArrayList<>();
        for (Numbered next = waiting.poll(); next != null; next = batch.size() < BATCH ? waiting.poll() : null) {
            batch.add(text.apply(next));
        }
        if (to != null && !batch.isEmpty() && !ended) {
            to.send(batch, () -> elsewhere.execute(this::tell));
            return;
        }
        busy.set(false);
        // One that came after the last look, and before that.
        if (!waiting.isEmpty() && !overflown) {
            wake();
        }
    }
}
