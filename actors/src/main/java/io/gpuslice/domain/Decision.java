// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import io.gpuslice.wire.ErrorCode;

/** The answer to a request for memory. Its {@link #change} is carried out before it is given. */
public sealed interface Decision {
    /** What to journal and to write; a denial, too, can have collected credit on its way. */
    Change change();

    /**
     * The bytes fit: the guest may try again.
     *
     * @param charge bytes of the process on that device, as now in the ledger
     */
    record Granted(Change change, long charge) implements Decision {}

    /**
     * Refused. The numbers are the session's on that device; 0 where it has none to tell.
     *
     * @param code why
     * @param asked bytes
     * @param used bytes held by all processes of the session, as far as their pages are believed
     * @param limit bytes
     */
    record Denied(Change change, ErrorCode code, long asked, long used, long limit) implements Decision {}
}
