// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

import io.gpuslice.wire.ErrorCode;
import java.util.Locale;

/** How it went. Its name in JSON, in logs and in docs/audit.md is the one in lower case. */
public enum Result {
    /** It was done. */
    OK,
    /** By the rules it was not to be; {@code error_code} says which. */
    DENIED,
    /** It should have been done and could not be: the disk, the kernel, a defect. Nothing has changed. */
    FAILED;

    /** That of a refusal with this code. */
    public static Result of(ErrorCode refusal) {
        return refusal == ErrorCode.INTERNAL ? FAILED : DENIED;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
