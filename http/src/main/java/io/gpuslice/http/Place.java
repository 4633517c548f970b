// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.SessionView;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Comparator;

/**
 * Where a session stands in the list, the oldest first. It says so by itself, not by the session being there: a list
 * that is read page by page goes on behind one that has ended meanwhile.
 */
record Place(Instant created, String id) implements Comparable<Place> {

    /** Before every session. */
    static final Place FIRST = new Place(Instant.MIN, "");

    private static final Comparator<Place> ORDER =
            Comparator.comparing(Place::created).thenComparing(Place::id);

    static Place of(SessionView session) {
        return new Place(session.created(), session.id().text());
    }

    /** @param text what {@link #text} gave */
    static Place parse(String text) throws Problem {
        int between = text.indexOf('_');
        try {
            return new Place(Instant.parse(text.substring(0, Math.max(between, 0))), text.substring(between + 1));
        } catch (DateTimeException e) {
            throw Problem.badRequest(
                    "after=" + text + " is no place in the list: take the `next` of the answer before, as it is");
        }
    }

    String text() {
        return created + "_" + id;
    }

    @Override
    public int compareTo(Place other) {
        return ORDER.compare(this, other);
    }
}
