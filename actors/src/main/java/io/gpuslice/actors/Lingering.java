// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.Remains;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/**
 * Looks who keeps the memory of a dead member, or of a program that a member was before. The driver lets it go when the
 * last descriptor of the device that came from that process is closed; a child that it left behind may have inherited one.
 */
final class Lingering {

    private static final Duration REMINDER = Duration.ofSeconds(1);

    private final SessionScope scope;
    private final Relatives relatives;
    private final TimerScheduler<Session.Command> timers;
    private final Set<ProcessId> sought = new HashSet<>();
    /** Those that died since the look in progress began, which may have come too early to find who keeps theirs. */
    private final List<Session.Died> next = new ArrayList<>();

    /** Whether to look again at what remains. */
    private boolean again;

    private boolean looking;
    /** Requests that a death may make room for. */
    private final List<Session.Charge> waiting = new ArrayList<>();

    Lingering(SessionScope scope, Relatives relatives, TimerScheduler<Session.Command> timers) {
        this.scope = scope;
        this.relatives = relatives;
        this.timers = timers;
    }

    /**
     * Looks who keeps what the dead process held: {@link Session.Sought} or {@link Session.Unsought} follows. One look at
     * all processes serves everybody who died before it began: hundreds die at once where a job ends.
     */
    void seek(Books books, Session.Died died) {
        if (sought.add(died.process())) {
            next.add(died);
            lookForNext(books);
        }
    }

    private void lookForNext(Books books) {
        if (looking || (next.isEmpty() && !again)) {
            return;
        }
        looking = true;
        again = false;
        List<Session.Died> dead = List.copyOf(next);
        next.clear();
        List<Remains> remains = books.ledger().remains().stream()
                .filter(left -> left.reason() == Remains.Reason.LINGERING)
                .toList();
        Look look = look(books);
        scope.pipe(
                () -> {
                    try {
                        List<ProcessId> keepers = look.keepers();
                        Stream<Session.Command> died = dead.stream().map(who -> new Session.Sought(who, keepers));
                        Stream<Session.Command> left =
                                remains.stream().map(what -> new Session.LookedAgain(what, keepers));
                        return new Session.LookedForKeepers(
                                Stream.concat(died, left).toList());
                    } catch (IOException e) {
                        return unsought(dead, e);
                    }
                },
                cause -> unsought(dead, cause));
    }

    private static Session.Command unsought(List<Session.Died> dead, Throwable cause) {
        return new Session.LookedForKeepers(dead.stream()
                .<Session.Command>map(died -> new Session.Unsought(died, cause))
                .toList());
    }

    /** What follows is done one death at a time. */
    ReplyEffect<SessionEvent, Books> looked(Books books, Session.LookedForKeepers looked) {
        looking = false;
        looked.results().forEach(scope.self()::tell);
        lookForNext(books);
        return scope.effects().noReply();
    }

    /** Looks again whether anybody keeps what remains. To be called in each round, and when somebody dies. */
    void seekAgain(Books books) {
        again |= books.ledger().remains().stream().anyMatch(left -> left.reason() == Remains.Reason.LINGERING);
        lookForNext(books);
    }

    /** A look for keepers that is still to be made, away from the event loop. */
    @FunctionalInterface
    interface Look {
        /** As {@link Lingering#keepers}. */
        List<ProcessId> keepers() throws IOException;
    }

    /** Whom these books make a keeper. */
    Look look(Books books) {
        SessionId id = scope.terms().id();
        Set<ProcessId> roots = relatives.roots(books);
        Set<ProcessId> members = Relatives.members(books);
        return () -> keepers(scope.ports().processes(), id, roots, members);
    }

    /**
     * Looks whether the member has become another program, and if so says it and who keeps what the former one held. May
     * block: never on the loop.
     */
    void reportExec(Member member, Look look) {
        if (scope.ports().processes().hasPageOf(member.process(), member.image())) {
            return;
        }
        try {
            scope.self().tell(new Session.Execed(member.process(), member.image(), look.keepers()));
        } catch (IOException e) {
            scope.self().tell(new Session.Failure("looking for who keeps the memory of " + member.process(), e));
        }
    }

    /**
     * The living processes of a session that are no members and have a device open. Takes its time: not on the event loop.
     *
     * @throws IOException if they cannot be looked for
     */
    static List<ProcessId> keepers(ProcessTable table, SessionId session, Set<ProcessId> roots, Set<ProcessId> members)
            throws IOException {
        return table.relatives(Map.of(session, roots)).getOrDefault(session, List.of()).stream()
                .filter(process -> !members.contains(process))
                .filter(table::holdsDevice)
                .toList();
    }

    /**
     * Whether a request over the limit is to wait because a member's death is being looked into; it then comes again by
     * itself.
     */
    boolean defer(Books books, Session.Charge charge) {
        boolean wait = sought.stream()
                .anyMatch(process -> books.ledger().member(process).isPresent());
        if (wait) {
            waiting.add(charge);
        }
        return wait;
    }

    /** The look is over, and what follows from it is done. */
    void over(ProcessId process) {
        sought.remove(process);
        askAgain();
    }

    /** To be called when the actor restarts, as after a failed write: it hears of the deaths again. */
    void restarting() {
        sought.clear();
        next.clear();
        again = false;
        looking = false;
        askAgain();
    }

    private void askAgain() {
        waiting.forEach(scope.self()::tell);
        waiting.clear();
    }

    /** As long as nobody knows who keeps it, it stays charged; it is looked again. */
    ReplyEffect<SessionEvent, Books> unsought(Session.Unsought failed) {
        Session.Died died = failed.died();
        scope.complain(new Session.Failure("looking for who keeps the memory of " + died.process(), failed.cause()));
        timers.startSingleTimer(died.process(), died, REMINDER);
        over(died.process());
        return scope.effects().noReply();
    }

    /** Whether the member may have held anything. */
    static boolean isCharged(Member member) {
        return member.charges().stream().anyMatch(charge -> charge > 0);
    }
}
