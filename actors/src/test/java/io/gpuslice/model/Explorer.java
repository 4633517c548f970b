// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import io.gpuslice.domain.Step;
import io.gpuslice.model.State.Broken;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Visits every state that can be reached, nearest first, so that a counterexample is a shortest one. Then looks
 * for states from which nothing inevitable leads to the end.
 */
final class Explorer implements Branch.Next {
    /**
     * What came of it.
     *
     * @param broken the property that does not hold; null if all do
     * @param path one line per step to it; empty if all do
     * @param taken the steps that were taken anywhere
     */
    record Result(int states, long edges, @Nullable String broken, List<String> path, Set<Step> taken) {}

    private static final int NONE = -1;

    private final Protocol protocol;
    private final int most;
    private final long[] packed = new long[2];

    private long[] low = new long[1 << 16];
    private long[] high = new long[1 << 16];
    private int[] parent = new int[1 << 16];
    private Step[] step = new Step[1 << 16];
    private byte[] actor = new byte[1 << 16];
    private int[] table = new int[1 << 18];
    private int size;

    private int[] inevitable = new int[1 << 18];
    private int inevitables;
    private int current = NONE;
    private long edges;
    private final Set<Step> taken = EnumSet.noneOf(Step.class);

    private Explorer(Protocol protocol, int most) {
        this.protocol = protocol;
        this.most = most;
        Arrays.fill(table, NONE);
    }

    /**
     * @param most states to visit at most
     * @throws IllegalStateException if there are more
     */
    static Result explore(Scenario scenario, Mutation mutation, int most) {
        return new Explorer(new Protocol(scenario, mutation), most).explore();
    }

    private Result explore() {
        State state = new State();
        Branch branch = new Branch(this);
        try {
            to(protocol.start(), false, Step.REOPEN, NONE);
            for (current = 0; current < size; current++) {
                state.unpack(low[current], high[current]);
                protocol.check(state);
                protocol.from(state, branch);
            }
        } catch (Broken broken) {
            return new Result(size, edges, broken.getMessage(), path(current), taken);
        }
        int stuck = stuck();
        return stuck == NONE
                ? new Result(size, edges, null, List.of(), taken)
                : new Result(size, edges, "nothing leads from here to the end", path(stuck), taken);
    }

    @Override
    public void to(State state, boolean sure, Step how, int who) {
        state.pack(packed);
        int slot = slot(packed[0], packed[1]);
        if (table[slot] == NONE) {
            table[slot] = add(how, who);
        }
        edges++;
        taken.add(how);
        if (sure) {
            if (inevitables + 2 > inevitable.length) {
                inevitable = Arrays.copyOf(inevitable, inevitable.length * 2);
            }
            inevitable[inevitables++] = current;
            inevitable[inevitables++] = table[slot];
        }
        if (size * 2 > table.length) {
            rehash();
        }
    }

    private int add(Step how, int who) {
        if (size == most) {
            throw new IllegalStateException("more than " + most + " states");
        }
        if (size == low.length) {
            int more = size * 2;
            low = Arrays.copyOf(low, more);
            high = Arrays.copyOf(high, more);
            parent = Arrays.copyOf(parent, more);
            step = Arrays.copyOf(step, more);
            actor = Arrays.copyOf(actor, more);
        }
        low[size] = packed[0];
        high[size] = packed[1];
        parent[size] = current;
        step[size] = how;
        actor[size] = (byte) who;
        return size++;
    }

    private int slot(long a, long b) {
        long hash = (a ^ Long.rotateLeft(b, 29)) * 0x9e3779b97f4a7c15L;
        hash = (hash ^ hash >>> 32) * 0xd6e8feb86659fd93L;
        int slot = (int) (hash >>> 32) & table.length - 1;
        while (table[slot] != NONE && (low[table[slot]] != a || high[table[slot]] != b)) {
            slot = slot + 1 & table.length - 1;
        }
        return slot;
    }

    private void rehash() {
        table = new int[table.length * 2];
        Arrays.fill(table, NONE);
        for (int i = 0; i < size; i++) {
            table[slot(low[i], high[i])] = i;
        }
    }

    /** A state that cannot reach a finished one by inevitable steps, the nearest; or none. */
    private int stuck() {
        int[] first = new int[size + 1];
        for (int i = 1; i < inevitables; i += 2) {
            first[inevitable[i] + 1]++;
        }
        for (int i = 0; i < size; i++) {
            first[i + 1] += first[i];
        }
        int[] before = new int[inevitables / 2];
        int[] fill = Arrays.copyOf(first, size);
        for (int i = 0; i < inevitables; i += 2) {
            before[fill[inevitable[i + 1]]++] = inevitable[i];
        }
        return firstUnreached(first, before);
    }

    private int firstUnreached(int[] first, int[] before) {
        boolean[] ends = new boolean[size];
        int[] queue = new int[size];
        int tail = 0;
        State state = new State();
        for (int i = 0; i < size; i++) {
            state.unpack(low[i], high[i]);
            if (protocol.finished(state)) {
                ends[i] = true;
                queue[tail++] = i;
            }
        }
        for (int head = 0; head < tail; head++) {
            for (int i = first[queue[head]]; i < first[queue[head] + 1]; i++) {
                if (!ends[before[i]]) {
                    ends[before[i]] = true;
                    queue[tail++] = before[i];
                }
            }
        }
        for (int i = 0; i < size; i++) {
            if (!ends[i]) {
                return i;
            }
        }
        return NONE;
    }

    private List<String> path(int to) {
        List<String> lines = new ArrayList<>();
        State state = new State();
        for (int at = to; at > 0; at = parent[at]) {
            state.unpack(low[at], high[at]);
            lines.addFirst("%-13s %2d  %s".formatted(step[at], actor[at], state));
        }
        return lines;
    }
}
