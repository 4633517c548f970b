// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * The last occurrences, each with its number, and who hears the next ones. What is older is in the audit log, if
 * anywhere. Thread-safe.
 */
public final class Recent implements Telemetry {

    /** How many are kept: some hundred bytes each. */
    public static final int MOST = 2048;

    /**
     * One of them.
     *
     * @param number counted from 1 at the daemon's start, without gaps
     */
    public record Numbered(long number, Occurrence occurrence) {}

    private final Deque<Numbered> kept = new ArrayDeque<>();
    private final List<Consumer<Numbered>> listeners = new CopyOnWriteArrayList<>();
    private long last;

    @Override
    public synchronized void happened(Occurrence occurrence) {
        Numbered numbered = new Numbered(++last, occurrence);
        if (kept.size() == MOST) {
            kept.removeFirst();
        }
        kept.addLast(numbered);
        // Under the lock, so that each hears them in their order.
        listeners.forEach(listener -> listener.accept(numbered));
    }

    @Override
    public void took(Timing what, long nanos) {
        // The metrics' business.
    }

    /** The number of the last one; 0: there was none yet. */
    public synchronized long last() {
        return last;
    }

    /** Those after the one of that number that are still kept, the oldest first. */
    public synchronized List<Numbered> after(long number) {
        List<Numbered> after = new ArrayList<>();
        for (Numbered each : kept) {
            if (each.number() > number) {
                after.add(each);
            }
        }
        return after;
    }

    /**
     * Has {@code listener} hear of those after the one of that number that are still kept, at once, and then of each as it
     * happens.
     *
     * @param listener must neither block nor throw, like whoever hears telemetry
     */
    public synchronized void listen(long number, Consumer<Numbered> listener) {
        after(number).forEach(listener);
        listeners.add(listener);
    }

    /** From then on it hears nothing. */
    public void forget(Consumer<Numbered> listener) {
        listeners.remove(listener);
    }

    /** How many listen. */
    public int listeners() {
        return listeners.size();
    }
}
