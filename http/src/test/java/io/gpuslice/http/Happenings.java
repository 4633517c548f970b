// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.SessionId;
import java.time.Instant;
import java.util.Optional;
import java.util.function.BiConsumer;

/** Occurrences, as a daemon of somebody else's would have them: root alone hears all. */
final class Happenings {
    static final int MOST_WATCHERS = 2;

    private Happenings() {}

    static Api.Occurrences of(Recent recent) {
        return new Api.Occurrences(
                recent, caller -> caller.operator() || caller.uid() == 0, Happenings::tell, MOST_WATCHERS);
    }

    private static void tell(Occurrence occurrence, BiConsumer<String, Object> reader) {
        reader.accept("time", occurrence.at());
        occurrence.session().ifPresent(session -> reader.accept("session_id", session));
        reader.accept("operation", occurrence.operation());
        reader.accept("result", occurrence.result());
    }

    /** @param session none: about none */
    static Occurrence said(Operation operation, Optional<SessionId> session, int uid) {
        return new Occurrence(
                Instant.EPOCH, operation, Result.OK, session, 7, uid, Optional.empty(), 0, Optional.empty(), "");
    }
}
