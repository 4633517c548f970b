// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Totals;
import io.gpuslice.domain.SessionId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Remembers from one scrape to the next what was seen, so that a session which once does not answer in time neither takes
 * its memory out of the sums nor makes a counter fall.
 */
final class Sightings {
    private Map<SessionId, SessionView> last = Map.of();
    private Totals totals = new Totals(0, 0, 0);

    /**
     * What there is, as well as it is known.
     *
     * @param sessions as they are, the silent ones as they were
     * @param silent how many did not answer
     */
    record Seen(List<SessionView> sessions, int silent, Totals totals) {}

    synchronized Seen see(Sessions.ListReply.Listed listed) {
        Map<SessionId, SessionView> now = new LinkedHashMap<>();
        listed.sessions().forEach(session -> now.put(session.id(), session));
        for (SessionId id : listed.silent()) {
            SessionView before = last.get(id);
            if (before != null) {
                now.putIfAbsent(id, before);
            }
        }
        last = now;
        totals = new Totals(
                Math.max(totals.allocations(), listed.totals().allocations()),
                Math.max(totals.frees(), listed.totals().frees()),
                Math.max(totals.denials(), listed.totals().denials()));
        return new Seen(List.copyOf(now.values()), listed.silent().size(), totals);
    }
}
