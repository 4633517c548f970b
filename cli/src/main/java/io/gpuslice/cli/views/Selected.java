// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Calls;
import io.gpuslice.cli.Context;
import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Sessions that somebody chose to look at, again and again.
 *
 * @param ids of those that were named; empty: all
 * @param filter for those that are not named
 */
record Selected(Set<String> ids, Predicate<Json> filter) {

    /**
     * Finds them.
     *
     * @param selectors ids, starts of them, or names; empty: all
     * @throws Failure if there is none by one of them
     */
    static Selected of(Context context, Calls calls, List<String> selectors, Predicate<Json> filter) throws Failure {
        Set<String> ids = new HashSet<>();
        for (String selector : selectors) {
            ids.add(id(context, calls, selector));
        }
        if (ids.isEmpty()) {
            context.session().ifPresent(ids::add);
        }
        return new Selected(ids, filter);
    }

    /** Of one session. From inside of one no other can be seen. */
    static String id(Context context, Calls calls, String selector) throws Failure {
        return visible(context, calls.get(Calls.session(selector)), selector);
    }

    /** As {@link #id}; empty: the selector is the id of a session that has ended of late. */
    static Optional<String> idOrEnded(Context context, Calls calls, String selector) throws Failure {
        Optional<Json> session = calls.findOrEnded(selector);
        return session.isEmpty() ? Optional.empty() : Optional.of(visible(context, session.get(), selector));
    }

    private static String visible(Context context, Json session, String selector) throws Failure {
        String id = session.text("id", selector);
        Optional<String> inside = context.session();
        if (inside.isPresent() && !inside.get().equals(id)) {
            throw new Failure(
                    "session " + selector + " is not the one that this shell runs in (" + inside.get()
                            + "), and from inside no other can be seen",
                    "do it from outside the session");
        }
        return id;
    }

    /** Those of them that are there now. */
    List<Json> now(Calls calls) throws Failure {
        if (ids.size() == 1) {
            return calls.find(ids.iterator().next()).stream().toList();
        }
        return calls.sessions().sessions().stream()
                .filter(session -> ids.isEmpty() || ids.contains(session.text("id", "")))
                .filter(filter)
                .toList();
    }
}
