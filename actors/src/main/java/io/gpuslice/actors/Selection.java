// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Finds the session that somebody means, and tells them why not where there is none for them. */
final class Selection {

    private final Access access;
    private final Map<SessionId, String> unreadable = new HashMap<>();

    Selection(Access access) {
        this.access = access;
    }

    /** From now on the session is refused, for that reason. */
    void unreadable(SessionId id, String reason) {
        unreadable.put(id, reason);
    }

    /** The session is whole again. */
    void readable(SessionId id) {
        unreadable.remove(id);
    }

    /** Why the session cannot be used, if it cannot. */
    Optional<String> problem(SessionId id) {
        return Optional.ofNullable(unreadable.get(id))
                .map(reason -> "the books of session " + id + " cannot be read (" + reason
                        + "), so it grants nothing; the daemon's log says more");
    }

    /** Every session that the caller may see. */
    List<Register.Entry> visible(Register register, Caller caller) {
        return register.sessions().values().stream()
                .filter(entry -> access.toSee(caller, entry.uid()).isEmpty())
                .toList();
    }

    /** The one session that is meant and that the caller may see; else the request is refused. */
    Optional<Register.Entry> toSee(Register register, Caller caller, String selector, Refusable request) {
        List<Register.Entry> matching = register.matching(selector);
        List<Register.Entry> visible = matching.stream()
                .filter(entry -> access.toSee(caller, entry.uid()).isEmpty())
                .toList();
        if (visible.size() > 1) {
            request.refuse(
                    ErrorCode.BAD_REQUEST,
                    "\"" + selector + "\" may be " + visible.size() + " sessions ("
                            + visible.stream().map(entry -> entry.id().text()).collect(Collectors.joining(", "))
                            + "): write more of the id");
        } else if (visible.isEmpty()
                && matching.stream().anyMatch(entry -> entry.id().text().equals(selector))) {
            // To the others it would tell the names of sessions, and the beginnings of their ids, to whoever tries
            // some.
            Access.Refusal refusal =
                    access.toSee(caller, matching.getFirst().uid()).orElseThrow();
            request.refuse(refusal.code(), refusal.text());
        } else if (visible.isEmpty()) {
            boolean closed = register.closed().stream().anyMatch(id -> id.text().equals(selector));
            request.refuse(
                    closed ? ErrorCode.SESSION_CLOSED : ErrorCode.SESSION_UNKNOWN,
                    closed
                            ? "session " + selector + " has ended"
                            : "there is no session \"" + selector + "\": `gpuslice ps` lists them");
        } else {
            Register.Entry entry = visible.getFirst();
            Optional<String> problem = problem(entry.id());
            problem.ifPresent(text -> request.refuse(ErrorCode.INTERNAL, text));
            return problem.isEmpty() ? Optional.of(entry) : Optional.empty();
        }
        return Optional.empty();
    }

    /** As {@link #toSee}, of those that the caller may change. */
    Optional<Register.Entry> toChange(Register register, Caller caller, String selector, Refusable request) {
        return toSee(register, caller, selector, request).filter(entry -> {
            Optional<Access.Refusal> refusal = access.toChange(caller, entry.uid());
            refusal.ifPresent(because -> request.refuse(because.code(), because.text()));
            return refusal.isEmpty();
        });
    }
}
