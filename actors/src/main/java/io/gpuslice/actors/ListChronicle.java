// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Optional;

/** Says what becomes of the list of sessions, each thing when it is so, and who was refused what. */
final class ListChronicle {

    /** Whose doing it is where nobody asked. */
    private static final Caller NOBODY = new Caller(0, -1, false);

    private static final String OUTDATED = "the session was changed after whoever asked had looked at it";

    private final Telemetry telemetry;
    private final Clock clock;

    ListChronicle(Ports ports) {
        this.telemetry = ports.telemetry();
        this.clock = ports.clock();
    }

    void opened(Caller caller, SessionsEvent.Opened opened) {
        String detail = "limit " + opened.limit()
                + (opened.name().isEmpty() ? "" : ", name " + opened.name())
                + opened.deadline().map(end -> ", until " + end.wall()).orElse("");
        say(Operation.OPEN, caller, opened.session(), opened.limits().defaultBytes(), detail);
    }

    void tokenAdded(Caller caller, SessionId session) {
        say(Operation.TOKEN, caller, session, 0, "");
    }

    void resized(Caller caller, SessionsEvent.Resized resized) {
        say(Operation.RESIZE, caller, resized.session(), resized.limits().defaultBytes(), "limit " + resized.limit());
    }

    void renewed(Caller caller, SessionsEvent.Renewed renewed) {
        String detail = renewed.deadline().map(end -> "until " + end.wall()).orElse("without a TTL");
        say(Operation.RENEW, caller, renewed.session(), 0, detail);
    }

    void expired(SessionId session) {
        say(Operation.EXPIRE, NOBODY, session, 0, "");
    }

    /** @param by who asked for it; none: nobody was left */
    void closed(SessionId session, Optional<Caller> by) {
        say(Operation.CLOSE, by.orElse(NOBODY), session, 0, by.isPresent() ? "removed" : "nobody is left");
    }

    /** What was to become of the session could not be journaled; it will be tried again. */
    void failed(Operation operation, SessionId session, String reason) {
        refused(operation, NOBODY, Optional.of(session), ErrorCode.INTERNAL, reason);
    }

    /** The request, whose refusal will be said, too, where it is a decision or about who was asking. */
    Refusable heard(Register register, Refusable request) {
        return switch (request) {
            case Sessions.Open open ->
                (code, text) -> {
                    refused(Operation.OPEN, open.caller(), Optional.empty(), code, text);
                    open.refuse(code, text);
                };
            case Sessions.Join join ->
                (code, text) -> {
                    refused(Operation.TOKEN, join.caller(), meant(register, join.selector()), code, text);
                    join.refuse(code, text);
                };
            case Sessions.Update update ->
                (code, text) -> {
                    refused(asked(update), update.caller(), meant(register, update.selector()), code, text);
                    update.refuse(code, text);
                };
            case Sessions.Remove remove ->
                (code, text) -> {
                    refused(Operation.CLOSE, remove.caller(), meant(register, remove.selector()), code, text);
                    remove.refuse(code, text);
                };
            case Sessions.Inspect inspect -> watched(register, inspect, inspect.caller(), inspect.selector());
            case Sessions.Allocations list -> watched(register, list, list.caller(), list.selector());
            default -> request;
        };
    }

    /** A look decides nothing: of its refusals only those are said that are about who was asking. */
    private Refusable watched(Register register, Refusable look, Caller caller, String selector) {
        return (code, text) -> {
            if (Operation.isAboutWho(code)) {
                refused(Operation.LOGIN, caller, meant(register, selector), code, text);
            }
            look.refuse(code, text);
        };
    }

    private static Operation asked(Sessions.Update update) {
        return update.limit().isPresent() ? Operation.RESIZE : Operation.RENEW;
    }

    private static Optional<SessionId> meant(Register register, String selector) {
        List<Register.Entry> matching = register.matching(selector);
        return matching.size() == 1 ? Optional.of(matching.getFirst().id()) : Optional.empty();
    }

    void outdated(Sessions.Update update, Register.Entry entry) {
        refused(asked(update), update.caller(), Optional.of(entry.id()), ErrorCode.BAD_REQUEST, OUTDATED);
    }

    void outdated(Sessions.Remove remove, Register.Entry entry) {
        refused(Operation.CLOSE, remove.caller(), Optional.of(entry.id()), ErrorCode.BAD_REQUEST, OUTDATED);
    }

    private void refused(Operation operation, Caller caller, Optional<SessionId> session, ErrorCode code, String why) {
        telemetry.happened(new Occurrence(
                clock.now(),
                operation.refused(code),
                Result.of(code),
                session,
                caller.pid(),
                caller.uid(),
                Optional.empty(),
                0,
                Optional.of(code),
                why));
    }

    private void say(Operation operation, Caller caller, SessionId session, long bytes, String detail) {
        telemetry.happened(new Occurrence(
                clock.now(),
                operation,
                Result.OK,
                Optional.of(session),
                caller.pid(),
                caller.uid(),
                Optional.empty(),
                bytes,
                Optional.empty(),
                detail));
    }
}
