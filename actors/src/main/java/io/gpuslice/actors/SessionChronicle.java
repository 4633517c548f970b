// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.SessionEvent.Departed;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.Decision;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.LedgerEvent.Charged;
import io.gpuslice.domain.LedgerEvent.Held;
import io.gpuslice.domain.LedgerEvent.Left;
import io.gpuslice.domain.LedgerEvent.Lingered;
import io.gpuslice.domain.LedgerEvent.Lingers;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.PageLookup;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.Status;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** Says what becomes of one session, each thing when it is so, and remembers the last refusals. */
final class SessionChronicle {

    private static final int KEPT = 16;
    private static final int UNKNOWN_UID = -1;
    /** Says of memory that it was another process's first. */
    private static final String IMPORTED = "IMPORTED";

    private final Telemetry telemetry;
    private final Clock clock;
    private final Optional<SessionId> session;
    private final boolean strict;
    private final Deque<Refusal> refusals = new ArrayDeque<>();

    SessionChronicle(Session.Terms terms, Ports ports) {
        this.telemetry = ports.telemetry();
        this.clock = ports.clock();
        this.session = Optional.of(terms.id());
        this.strict = terms.has(Abi.FLAG_STRICT);
    }

    /** The last refusals, the newest first. */
    List<Refusal> refusals() {
        return List.copyOf(refusals);
    }

    // ---------------------------------------------------------------- memory

    /**
     * A member's request was decided, and what it changes is in the journal.
     *
     * @param before the books that it was decided by
     */
    void decided(Books before, Session.Charge charge, Decision decision) {
        switch (decision) {
            case Decision.Granted granted -> granted(before, charge, granted);
            case Decision.Denied denied -> denied(before, charge, denied);
        }
    }

    private void granted(Books before, Session.Charge charge, Decision.Granted granted) {
        Member member = before.ledger().member(charge.process()).orElseThrow();
        DeviceId device = member.devices().get(charge.device());
        List<LedgerEvent> events = granted.change().events();
        if (events.size() > 1) {
            recorded(before, SessionScope.booked(granted.change()));
        }
        long bytes = strict ? charge.bytes() : raised(member, device, events);
        String detail = charge.held() ? "held already" : "";
        say(Operation.GRANT, Result.OK, before, charge.process(), Optional.of(device), bytes, Optional.empty(), detail);
    }

    /** By how much the last of the events raises the charge; what was collected from the member itself comes before. */
    private static long raised(Member member, DeviceId device, List<LedgerEvent> events) {
        long charge = member.charge(device);
        long raised = 0;
        for (LedgerEvent event : events) {
            Optional<Long> now = switch (event) {
                case Charged(var process, var on, long bytes)
                when process.equals(member.process()) && on.equals(device) -> Optional.of(bytes);
                case Held(var process, var on, long bytes)
                when process.equals(member.process()) && on.equals(device) -> Optional.of(bytes);
                default -> Optional.empty();
            };
            raised = now.isPresent() ? now.get() - charge : raised;
            charge = now.orElse(charge);
        }
        return raised;
    }

    private void denied(Books before, Session.Charge charge, Decision.Denied denied) {
        recorded(before, SessionScope.booked(denied.change()));
        deny(before, charge, denied.code(), denied.used(), denied.limit(), numbers(denied.used(), denied.limit()));
    }

    /** A member's request could not be decided: the journal failed. */
    void undecided(Books books, Session.Charge charge, PageLookup pages, String reason) {
        Optional<Status.DeviceUse> use = device(books, charge)
                .map(device -> Status.of(books.ledger(), pages)
                        .on(device, books.ledger().limits()));
        deny(
                books,
                charge,
                ErrorCode.INTERNAL,
                use.map(Status.DeviceUse::used).orElse(0L),
                use.map(Status.DeviceUse::limit).orElse(0L),
                reason);
    }

    private void deny(Books books, Session.Charge charge, ErrorCode code, long used, long limit, String detail) {
        ProcessId process = charge.process();
        Optional<DeviceId> device = device(books, charge);
        say(Operation.DENY, Result.of(code), books, process, device, charge.bytes(), Optional.of(code), detail);
        device.ifPresent(id -> remember(new Refusal(clock.now(), process, id, code, charge.bytes(), used, limit)));
    }

    private void remember(Refusal refusal) {
        if (refusals.size() == KEPT) {
            refusals.removeLast();
        }
        refusals.addFirst(refusal);
    }

    private static Optional<DeviceId> device(Books books, Session.Charge charge) {
        return books.ledger()
                .member(charge.process())
                .map(Member::devices)
                .filter(devices -> charge.device() >= 0 && charge.device() < devices.size())
                .map(devices -> devices.get(charge.device()));
    }

    private static String numbers(long used, long limit) {
        return used + " of " + limit + " bytes used";
    }

    // --------------------------------------------------------------- members

    /**
     * The process is a member.
     *
     * @param detail how
     */
    void joined(Session.Hello hello, String detail) {
        telemetry.happened(new Occurrence(
                clock.now(),
                Operation.JOIN,
                Result.OK,
                session,
                hello.peer().process().pid(),
                hello.peer().uid(),
                Optional.empty(),
                0,
                Optional.empty(),
                detail));
    }

    /**
     * These events are in the journal: says whose credit was taken by them, and who is gone.
     *
     * @param before the books before the first of them
     */
    void recorded(Books before, List<SessionEvent> events) {
        Books books = before;
        long held = 0;
        for (SessionEvent event : events) {
            switch (event) {
                case Departed departed -> held = departed.held();
                case Booked(Left left) -> reclaim(Result.OK, before, left, held, Optional.empty());
                case Booked(Lingers lingers) -> lingers(before, lingers);
                case Booked(Lingered lingered) -> lingered(Result.OK, before, lingered, Optional.empty());
                case Booked(Charged charged) -> lowered(books, charged);
                default -> {}
            }
            books = books.apply(event);
        }
    }

