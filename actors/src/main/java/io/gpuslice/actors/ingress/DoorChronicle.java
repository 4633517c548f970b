// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Clock;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.Optional;

/** Says who was not let in, what guests report, and what they are denied without their session being asked. */
final class DoorChronicle {

    private final Telemetry telemetry;
    private final Clock clock;

    DoorChronicle(Telemetry telemetry, Clock clock) {
        this.telemetry = telemetry;
        this.clock = clock;
    }

    /** A client is refused for who it is. */
    void notLetIn(int pid, int uid, ErrorCode code, String why) {
        refused(Operation.LOGIN, Optional.empty(), pid, uid, Optional.empty(), 0, code, why);
    }

    /** A HELLO is refused. */
    void notJoined(SessionId session, int pid, int uid, ErrorCode code, String why) {
        Optional<SessionId> known = code == ErrorCode.SESSION_UNKNOWN ? Optional.empty() : Optional.of(session);
        refused(Operation.JOIN.refused(code), known, pid, uid, Optional.empty(), 0, code, why);
    }

    /** A member's request for memory is refused, or its session was silent for too long. */
    void denied(Greeting member, Optional<DeviceId> device, long bytes, ErrorCode code, String why) {
        refused(
                Operation.DENY,
                Optional.of(member.session()),
                member.peer().process().pid(),
                member.peer().uid(),
                device,
                bytes,
                code,
                why);
    }

    /** A strict session's member reports a free. */
    void freed(Greeting member, DeviceId device, long bytes) {
        telemetry.happened(new Occurrence(
                clock.now(),
                Operation.FREE,
                Result.OK,
                Optional.of(member.session()),
                member.peer().process().pid(),
                member.peer().uid(),
                Optional.of(device),
                bytes,
                Optional.empty(),
                ""));
    }

    /** A member's request for memory is answered. */
    void answered(long nanos) {
        telemetry.took(Timing.DECISION, nanos);
    }

    private void refused(
            Operation operation,
            Optional<SessionId> session,
            int pid,
            int uid,
            Optional<DeviceId> device,
            long bytes,
            ErrorCode code,
            String why) {
        telemetry.happened(new Occurrence(
                clock.now(), operation, Result.of(code), session, pid, uid, device, bytes, Optional.of(code), why));
    }
}
