// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** How full things were at the last looks. */
final class History {
    /** As many as the widest screen has room for. */
    private static final int MOST = 240;

    private final Map<String, Deque<Double>> shares = new HashMap<>();

    void add(String id, double share) {
        Deque<Double> own = shares.computeIfAbsent(id, _ -> new ArrayDeque<>());
        if (own.size() == MOST) {
            own.removeFirst();
        }
        own.addLast(share);
    }

    /** The oldest first. */
    Collection<Double> of(String id) {
        return Collections.unmodifiableCollection(shares.getOrDefault(id, new ArrayDeque<>()));
    }

    /** Forgets what is not there any more. */
    void keep(Set<String> ids) {
        shares.keySet().retainAll(ids);
    }
}