    /** These events could not be journaled: whoever has left by them still has its charge. */
    void unrecorded(Books books, List<SessionEvent> events) {
        for (SessionEvent event : events) {
            switch (event) {
                case Booked(Left left) -> reclaim(Result.FAILED, books, left, 0, Optional.of(ErrorCode.INTERNAL));
                case Booked(Lingered lingered) ->
                    lingered(Result.FAILED, books, lingered, Optional.of(ErrorCode.INTERNAL));
                default -> {}
            }
        }
    }

    private void lowered(Books books, Charged charged) {
        long former = books.ledger()
                .member(charged.process())
                .map(member -> member.charge(charged.device()))
                .orElse(0L);
        if (charged.charge() < former) {
            say(
                    Operation.COLLECT,
                    Result.OK,
                    books,
                    charged.process(),
                    Optional.of(charged.device()),
                    former - charged.charge(),
                    Optional.empty(),
                    "");
        }
    }

    private void reclaim(Result result, Books books, Left left, long held, Optional<ErrorCode> error) {
        List<DeviceId> devices =
                books.ledger().member(left.process()).map(Member::devices).orElse(List.of());
        Optional<DeviceId> only = devices.size() == 1 ? Optional.of(devices.getFirst()) : Optional.empty();
        String detail = left.reason().name();
        say(Operation.RECLAIM, result, books, left.process(), only, held, error, detail);
    }

    /** Others keep what the process held: only its credit is back. */
    private void lingers(Books books, Lingers lingers) {
        Member member = books.ledger().member(lingers.process()).orElseThrow();
        for (DeviceId device : member.devices()) {
            long credit = member.charge(device) - lingers.held().getOrDefault(device, 0L);
            if (credit > 0) {
                say(
                        Operation.COLLECT,
                        Result.OK,
                        books,
                        lingers.process(),
                        Optional.of(device),
                        credit,
                        Optional.empty(),
                        "");
            }
        }
    }

    private void lingered(Result result, Books books, Lingered lingered, Optional<ErrorCode> error) {
        lingered.returned()
                .forEach((device, bytes) -> say(
                        Operation.RECLAIM,
                        result,
                        books,
                        lingered.process(),
                        Optional.of(device),
                        result == Result.OK ? bytes : 0,
                        error,
                        "LINGERED"));
    }

    /** The process counts from now on for memory whose exporter has let go of it. */
    void tookOver(Books books, ProcessId process, Stake stake) {
        imported(Operation.GRANT, books, process, stake);
    }

    /** The process does not count for such memory any longer: it has closed it, or is gone. */
    void letGo(Books books, ProcessId process, Stake stake) {
        imported(stake.ended() ? Operation.FREE : Operation.RECLAIM, books, process, stake);
    }

    private void imported(Operation operation, Books books, ProcessId process, Stake stake) {
        say(
                operation,
                Result.OK,
                books,
                process,
                Optional.of(stake.device()),
                stake.bytes(),
                Optional.empty(),
                IMPORTED);
    }

    /** A process was found that the limit does not reach. */
    void unenforced(ProcessId process, Unenforced past) {
        String detail = past.why() + ": " + past.command();
        say(Operation.UNENFORCED, Result.OK, Books.BLANK, process, Optional.empty(), 0, Optional.empty(), detail);
    }

    /**
     * A dead process's charge is back.
     *
     * @param heard on {@link Clock#nanos()}, when its death was
     */
    void reclaimed(long heard) {
        telemetry.took(Timing.RECLAIM, clock.nanos() - heard);
    }

    // ------------------------------------------------------------------- end

    /**
     * The process was told to end.
     *
     * @param problem why it could not be; none: it was
     */
    void signalled(Books books, ProcessId process, ProcessTable.Urgency urgency, Optional<String> problem) {
        say(
                Operation.SIGNAL,
                problem.isEmpty() ? Result.OK : Result.FAILED,
                books,
                process,
                Optional.empty(),
                0,
                problem.map(_ -> ErrorCode.INTERNAL),
                (urgency == ProcessTable.Urgency.ASK ? "SIGTERM" : "SIGKILL")
                        + problem.map(reason -> ": " + reason).orElse(""));
    }

    /** Somebody's wish to end the session is refused. */
    void notRemoved(Sessions.Remove request, ErrorCode code, String why) {
        telemetry.happened(new Occurrence(
                clock.now(),
                Operation.CLOSE,
                Result.of(code),
                session,
                request.caller().pid(),
                request.caller().uid(),
                Optional.empty(),
                0,
                Optional.of(code),
                why));
    }

    /** The request, whose refusal will be said, too, where it is a decision. */
    Refusable heard(Refusable request) {
        return switch (request) {
            case Session.Charge charge ->
                (code, text) -> {
                    deny(Books.BLANK, charge, code, 0, 0, text);
                    charge.refuse(code, text);
                };
            case Session.Remove remove ->
                (code, text) -> {
                    notRemoved(remove.request(), code, text);
                    remove.refuse(code, text);
                };
            // A refused HELLO is said by the door, which also knows those that find no session.
            default -> request;
        };
    }

    private void say(
            Operation operation,
            Result result,
            Books books,
            ProcessId process,
            Optional<DeviceId> device,
            long bytes,
            Optional<ErrorCode> error,
            String detail) {
        SessionEvent.Admitted who = books.admitted().get(process);
        telemetry.happened(new Occurrence(
                clock.now(),
                operation,
                result,
                session,
                process.pid(),
                who == null ? UNKNOWN_UID : who.uid(),
                device,
                bytes,
                error,
                detail));
    }
}
