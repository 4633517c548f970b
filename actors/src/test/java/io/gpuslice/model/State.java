// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import java.util.Arrays;

/**
 * Everything that there is, as small numbers packed into 128 bits. A field of a process or thread is the constant
 * plus its number.
 */
final class State {
    static final int PROCESSES = 2;
    static final int THREADS = 3;

    private static int fields;
    private static final int[] WIDTH = new int[128];

    // Shared: the page, one writer per word.
    static final int CHARGE = field(2, PROCESSES);
    static final int GATE = field(1, PROCESSES);
    static final int USED = field(3, PROCESSES);

    // The journal.
    static final int JOURNAL = field(2, PROCESSES);
    /** 0: no member; else 1 + the image that joined. */
    static final int MEMBER = field(2, PROCESSES);

    static final int EXPIRED = field(1, 1);
    static final int SHRUNK = field(1, 1);

    // The processes and their threads.
    static final int LIFE = field(2, PROCESSES);
    static final int IMAGE = field(1, PROCESSES);
    /** The old image's connection has closed, and the daemon has not looked at it yet. */
    static final int EOF = field(1, PROCESSES);

    static final int AT = field(4, THREADS);
    static final int PC = field(2, THREADS);
    static final int SEEN_USED = field(3, THREADS);
    /** The next try does not mind the gate: it was granted. */
    static final int GRANTED = field(1, THREADS);
    /** What the driver has really given. */
    static final int BLOCK = field(2, THREADS);

    /** What the driver has given unasked, and the session has not counted yet. */
    static final int DEBT = field(1, PROCESSES);

    // The daemon: gone after a kill.
    static final int JOB = field(3, 1);
    static final int STAGE = field(4, 1);
    /** The thread that asks, or the process that is gone. */
    static final int SUBJECT = field(2, 1);
    /** The member that is looked at. */
    static final int TURN = field(1, 1);

    static final int READ = field(2, 1);
    static final int SUM = field(3, 1);
    static final int VERDICT = field(2, 1);
    static final int KEPT = field(2, PROCESSES);

    // What is only there to be checked.
    /** Every page carries the session's present limit and state. */
    static final int IN_FORCE = field(1, 1);
    /** The allocation began under the session's present limit and state, with all pages carrying them. */
    static final int RULED = field(1, THREADS);
    /** By how much the charges are above the limit, because memory was held already. */
    static final int FORCED = field(2, 1);
    /** The most that was used since the request is being decided. */
    static final int MOST = field(2, PROCESSES);

    // How much may still happen.
    static final int KILLS = field(2, 1);
    static final int DEATHS = field(1, 1);
    static final int EXECS = field(1, 1);

    static final int BITS = Arrays.stream(WIDTH).sum();

    private final int[] values = new int[fields];

    private static int field(int bits, int count) {
        int first = fields;
        for (int i = 0; i < count; i++) {
            WIDTH[fields++] = bits;
        }
        return first;
    }

    static {
        if (BITS > 128) {
            throw new AssertionError(BITS + " bits");
        }
    }

    int get(int field) {
        return values[field];
    }

    void set(int field, int value) {
        if (value < 0 || value >= 1 << WIDTH[field]) {
            throw new Broken("a number left its range: field " + field + " becomes " + value);
        }
        values[field] = value;
    }

    void copy(State other) {
        System.arraycopy(other.values, 0, values, 0, fields);
    }

    /** Calls back with the two halves. */
    void pack(long[] halves) {
        halves[0] = 0;
        halves[1] = 0;
        int bit = 0;
        for (int i = 0; i < fields; i++) {
            // A field never lies across the two halves.
            if (bit < 64 && bit + WIDTH[i] > 64) {
                bit = 64;
            }
            halves[bit >> 6] |= (long) values[i] << bit;
            bit += WIDTH[i];
        }
    }

    void unpack(long low, long high) {
        int bit = 0;
        for (int i = 0; i < fields; i++) {
            if (bit < 64 && bit + WIDTH[i] > 64) {
                bit = 64;
            }
            values[i] = (int) ((bit < 64 ? low : high) >>> bit) & (1 << WIDTH[i]) - 1;
            bit += WIDTH[i];
        }
    }

    int sum(int field) {
        int sum = 0;
        for (int p = 0; p < PROCESSES; p++) {
            sum += get(field + p);
        }
        return sum;
    }

    /** What the driver has given to this process. */
    int held(int process) {
        int held = 0;
        for (int t = 0; t < THREADS; t++) {
            held += processOf(t) == process ? get(BLOCK + t) : 0;
        }
        return held;
    }

    static int processOf(int thread) {
        return thread < 2 ? 0 : 1;
    }

    static int firstThreadOf(int process) {
        return process == 0 ? 0 : 2;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(get(JOB) == Codes.DOWN ? "daemon down; " : "");
        for (int p = 0; p < PROCESSES; p++) {
            text.append("P%d%s charge %d%s used %d journal %d held %d; "
                    .formatted(
                            p,
                            get(LIFE + p) == Codes.RUNNING ? "" : " dead",
                            get(CHARGE + p),
                            get(GATE + p) == 1 ? " gated" : "",
                            get(USED + p),
                            get(JOURNAL + p),
                            held(p)));
        }
        return text.toString();
    }

    /** A property that does not hold. */
    static final class Broken extends RuntimeException {
        private static final long serialVersionUID = 1;

        Broken(String what) {
            super(what);
        }
    }
}
