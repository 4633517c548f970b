// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.SessionId;
import java.util.Collection;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * What one caller hears of: of the sessions it may see, and of itself where nobody's session is meant. Sessions that it
 * opens later are its own too. Thread-safe.
 */
final class Hearing implements Predicate<Occurrence> {
    private final boolean everything;
    private final int uid;
    private final Optional<SessionId> only;
    private final Set<SessionId> own = ConcurrentHashMap.newKeySet();

    /**
     * Of a caller.
     *
     * @param everything whether nothing is kept from it
     * @param only of this session, which it may see; none: of all
     */
    Hearing(boolean everything, int uid, Optional<SessionId> only) {
        this.everything = everything;
        this.uid = uid;
        this.only = only;
        only.ifPresent(own::add);
    }

    /** It may see these too. */
    void add(Collection<SessionId> sessions) {
        own.addAll(sessions);
    }

    @Override
    public boolean test(Occurrence occurrence) {
        if (occurrence.session().isEmpty()) {
            return only.isEmpty() && (everything || occurrence.uid() == uid);
        }
        SessionId session = occurrence.session().get();
        if (only.isPresent()) {
            return only.get().equals(session);
        }
        if (occurrence.operation() == Operation.OPEN && occurrence.result() == Result.OK && occurrence.uid() == uid) {
            own.add(session);
        }
        return everything || own.contains(session);
    }
}
