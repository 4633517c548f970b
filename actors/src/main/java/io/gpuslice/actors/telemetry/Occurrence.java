// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.time.Instant;
import java.util.Optional;

/**
 * Something the daemon decided, or that became of a session. It is said when it is so: after the journal has it.
 *
 * @param session none where it is about no session that there is
 * @param pid of the process it is about, or that asked; 0: none, or not known
 * @param uid of that process; −1: not known
 * @param device none where it is about all of them, or about no memory
 * @param bytes that it is about; 0: none
 * @param error why not; none where the result is {@link Result#OK}
 * @param detail for people, in a few words; may be empty
 */
public record Occurrence(
        Instant at,
        Operation operation,
        Result result,
        Optional<SessionId> session,
        int pid,
        int uid,
        Optional<DeviceId> device,
        long bytes,
        Optional<ErrorCode> error,
        String detail) {}
