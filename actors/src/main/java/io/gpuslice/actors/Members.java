// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Admitted;
import io.gpuslice.actors.SessionEvent.Departed;
import io.gpuslice.actors.SessionEvent.Unshared;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.Change;
import io.gpuslice.domain.Decisions;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Joining;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.ShareKey;
import io.gpuslice.domain.Status;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;
import org.jspecify.annotations.Nullable;

/** How processes become members of a session, and cease to be. */
final class Members {

    private final SessionScope scope;
    private final Ending ending;
    private final Rounds rounds;
    private final Relatives relatives;
    private final Lingering lingering;
    private final Sharing sharing;

    Members(
            SessionScope scope,
            Ending ending,
            Rounds rounds,
            Relatives relatives,
            Lingering lingering,
            Sharing sharing) {
        this.scope = scope;
        this.ending = ending;
        this.rounds = rounds;
        this.relatives = relatives;
        this.lingering = lingering;
        this.sharing = sharing;
    }

    ReplyEffect<SessionEvent, Books> hello(Books books, Session.Hello hello) {
        Optional<Access.Refusal> refusal = scope.settings()
                .access()
                .toBeMember(hello.peer().uid(), scope.terms().uid());
        if (!TokenHash.anyMatches(scope.terms().tokens(), hello.token())) {
            hello.refuse(
                    ErrorCode.UNAUTHENTICATED,
                    "the token does not open session " + scope.terms().id() + ": `gpuslice exec` gets one that does");
        } else if (refusal.isPresent()) {
            hello.refuse(refusal.get().code(), refusal.get().text());
        } else if (scope.vigil().isRemoving()) {
            hello.refuse(
                    ErrorCode.SESSION_CLOSED, "session " + scope.terms().id() + " is being removed: open another one");
        } else {
            MemberPage page = pageOf(books, hello);
            if (page != null) {
                return join(books, hello, page, Optional.empty(), List.of());
            }
            boolean mayLeaveBehind = books.ledger()
                    .member(hello.peer().process())
                    .filter(former -> !former.image().equals(hello.image()) && Lingering.isCharged(former))
                    .isPresent();
            Lingering.Look keepers = mayLeaveBehind ? lingering.look(books) : List::of;
            scope.pipe(
                    () -> prepare(hello, keepers), "a page for " + hello.peer().process());
        }
        return scope.effects().noReply();
    }

    /** The page that the same program of the same process has already. */
    private @Nullable MemberPage pageOf(Books books, Session.Hello hello) {
        return sameProgram(books, hello)
                .map(member -> scope.pages().of(member.process()))
                .orElse(null);
    }

    private static Optional<Member> sameProgram(Books books, Session.Hello hello) {
        return books.ledger()
                .member(hello.peer().process())
                .filter(member -> member.image().equals(hello.image()));
    }

    private Session.Command prepare(Session.Hello hello, Lingering.Look look) {
        ProcessId process = hello.peer().process();
        try {
            List<ProcessId> keepers = look.keepers();
            MemberPage page = scope.ports().pages().create(process, hello.image(), hello.devices());
            return new Session.Prepared(
                    hello,
                    scope.freshPages().made(page),
                    scope.ports().processes().command(process),
                    keepers);
        } catch (IOException | RuntimeException e) {
            return new Session.Unprepared(hello, String.valueOf(e.getMessage()));
        }
    }

    ReplyEffect<SessionEvent, Books> unprepared(Session.Unprepared unprepared) {
        unprepared.hello().refuse(ErrorCode.INTERNAL, "no ledger page could be made: " + unprepared.reason());
        return scope.effects().noReply();
    }

    ReplyEffect<SessionEvent, Books> prepared(Books books, Session.Prepared prepared) {
        boolean isOther = sameProgram(books, prepared.hello()).isEmpty();
        if (isOther && sharing.handsOver(books, prepared.hello().peer().process(), prepared)) {
            // What the former program of the process shared.
            return scope.effects().noReply();
        }
        scope.freshPages().taken(prepared.page());
        MemberPage earlier = pageOf(books, prepared.hello());
        if (earlier != null) {
            // The process said HELLO twice, and the other one was faster.
            prepared.page().close();
            return join(books, prepared.hello(), earlier, Optional.empty(), List.of());
        }
        return join(books, prepared.hello(), prepared.page(), Optional.of(prepared.command()), prepared.keepers());
    }

