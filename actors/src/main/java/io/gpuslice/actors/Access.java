// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.wire.ErrorCode;
import java.util.Optional;

/**
 * Who may do what. Root, the administrators and whoever shows the operator's token may do everything. Without an
 * operator's token, opening is for whom the daemon serves, and a session is its owner's.
 *
 * @param tokenSet whether the daemon has an operator's token, and so demands it for every change
 * @param daemonUid the daemon's own user, whom it serves whatever else
 */
public record Access(boolean tokenSet, int daemonUid, Served served) {

    private static final int ROOT = 0;

    /** Why something is not allowed. */
    public record Refusal(ErrorCode code, String text) {}

    /** Of a user's own daemon. */
    public Access(boolean tokenSet, int daemonUid) {
        this(tokenSet, daemonUid, Served.NOBODY_ELSE);
    }

    /** Whether the caller may connect; empty: yes. */
    public Optional<Refusal> toEnter(Caller caller) {
        return isServed(caller) ? Optional.empty() : Optional.of(notServed("", caller.uid()));
    }

    /** Whether the caller may open a session; empty: yes. */
    public Optional<Refusal> toOpen(Caller caller) {
        if (isOperator(caller)) {
            return Optional.empty();
        }
        if (tokenSet) {
            return needsToken("open a session");
        }
        return isServed(caller)
                ? Optional.empty()
                : Optional.of(notServed("uid " + caller.uid() + " may not open sessions here: ", caller.uid()));
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

    /** Whether the caller may look at every session there is, and hear of all that happens. */
    public boolean toSeeAll(Caller caller) {
        return isOperator(caller);
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

    /** Whether what each user may have in sum does not bind this one. */
    boolean isAdministrator(Caller caller) {
        return caller.uid() == ROOT || served.hasAdmin(caller);
    }

    private boolean isOperator(Caller caller) {
        return caller.operator() || isAdministrator(caller);
    }

    private boolean isServed(Caller caller) {
        return caller.uid() == daemonUid || caller.uid() == ROOT || served.includes(caller);
    }

    private Refusal notServed(String what, int uid) {
        return new Refusal(
                ErrorCode.FORBIDDEN,
                what
                        + (served.isSomebody()
                                ? "this daemon serves root and whom access.users, access.groups and access.admins"
                                        + " name, not uid " + uid + ". Ask whoever runs it, or use a daemon of your own"
                                        + " (GPUSLICE_IPC_SOCK=PATH)"
                                : "this daemon serves uid " + daemonUid + ", not uid " + uid
                                        + ". Run your own gpusliced"));
    }

    private static Optional<Refusal> needsToken(String what) {
        return Optional.of(new Refusal(
                ErrorCode.UNAUTHENTICATED,
                "only who shows the operator's token may " + what + ": set GPUSLICE_IPC_TOKEN to the daemon's"));
    }
}
