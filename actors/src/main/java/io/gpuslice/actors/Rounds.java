// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.domain.Status;
import io.gpuslice.domain.Status.PageHealth;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/**
 * What a session has to look at because nobody tells it: whether a member has become another program, whether its page
 * makes sense, who belongs to the session besides its members, and whether a dead one's memory is still kept. The kernel
 * reports no exec to others, and its hint, the end of the socket, does not come where a forked child has the socket too,
 * or where the program had none since the daemon was restarted.
 */
final class Rounds {

    /** Between two looks at the members: asking for too much again and again must not make work. */
    static final Duration PAUSE = Duration.ofMillis(100);

    private final SessionScope scope;
    private final TimerScheduler<Session.Command> timers;
    private final Relatives relatives;
    private final Lingering lingering;
    private final Set<ProcessId> suspects = new HashSet<>();
    private boolean looking;
    private long lastLook;

    Rounds(SessionScope scope, TimerScheduler<Session.Command> timers, Relatives relatives, Lingering lingering) {
        this.scope = scope;
        this.timers = timers;
        this.relatives = relatives;
        this.lingering = lingering;
        this.lastLook = scope.ports().clock().nanos() - PAUSE.toNanos();
    }

    /**
     * Rounds are made until the session has ended. Its token is out from its first moment: whoever has it may run a
     * program that the limit does not reach, before or after any that it does.
     */
    void begin(Books books) {
        if (books.ledger().state() != SessionState.CLOSED && !timers.isTimerActive(this)) {
            timers.startSingleTimer(
                    this, new Session.MakeRound(), scope.settings().roundEvery());
        }
    }

    ReplyEffect<SessionEvent, Books> make(Books books) {
        begin(books);
        List<Member> members = charged(books);
        if (!looking && !members.isEmpty()) {
            look(books, members, Optional.empty());
        }
        readPages(books);
        relatives.visitCensus(books);
        lingering.seekAgain(books);
        return scope.effects().noReply();
    }

    /**
     * Looks whether what a request lacks is charged to a program that is no more.
     *
     * @return false where that was looked for just now; else {@link Session.Looked} will ask for the decision
     */
    boolean lookFor(Books books, Session.Charge request) {
        List<Member> others = charged(books).stream()
                .filter(member -> !member.process().equals(request.process()))
                .toList();
        boolean looks = !looking && !others.isEmpty() && scope.ports().clock().nanos() - lastLook >= PAUSE.toNanos();
        if (looks) {
            look(books, others, Optional.of(request));
        }
        return looks;
    }

    /** To be called when a look is over. */
    void looked() {
        looking = false;
    }

    private void look(Books books, List<Member> members, Optional<Session.Charge> request) {
        looking = true;
        lastLook = scope.ports().clock().nanos();
        Lingering.Look keepers = lingering.look(books);
        scope.ports().blocking().execute(() -> {
            try {
                members.forEach(member -> lingering.reportExec(member, keepers));
            } finally {
                scope.self().tell(new Session.Looked(request));
            }
        });
    }

    /** Those without a charge have nothing to return, and may not have mapped their page yet. */
    private static List<Member> charged(Books books) {
        return books.ledger().members().stream()
                .filter(member -> member.charges().stream().anyMatch(charge -> charge > 0))
                .toList();
    }

    /** A page may claim too much for the instant in which an allocation backs off, but not for two rounds. */
    private void readPages(Books books) {
        for (Status.MemberUse member : Status.of(books.ledger(), scope.pages()).members()) {
            ProcessId process = member.process();
            if (member.page() != PageHealth.SUSPECT) {
                suspects.remove(process);
                gate(books, process, false);
            } else if (!suspects.add(process) && gate(books, process, true)) {
                scope.warn(process)
                        .log(
                                "the ledger page of {} says that it holds more than it was charged, and goes on saying"
                                        + " so: it counts as holding all of that, and has to ask for every allocation",
                                process);
            }
        }
    }

    private boolean gate(Books books, ProcessId process, boolean gated) {
        boolean isNew = scope.pages().gate(process, gated);
        if (isNew) {
            scope.pages().write(books.ledger().pageWrites(process));
        }
        return isNew;
    }
}
