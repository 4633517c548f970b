// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import java.util.List;

/**
 * How much the model may do.
 *
 * @param limit bytes, 1 … 3
 * @param shrunkLimit bytes after the shrink, 0 … limit
 * @param kills of the daemon
 * @param deaths of processes
 * @param execs of processes
 * @param expiry whether the session can expire
 * @param shrink whether the limit can be lowered
 * @param programs per thread, what it does: a positive number allocates as many bytes, 0 frees its block, and
 *     {@link #HOLD} takes a byte that nobody could foresee. Threads 0 and 1 are process 0, thread 2 is process 1
 */
record Scenario(
        String name,
        int limit,
        int shrunkLimit,
        int kills,
        int deaths,
        int execs,
        boolean expiry,
        boolean shrink,
        List<List<Integer>> programs) {
    static final int FREE = 0;
    /** Not the last number that fits, but more than anybody allocates. */
    static final int HOLD = 4;
    /** What the image after an exec does. */
    static final List<Integer> AFTER_EXEC = List.of(1);

    /** Small enough for every test run. */
    static Scenario[] quick() {
        List<Integer> cycle = List.of(1, FREE, 1);
        List<Integer> once = List.of(1);
        List<Integer> whole = List.of(2, FREE);
        return new Scenario[] {
            new Scenario("daemon kills", 2, 1, 2, 0, 0, false, false, List.of(cycle, once, whole)),
            new Scenario("death", 2, 1, 1, 1, 0, false, false, List.of(cycle, once, whole)),
            new Scenario("exec", 2, 1, 1, 0, 1, false, false, List.of(cycle, once, whole)),
            new Scenario("expiry", 2, 1, 1, 0, 0, true, false, List.of(cycle, once, whole)),
            new Scenario("shrink", 2, 1, 1, 0, 0, false, true, List.of(cycle, once, whole)),
            new Scenario("held", 2, 1, 1, 1, 0, false, false, List.of(cycle, once, List.of(HOLD, FREE))),
            new Scenario("held, expiry", 2, 1, 1, 0, 0, true, false, List.of(cycle, List.of(HOLD), whole)),
            new Scenario(
                    "ping-pong", 3, 1, 1, 0, 0, false, false, List.of(List.of(3, FREE, 3), once, List.of(3, FREE))),
        };
    }

    /** All at once: two minutes and 6 GB of heap. */
    static Scenario[] thorough() {
        List<Integer> cycle = List.of(1, FREE, 1);
        List<Integer> whole = List.of(2, FREE);
        return new Scenario[] {
            new Scenario("everything", 2, 1, 1, 1, 1, true, true, List.of(cycle, List.of(1), whole)),
            new Scenario("held, and everything", 2, 1, 1, 1, 0, true, true, List.of(cycle, List.of(HOLD), whole)),
            new Scenario("limit 3", 3, 2, 1, 0, 0, true, true, List.of(cycle, List.of(1), List.of(2))),
        };
    }

    /** The smallest of them in which a mutation does harm. */
    static Scenario thatShows(Mutation mutation) {
        Scenario[] quick = quick();
        return switch (mutation) {
            case NONE,
                    NO_RECHECK,
                    NO_REREAD_USED,
                    RAISE_BEFORE_JOURNAL,
                    JOURNAL_BEFORE_LOWER,
                    LOWER_USED_BEFORE_DRIVER_FREE,
                    AHEAD_OF_USED,
                    AHEAD_UNJOURNALED,
                    CREDIT_COUNTS_AS_USED,
                    DENY_WITHOUT_COLLECT,
                    NO_ANSWER -> quick[0];
            case RECLAIM_BEFORE_DEATH -> quick[1];
            case RECLAIM_TWICE -> quick[2];
            case NO_GATE_ON_EXPIRY, NO_REOPEN -> quick[3];
            case NO_GATE_ON_SHRINK -> quick[4];
            case NO_GATE_WHEN_HELD, HOLD_WITHOUT_COLLECT -> quick[5];
            case NO_HOLD_WHEN_EXPIRED -> quick[6];
        };
    }

    /** The limit in that state. */
    int limit(State state) {
        return state.get(State.SHRUNK) == 1 ? shrunkLimit : limit;
    }
}
