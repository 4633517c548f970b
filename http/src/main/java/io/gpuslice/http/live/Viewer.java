// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.domain.SessionId;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Who looks, and at what. Two that are equal are shown the same.
 *
 * @param everything whether nothing is kept from it; then whoever it is does not matter
 * @param uid of the user
 * @param only this session, which it may see; none: all that it may see
 */
public record Viewer(boolean everything, int uid, Optional<SessionId> only) {

    private static final int ANYBODY = -1;

    public Viewer {
        uid = everything ? ANYBODY : uid;
    }

    /** Whoever sees all sessions there are. */
    static final Viewer OF_ALL = new Viewer(true, ANYBODY, Optional.empty());

    boolean sees(SessionView session) {
        return isItsOwn(session.uid()) && only.map(session.id()::equals).orElse(true);
    }

    /** @param owner of the session that it is about; empty: about none, or not known */
    boolean hears(Occurrence occurrence, OptionalInt owner) {
        if (only.isPresent()) {
            return only.equals(occurrence.session());
        }
        return everything
                || (occurrence.session().isPresent()
                        ? owner.isPresent() && owner.getAsInt() == uid
                        : occurrence.uid() == uid);
    }

    private boolean isItsOwn(int owner) {
        return everything || owner == uid;
    }
}
