// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Change;
import io.gpuslice.domain.Decisions;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/** How a session ends: by itself when nobody is left, or because somebody asks. What that takes, {@link Vigil} knows. */
final class Ending {

    private static final Duration REMINDER = Duration.ofSeconds(1);

    private final SessionScope scope;
    private final TimerScheduler<Session.Command> timers;

    Ending(SessionScope scope, TimerScheduler<Session.Command> timers) {
        this.scope = scope;
        this.timers = timers;
    }

    ReplyEffect<SessionEvent, Books> remove(Session.Remove remove) {
        scan(new Vigil.Scan.ForRemoval(remove.request()));
        return scope.effects().noReply();
    }

    ReplyEffect<SessionEvent, Books> scanned(Books books, Session.Scanned scanned) {
        List<ProcessId> members =
                books.ledger().members().stream().map(Member::process).toList();
        return switch (scope.vigil().scanned(scanned.scan(), scanned.found(), members)) {
            case Vigil.Next.Close close -> close(books);
            case Vigil.Next.Wait wait -> {
                wait.watch().forEach(scope::watch);
                yield scope.effects().noReply();
            }
            case Vigil.Next.Grace grace -> {
                timers.startSingleTimer(
                        Vigil.Timer.GRACE,
                        new Session.TimeIsUp(Vigil.Timer.GRACE),
                        scope.settings().endGrace());
                yield scope.effects().noReply();
            }
            case Vigil.Next.End end -> {
                end.processes().forEach(scope::watch);
                tellToEnd(books, end);
                yield scope.effects().noReply();
            }
        };
    }

    private void tellToEnd(Books books, Vigil.Next.End end) {
        timers.startSingleTimer(
                end.next(), new Session.TimeIsUp(end.next()), scope.settings().killGrace());
        scope.ports().blocking().execute(() -> {
            for (ProcessId process : end.processes()) {
                try {
                    scope.ports().processes().end(process, end.urgency());
                    scope.chronicle().signalled(books, process, end.urgency(), Optional.empty());
                } catch (IOException e) {
                    scope.chronicle()
                            .signalled(books, process, end.urgency(), Optional.of(String.valueOf(e.getMessage())));
                    scope.self().tell(new Session.Failure("ending " + process, e));
                }
            }
        });
    }

    ReplyEffect<SessionEvent, Books> timeIsUp(Books books, Vigil.Timer timer) {
        switch (timer) {
            case SCAN -> consider(books);
            case GRACE -> consider(books, new Vigil.Scan.AfterGrace());
            case KILL -> scan(new Vigil.Scan.ForKill());
            case GIVE_UP -> scope.vigil().giveUp();
            case ANNOUNCE -> announce();
        }
        return scope.effects().noReply();
    }

    /** To be called whenever somebody is gone: perhaps nobody is left. */
    void consider(Books books) {
        if (books.ledger().state() == SessionState.CLOSED) {
            announceEnd();
        } else {
            consider(books, new Vigil.Scan.First());
        }
    }

    private void consider(Books books, Vigil.Scan scan) {
        // One that was opened for nobody in particular waits for somebody, until its time is over; a kept one for ever.
        boolean ends = !scope.terms().has(Abi.FLAG_KEEP)
                && (!scope.terms().has(Abi.FLAG_NO_LEADER) || scope.terms().expired());
        if (books.ledger().members().isEmpty()
                && books.ledger().remains().isEmpty()
                && scope.vigil().isOver()
                && (ends || scope.vigil().isRemoving())) {
            scan(scan);
        }
    }

    private void scan(Vigil.Scan scan) {
        SessionId id = scope.terms().id();
        scope.pipe(
                () -> {
                    try {
                        return new Session.Scanned(
                                scan, scope.ports().processes().inSession(id));
                    } catch (IOException e) {
                        return new Session.Unscanned(scan, e);
                    }
                },
                cause -> new Session.Unscanned(scan, cause));
    }

    /** As long as nobody knows who is left, the session does not end; it is looked again. */
    ReplyEffect<SessionEvent, Books> unscanned(Session.Unscanned failed) {
        scope.complain(new Session.Failure("looking for the processes of session", failed.cause()));
        switch (failed.scan()) {
            case Vigil.Scan.First first -> repeat(Vigil.Timer.SCAN);
            case Vigil.Scan.AfterGrace afterGrace -> repeat(Vigil.Timer.GRACE);
            case Vigil.Scan.ForKill forKill -> repeat(Vigil.Timer.KILL);
            case Vigil.Scan.ForRemoval(Sessions.Remove request) ->
                scope.chronicle()
                        .heard(new Session.Remove(request))
                        .refuse(
                                ErrorCode.INTERNAL,
                                "the processes of session " + scope.terms().id() + " cannot be looked for: "
                                        + failed.cause().getMessage() + "; nothing has changed, try again");
        }
        return scope.effects().noReply();
    }

    private void repeat(Vigil.Timer timer) {
        timers.startSingleTimer(timer, new Session.TimeIsUp(timer), REMINDER);
    }

    private ReplyEffect<SessionEvent, Books> close(Books books) {
        Change change = Decisions.close(books.ledger(), scope.pages());
        List<SessionEvent> events = SessionScope.booked(change);
        return scope.persist(events, reason -> scope.vigil().notEnded(Journaling.notRecorded(reason)))
                .thenRun(after -> {
                    scope.pages().write(change.writes());
                    scope.chronicle().recorded(books, events);
                    announceEnd();
                })
                .thenNoReply();
    }

    /** Said again until it is heard: the list's own journal may fail. */
    private void announceEnd() {
        announce();
        timers.startTimerWithFixedDelay(Vigil.Timer.ANNOUNCE, new Session.TimeIsUp(Vigil.Timer.ANNOUNCE), REMINDER);
    }

    private void announce() {
        scope.report(new Sessions.Ended(scope.terms().id(), scope.vigil().remover()));
    }

    ReplyEffect<SessionEvent, Books> stop() {
        scope.vigil().removed();
        return scope.effects().stop().thenNoReply();
    }
}
