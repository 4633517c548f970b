// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks at all sessions, once for all who want to at the same time: each look takes the time of the event loop, where
 * charges are decided. Whoever asks is shown a look that began after it asked, never an older one; where looks follow one
 * another too fast it waits for the next. Thread-safe.
 */
public final class Looks {

    /** From one look's beginning to the next one's, at least. */
    static final Duration APART = Duration.ofMillis(50);

    private final Supplier<CompletionStage<Look>> ask;
    private final Executor elsewhere;

    /** The look that has not begun. */
    private @Nullable CompletableFuture<Look> next;

    private boolean looking;
    private long begun = System.nanoTime() - APART.toNanos();

    /**
     * No look yet.
     *
     * @param ask asks the sessions; must fail by itself when no answer comes
     * @param elsewhere where a look begins that had to wait
     */
    public Looks(Supplier<CompletionStage<Look>> ask, Executor elsewhere) {
        this.ask = ask;
        this.elsewhere = elsewhere;
    }

    /** One that begins after this call. */
    public CompletionStage<Look> look() {
        CompletableFuture<Look> wanted;
        synchronized (this) {
            if (next != null) {
                return next.minimalCompletionStage();
            }
            wanted = new CompletableFuture<>();
            next = wanted;
            if (looking) {
                return wanted.minimalCompletionStage();
            }
            looking = true;
        }
        beginInTime();
        return wanted.minimalCompletionStage();
    }

    private void beginInTime() {
        long wait = begun + APART.toNanos() - System.nanoTime();
        if (wait > 0) {
            CompletableFuture.delayedExecutor(wait, TimeUnit.NANOSECONDS, elsewhere)
                    .execute(this::begin);
        } else {
            begin();
        }
    }

    private void begin() {
        CompletableFuture<Look> current;
        synchronized (this) {
            current = next;
            next = null;
            begun = System.nanoTime();
        }
        if (current != null) {
            ask.get().whenComplete((look, failure) -> {
                if (another()) {
                    beginInTime();
                }
                if (failure == null) {
                    current.complete(look);
                } else {
                    current.completeExceptionally(failure);
                }
            });
        }
    }

    /** Whether somebody has come meanwhile. */
    private synchronized boolean another() {
        looking = next != null;
        return looking;
    }
}
