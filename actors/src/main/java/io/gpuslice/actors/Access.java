// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.wire.ErrorCode;
import java.util.Optional;

/**
 * Who may do what. Root and whoever shows the operator's token may do everything. Without an operator's token, opening
 * is for the daemon's own user, and a session is its owner's.
 *
 * @param tokenSet whether the daemon has an operator's token, and so demands it for every change
 * @param daemonUid the daemon's own user
 */
public record Access(boolean tokenSet, int daemonUid) {

    private static final int ROOT = 0;

    /** Why something is not allowed. */
    public record Refusal(ErrorCode code, String text) {}

    /** Whether the caller may open a session; empty: yes. */
    public Optional<Refusal> toOpen(Caller caller) {
        if (isOperator(caller)) {
            return Optional.empty();
        }
        if (tokenSet) {
            return needsToken("open a session");
        }
        return caller.uid() == daemonUid
                ? Optional.empty()
                : Optional.of(new Refusal(
                        ErrorCode.FORBIDDEN,
                        "uid " + caller.uid() + " may not open sessions here: the daemon serves uid " + daemonUid
                                + " alone until it is given an operator's token (GPUSLICE_IPC_TOKEN)"));
    }

    /** Whether the caller may join, change or end a session of {@code owner}; empty: yes. */
    public Optional<Refusal> toChange(Caller caller, int owner) {
        if (tokenSet && !isOperator(caller)) {
            return needsToken("join or change a session");
        }
        return toSee(caller, owner);
    }

    /** Whether the caller may look at a session of {@code owner}; empty: yes. */
    public Optional<Refusal> toSee(Caller caller, int owner) {
        return isOperator(caller) || caller.uid() == owner
                ? Optional.empty()
                : Optional.of(new Refusal(
                        ErrorCode.FORBIDDEN, "the session belongs to uid " + owner + ", not to uid " + caller.uid()));
    }

    /** Whether a process of {@code uid} may be a member of a session of {@code owner}; empty: yes. */
    public Optional<Refusal> toBeMember(int uid, int owner) {
        // Root may give its session to a program that then drops its privileges (sudo -u).
        return uid == owner || uid == ROOT || owner == ROOT
                ? Optional.empty()
                : Optional.of(new Refusal(
                        ErrorCode.FORBIDDEN,
                        "the session belongs to uid " + owner + ": a process of uid " + uid + " cannot be a member"));
    }

    private static boolean isOperator(Caller caller) {
        return caller.operator() || caller.uid() == ROOT;
    }

    private static Optional<Refusal> needsToken(String what) {
        return Optional.of(new Refusal(
                ErrorCode.UNAUTHENTICATED,
                "only who shows the operator's token may " + what + ": set GPUSLICE_IPC_TOKEN to the daemon's"));
    }
}
