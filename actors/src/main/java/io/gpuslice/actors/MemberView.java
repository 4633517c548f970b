// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ProcessId;
import java.time.Instant;
import java.util.List;

/**
 * One process of a session, for people.
 *
 * @param command its command line when it joined, arguments separated by blanks
 * @param since when it joined
 * @param used bytes it holds, all devices together
 * @param charge bytes it has been handed, all devices together
 * @param devices what it holds on each that it sees; the limit is the session's
 */
public record MemberView(
        ProcessId process,
        int uid,
        String command,
        Instant since,
        long used,
        long charge,
        PageState page,
        List<DeviceUse> devices) {

    /** How far the process's ledger page can be believed. */
    public enum PageState {
        /** The page is mapped and says what can be true. */
        OK,
        /** The page could not be found again after a restart: the whole charge counts as used. */
        LOST,
        /** The page says what cannot be true (used above charge, and staying there): its process is gated. */
        FORGED
    }
}
