// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.wire.ErrorCode;
import java.time.Instant;

/**
 * An allocation that a session refused, with the numbers of that moment in bytes.
 *
 * @param asked what the process wanted
 * @param used what the session's processes held on the device
 * @param limit what they may hold there
 */
public record Refusal(
        Instant at, ProcessId process, DeviceId device, ErrorCode code, long asked, long used, long limit) {}
