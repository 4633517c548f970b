// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;

/**
 * Those who are told, and when: at once where it was quiet, else all of them together ten times a second, and so much at a
 * time that those who decide on memory keep their processor. Thread-safe.
 */
final class Listeners {

    /** From one time to the next. */
    static final Duration PACE = Duration.ofMillis(100);

    /** Events, told to all of them together each time: to one as many as are kept, to a thousand a few each. */
    static final int AT_ONCE = 16_384;

    private final Set<Listener> open = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean waking = new AtomicBoolean();
    private final LongSupplier nanos;
    private final Executor elsewhere;
    private final Runnable firstCame;
    private volatile long lastWoken = System.nanoTime() - PACE.toNanos();

    /**
     * None yet.
     *
     * @param nanos the clock
     * @param elsewhere where they are told
     * @param came is run, there too, when one has come
     */
    Listeners(LongSupplier nanos, Executor elsewhere, Runnable came) {
        this.nanos = nanos;
        this.elsewhere = elsewhere;
        firstCame = came;
    }

    /** How many there are. */
    int count() {
        return open.size();
    }

    long now() {
        return nanos.getAsLong();
    }

    /**
     * Tells this one too, from now on.
     *
     * @return how many events it may be told at first
     */
    int enter(Listener listener) {
        open.add(listener);
        elsewhere.execute(firstCame);
        return share();
    }

    void leave(Listener listener) {
        open.remove(listener);
    }

    private int share() {
        return Math.max(1, AT_ONCE / Math.max(1, open.size()));
    }

    /** There is something new. Does not block: the event loop says so. */
    void wake() {
        if (open.isEmpty() || !waking.compareAndSet(false, true)) {
            return;
        }
        long wait = lastWoken + PACE.toNanos() - System.nanoTime();
        if (wait > 0) {
            CompletableFuture.delayedExecutor(wait, TimeUnit.NANOSECONDS, elsewhere)
                    .execute(this::tell);
        } else {
            elsewhere.execute(this::tell);
        }
    }

    private void tell() {
        lastWoken = System.nanoTime();
        waking.set(false);
        int share = share();
        boolean behind = false;
        for (Listener listener : open) {
            listener.wake(share);
            behind |= listener.isBehind();
        }
        if (behind) {
            wake();
        }
    }

    /** To be called at least once a second. */
    void beat() {
        open.forEach(Listener::beat);
    }
}