    /**
     * @param command of the process, where the page was made for it just now
     * @param keepers of what a former program of it held
     */
    private ReplyEffect<SessionEvent, Books> join(
            Books books, Session.Hello hello, MemberPage page, Optional<String> command, List<ProcessId> keepers) {
        ProcessId process = hello.peer().process();
        Change before = books.ledger()
                .member(process)
                .filter(member -> !member.image().equals(hello.image()) && !keepers.isEmpty())
                .map(member -> outlived(books, process, member.image(), keepers))
                .orElse(Change.NONE);
        Ledger ledger = books.ledger().apply(before.events());
        return switch (Decisions.join(ledger, process, hello.image(), hello.devices(), page.identity())) {
            case Joining.Refused refused -> {
                command.ifPresent(_ -> page.close());
                hello.refuse(refused.code(), refused.text());
                yield scope.effects().noReply();
            }
            case Joining.Welcomed welcomed -> {
                Optional<Member> lost = command.flatMap(_ -> sameProgram(books, hello));
                lost.ifPresent(member -> presetUsed(member, page));
                List<SessionEvent> events =
                        before.events().isEmpty() ? new ArrayList<>() : outlives(books, process, before);
                events.addAll(departures(books, welcomed.change()));
                events.addAll(SessionScope.booked(welcomed.change()));
                command.ifPresent(line -> events.add(new Admitted(
                        process, hello.peer().uid(), line, scope.ports().clock().now())));
                yield scope.persist(events, reason -> {
                            command.ifPresent(_ -> page.close());
                            hello.refuse(ErrorCode.INTERNAL, Journaling.notRecorded(reason));
                        })
                        .thenRun(after -> {
                            lost.ifPresentOrElse(
                                    _ -> scope.pages().putInstead(process, page),
                                    () -> scope.pages().put(process, page));
                            scope.pages().write(before.writes());
                            scope.pages().write(welcomed.change().writes());
                            scope.chronicle().recorded(books, events);
                            sharing.left(books, scope.mine(after));
                            scope.chronicle().joined(hello, command.orElse("again"));
                            scope.watch(process);
                            rounds.begin(scope.mine(after));
                        })
                        .thenReply(hello.replyTo(), after -> welcome(hello, page));
            }
        };
    }

    /**
     * A page that replaces a lost one: its program still holds what it was charged, and carries its books over when it has
     * the page. Until then all of it counts as used, so that nobody collects it.
     */
    private static void presetUsed(Member member, MemberPage page) {
        for (int device = 0; device < member.charges().size(); device++) {
            page.presetUsed(device, member.charges().get(device));
        }
    }

    private Session.HelloReply welcome(Session.Hello hello, MemberPage page) {
        List<Long> limits =
                hello.devices().stream().map(scope.terms().limits()::on).toList();
        return new Session.HelloReply.Welcomed(scope.terms().flags(), limits, page, scope.self());
    }

    /** The end of a socket is no end of a process; but if its page is gone from its memory, the program is another. */
    ReplyEffect<SessionEvent, Books> disconnected(Books books, Session.Disconnected end) {
        books.ledger()
                .member(end.process())
                .filter(member -> member.image().equals(end.image()))
                .ifPresent(member -> {
                    Lingering.Look keepers = lingering.look(books);
                    scope.ports().blocking().execute(() -> lingering.reportExec(member, keepers));
                });
        return scope.effects().noReply();
    }

    /** Old news where the new program has said HELLO meanwhile. */
    ReplyEffect<SessionEvent, Books> execed(Books books, Session.Execed gone) {
        ProcessId process = gone.process();
        Change change = Decisions.execed(books.ledger(), process, gone.image());
        if (!change.events().isEmpty() && sharing.handsOver(books, process, gone)) {
            return scope.effects().noReply();
        }
        if (change.events().isEmpty() || gone.keepers().isEmpty()) {
            return leave(books, process, change, () -> {});
        }
        Change outlived = outlived(books, process, gone.image(), gone.keepers());
        return leave(books, process, outlived, outlives(books, process, outlived), () -> {});
    }

    /** A process has become another program, but others keep what the former one held. */
    private Change outlived(Books books, ProcessId process, ImageId image, List<ProcessId> keepers) {
        Change change = Decisions.outlived(books.ledger(), process, image, scope.pages());
        if (change.events().stream().anyMatch(LedgerEvent.Lingers.class::isInstance)) {
            keepers.forEach(scope::keepAliveBy);
            warnOfLingering(process, "is another program", keepers);
        }
        return change;
    }

    /** What it shared, it has handed over, and its next program begins anew. */
    List<SessionEvent> outlives(Books books, ProcessId process, Change change) {
        List<SessionEvent> events = departures(books, change);
        events.addAll(SessionScope.booked(change));
        Set<ShareKey> shared = books.stakes(process).keySet();
        if (!shared.isEmpty()) {
            events.add(new Unshared(process, shared));
        }
        return events;
    }

