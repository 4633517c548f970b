// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** A set of numbers that are mostly neighbours. */
final class Runs {

    /** First to last of each run. */
    private final NavigableMap<Long, Long> runs = new TreeMap<>();

    void add(long number) {
        Map.Entry<Long, Long> before = runs.floorEntry(number);
        if (before != null && before.getValue() >= number) {
            return;
        }
        long first = before != null && before.getValue() == number - 1 ? before.getKey() : number;
        Long joined = runs.remove(number + 1);
        runs.put(first, joined == null ? number : joined);
    }

    /** The last number of those that follow {@code number} without a gap; itself, if none does. */
    long lastAfter(long number) {
        Map.Entry<Long, Long> run = runs.floorEntry(number + 1);
        return run == null ? number : Math.max(run.getValue(), number);
    }

    /** The first number behind {@code number}; 0 if there is none. */
    long firstAfter(long number) {
        Long first = runs.higherKey(number);
        return first == null ? 0 : first;
    }
}
