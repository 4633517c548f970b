// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;

/**
 * Whether a user has a session. Anybody on this machine can want to know, as often as they like, and the answer takes the
 * event loop's time: each user's holds for a second. Thread-safe.
 */
final class Owners implements IntFunction<CompletionStage<Boolean>> {

    /** Of whom an answer is kept. */
    static final int MOST = 64;

    static final Duration HOLDS = Duration.ofSeconds(1);

    private record Known(long since, CompletionStage<Boolean> answer) {}

    private final IntFunction<CompletionStage<Boolean>> sessions;
    private final LongSupplier nanoTime;
    private final Map<Integer, Known> known = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Known> eldest) {
            return size() > MOST;
        }
    };

    /** @param sessions who knows */
    Owners(IntFunction<CompletionStage<Boolean>> sessions, LongSupplier nanoTime) {
        this.sessions = sessions;
        this.nanoTime = nanoTime;
    }

    @Override
    public synchronized CompletionStage<Boolean> apply(int uid) {
        long now = nanoTime.getAsLong();
        Known last = known.get(uid);
        if (last == null || now - last.since() >= HOLDS.toNanos()) {
            // Removed first: it is among the youngest again.
            known.remove(uid);
            last = new Known(now, sessions.apply(uid));
            known.put(uid, last);
        }
        return last.answer();
    }
}