    /** Nothing is said of the process here, which may live, as another program and a member again. */
    ReplyEffect<SessionEvent, Books> lookedAgain(Books books, Session.LookedAgain looked) {
        ProcessId process = looked.left().process();
        looked.keepers().forEach(scope::keepAliveBy);
        boolean isOver =
                looked.keepers().isEmpty() && books.ledger().remains(process).equals(Optional.of(looked.left()));
        boolean isMember = books.ledger().member(process).isPresent();
        if (!isOver || (!isMember && sharing.handsOver(books, process, looked))) {
            return scope.effects().noReply();
        }
        return leave(books, process, Decisions.lingered(books.ledger(), process), () -> {});
    }

    ReplyEffect<SessionEvent, Books> died(Books books, Session.Died died) {
        ProcessId process = died.process();
        scope.vigil().gone(process);
        relatives.gone(process);
        if (Views.held(Status.of(books.ledger(), scope.pages()), process) > 0) {
            lingering.seek(books, died);
            return scope.effects().noReply();
        }
        lingering.seekAgain(books);
        return sharing.handsOver(books, process, died)
                ? scope.effects().noReply()
                : reclaim(books, died, Decisions.died(books.ledger(), process));
    }

    /** Others may keep what a dead process held: then only its credit is returned now, and the rest when they are gone. */
    ReplyEffect<SessionEvent, Books> sought(Books books, Session.Sought sought) {
        ProcessId process = sought.died().process();
        sought.keepers().forEach(scope::keepAliveBy);
        if (sought.keepers().isEmpty() && sharing.handsOver(books, process, sought)) {
            return scope.effects().noReply();
        }
        if (sought.keepers().isEmpty()) {
            Change died = Decisions.died(books.ledger(), process);
            Change change = died.events().isEmpty() ? Decisions.lingered(books.ledger(), process) : died;
            return reclaim(books, sought.died(), change);
        }
        Change lingers = Decisions.lingers(books.ledger(), process, scope.pages());
        if (!lingers.events().isEmpty()) {
            warnOfLingering(process, "is dead", sought.keepers());
        }
        return leave(books, process, lingers, () -> {});
    }

    private void warnOfLingering(ProcessId process, String what, List<ProcessId> keepers) {
        scope.warn(process)
                .log(
                        "{} {}, but {} of its session still has a device open that may keep its memory from being"
                                + " freed: what it held stays counted until that ends",
                        process,
                        what,
                        keepers.getFirst());
    }

    private ReplyEffect<SessionEvent, Books> reclaim(Books books, Session.Died died, Change change) {
        return leave(books, died.process(), change, () -> {
            if (!change.events().isEmpty()) {
                scope.chronicle().reclaimed(died.heard());
            }
        });
    }

    private ReplyEffect<SessionEvent, Books> leave(Books books, ProcessId process, Change change, Runnable recorded) {
        List<SessionEvent> events = departures(books, change);
        events.addAll(SessionScope.booked(change));
        return leave(books, process, change, events, recorded);
    }

    private ReplyEffect<SessionEvent, Books> leave(
            Books books, ProcessId process, Change change, List<SessionEvent> events, Runnable recorded) {
        return scope.persist(events, _ -> scope.chronicle().unrecorded(books, events))
                .thenRun(slot -> {
                    scope.chronicle().recorded(books, events);
                    recorded.run();
                    Books after = scope.mine(slot);
                    if (after.ledger().member(process).isEmpty()) {
                        scope.pages().remove(process);
                    }
                    scope.pages().write(change.writes());
                    sharing.left(books, after);
                    lingering.over(process);
                    ending.consider(after);
                })
                .thenNoReply();
    }

    /** What those that leave by this change held and had done: to be read while their pages are still there. */
    List<SessionEvent> departures(Books books, Change change) {
        List<SessionEvent> departures = new ArrayList<>();
        for (LedgerEvent event : change.events()) {
            switch (event) {
                case LedgerEvent.Left left -> departures.add(departed(books, left.process()));
                case LedgerEvent.Lingers lingers -> departures.add(departed(books, lingers.process()));
                default -> {}
            }
        }
        return departures;
    }

    private Departed departed(Books books, ProcessId process) {
        // What one held whose page is lost, nobody knows: its charge is no answer, most of it may have been credit.
        boolean isLost = scope.pages().of(process) == null;
        long held = isLost ? 0 : Views.held(Status.of(books.ledger(), scope.pages()), process);
        return new Departed(process, held, scope.pages().counters(process));
    }
}
