// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import static io.gpuslice.model.Codes.ADD_UP;
import static io.gpuslice.model.Codes.ANSWER;
import static io.gpuslice.model.Codes.BEGIN;
import static io.gpuslice.model.Codes.CHARGE_REQUEST;
import static io.gpuslice.model.Codes.DEAD;
import static io.gpuslice.model.Codes.DENY_EXPIRED;
import static io.gpuslice.model.Codes.DENY_QUOTA;
import static io.gpuslice.model.Codes.DOWN;
import static io.gpuslice.model.Codes.DYING;
import static io.gpuslice.model.Codes.EXPIRE;
import static io.gpuslice.model.Codes.GONE;
import static io.gpuslice.model.Codes.GRANT;
import static io.gpuslice.model.Codes.HELLO;
import static io.gpuslice.model.Codes.IDLE;
import static io.gpuslice.model.Codes.JOIN;
import static io.gpuslice.model.Codes.LOAD_USED;
import static io.gpuslice.model.Codes.LOWER_CHARGE;
import static io.gpuslice.model.Codes.RAISE_BACK;
import static io.gpuslice.model.Codes.READ_USED;
import static io.gpuslice.model.Codes.REREAD_USED;
import static io.gpuslice.model.Codes.RESTART;
import static io.gpuslice.model.Codes.SHRINK;
import static io.gpuslice.model.Codes.WAIT;
import static io.gpuslice.model.Codes.WRITE_JOURNAL;
import static io.gpuslice.model.Codes.WRITE_OWN_PAGE;
import static io.gpuslice.model.Codes.WRITE_PAGES;
import static io.gpuslice.model.State.AT;
import static io.gpuslice.model.State.CHARGE;
import static io.gpuslice.model.State.EOF;
import static io.gpuslice.model.State.EXPIRED;
import static io.gpuslice.model.State.FORCED;
import static io.gpuslice.model.State.GATE;
import static io.gpuslice.model.State.GRANTED;
import static io.gpuslice.model.State.IMAGE;
import static io.gpuslice.model.State.IN_FORCE;
import static io.gpuslice.model.State.JOB;
import static io.gpuslice.model.State.JOURNAL;
import static io.gpuslice.model.State.KEPT;
import static io.gpuslice.model.State.KILLS;
import static io.gpuslice.model.State.LIFE;
import static io.gpuslice.model.State.MEMBER;
import static io.gpuslice.model.State.MOST;
import static io.gpuslice.model.State.PROCESSES;
import static io.gpuslice.model.State.READ;
import static io.gpuslice.model.State.RULED;
import static io.gpuslice.model.State.SHRUNK;
import static io.gpuslice.model.State.STAGE;
import static io.gpuslice.model.State.SUBJECT;
import static io.gpuslice.model.State.SUM;
import static io.gpuslice.model.State.THREADS;
import static io.gpuslice.model.State.TURN;
import static io.gpuslice.model.State.USED;
import static io.gpuslice.model.State.VERDICT;

import io.gpuslice.domain.Step;
import io.gpuslice.model.State.Broken;

/** What the daemon does: one decision at a time, and every one of its steps can be its last. */
final class Daemon {
    private final Scenario scenario;
    private final Mutation mutation;
    private final Guests guests;

    Daemon(Scenario scenario, Mutation mutation, Guests guests) {
        this.scenario = scenario;
        this.mutation = mutation;
        this.guests = guests;
    }

    void step(State state, Branch branch) {
        switch (state.get(JOB)) {
            case IDLE -> idle(state, branch);
            case DOWN -> branch.sure(state, Step.REOPEN, -1, s -> s.set(JOB, RESTART));
            case RESTART -> branch.sure(state, Step.REOPEN, state.get(TURN), this::reopen);
            default -> work(state, branch);
        }
        if (state.get(KILLS) > 0 && state.get(JOB) != DOWN) {
            branch.maybe(state, Step.ANSWER, -1, this::kill);
        }
    }

    private void idle(State state, Branch branch) {
        for (int t = 0; t < THREADS; t++) {
            int thread = t;
            if (state.get(AT + t) == WAIT) {
                branch.sure(state, Step.READ_USED, t, s -> request(s, thread));
            }
            if (state.get(AT + t) == HELLO) {
                branch.sure(state, Step.JOURNAL, t, s -> join(s, thread));
            }
        }
        for (int p = 0; p < PROCESSES; p++) {
            int process = p;
            boolean dead = state.get(LIFE + p) == DEAD
                    || (state.get(LIFE + p) == DYING && mutation == Mutation.RECLAIM_BEFORE_DEATH);
            if (dead && state.get(MEMBER + p) != 0) {
                branch.sure(state, Step.RECLAIM, p, s -> reclaim(s, process));
            }
            if (state.get(EOF + p) == 1) {
                branch.sure(state, Step.RECLAIM, p, s -> closed(s, process));
            }
        }
        if (scenario.expiry() && state.get(EXPIRED) == 0) {
            branch.maybe(state, Step.READ_USED, -1, s -> collect(s, EXPIRE));
        }
        if (scenario.shrink() && state.get(SHRUNK) == 0) {
            branch.maybe(state, Step.READ_USED, -1, s -> collect(s, SHRINK));
        }
    }

    private void work(State state, Branch branch) {
        int turn = state.get(TURN);
        switch (state.get(STAGE)) {
            case ADD_UP -> branch.sure(state, Step.READ_USED, turn, this::addUp);
            case READ_USED -> branch.sure(state, Step.READ_USED, turn, this::readUsed);
            case LOWER_CHARGE ->
                branch.sure(state, Step.LOWER_CHARGE, turn, s -> {
                    s.set(CHARGE + turn, s.get(READ));
                    s.set(STAGE, REREAD_USED);
                });
            case REREAD_USED -> branch.sure(state, Step.REREAD_USED, turn, this::rereadUsed);
            case RAISE_BACK ->
                branch.sure(state, Step.RAISE_BACK, turn, s -> {
                    s.set(CHARGE + turn, s.get(READ));
                    keep(s, turn, s.get(READ));
                });
            case WRITE_JOURNAL -> {
                for (int ahead = 0; ahead <= spare(state); ahead++) {
                    int more = ahead;
                    branch.sure(state, Step.JOURNAL, -1, s -> journal(s, more));
                }
            }
            case WRITE_OWN_PAGE ->
                branch.sure(state, Step.RAISE_CHARGE, turn, s -> {
                    write(s, State.processOf(s.get(SUBJECT)));
                    written(s);
                });
            case WRITE_PAGES ->
                branch.sure(state, Step.RAISE_CHARGE, turn, s -> {
                    write(s, turn);
                    if (turn + 1 < PROCESSES) {
                        s.set(TURN, turn + 1);
                    } else {
                        written(s);
                    }
                });
            case ANSWER -> branch.sure(state, Step.ANSWER, state.get(SUBJECT), this::answer);
            default -> throw new AssertionError(state);
        }
    }

    private void request(State s, int t) {
        s.set(JOB, CHARGE_REQUEST);
        s.set(SUBJECT, t);
        for (int p = 0; p < PROCESSES; p++) {
            s.set(KEPT + p, s.get(JOURNAL + p));
            s.set(MOST + p, believed(s, p));
        }
        boolean holds = guests.holds(s, t);
        if (s.get(EXPIRED) == 1 && !(holds && mutation != Mutation.NO_HOLD_WHEN_EXPIRED)) {
            s.set(VERDICT, DENY_EXPIRED);
            s.set(STAGE, ANSWER);
            return;
        }
        int p = State.processOf(t);
        int missing = Math.max(0, guests.bytes(s, t) - (s.get(JOURNAL + p) - believed(s, p)));
        boolean blindly = holds && mutation == Mutation.HOLD_WITHOUT_COLLECT;
        if (missing <= scenario.limit(s) - s.sum(JOURNAL) || blindly) {
            s.set(KEPT + p, s.get(JOURNAL + p) + missing);
            s.set(VERDICT, GRANT);
            s.set(STAGE, firstWrite(missing == 0 ? WRITE_OWN_PAGE : WRITE_JOURNAL, WRITE_OWN_PAGE));
        } else if (mutation == Mutation.DENY_WITHOUT_COLLECT) {
            s.set(VERDICT, DENY_QUOTA);
            s.set(STAGE, ANSWER);
        } else {
            s.set(STAGE, holds ? READ_USED : ADD_UP);
        }
    }

    private int firstWrite(int journalFirst, int pages) {
        return mutation == Mutation.RAISE_BEFORE_JOURNAL ? pages : journalFirst;
    }

    /** Would it fit if all credit were collected? If not, nobody is disturbed. */
    private void addUp(State s) {
        int turn = s.get(TURN);
        s.set(
                SUM,
                s.get(SUM) + (mutation == Mutation.CREDIT_COUNTS_AS_USED ? s.get(JOURNAL + turn) : believed(s, turn)));
        if (turn + 1 < PROCESSES) {
            s.set(TURN, turn + 1);
            return;
        }
        boolean fits = guests.bytes(s, s.get(SUBJECT)) <= scenario.limit(s) - s.get(SUM);
        s.set(SUM, 0);
        s.set(TURN, 0);
        if (fits) {
            s.set(STAGE, READ_USED);
        } else {
            s.set(VERDICT, DENY_QUOTA);
            s.set(STAGE, ANSWER);
        }
    }

    private void collect(State s, int job) {
        s.set(JOB, job);
        s.set(STAGE, READ_USED);
        for (int p = 0; p < PROCESSES; p++) {
            s.set(KEPT + p, s.get(JOURNAL + p));
        }
        readUsed(s);
    }

    private void readUsed(State s) {
        int turn = s.get(TURN);
        int used = believed(s, turn);
        if (used == s.get(JOURNAL + turn) || mutation == Mutation.JOURNAL_BEFORE_LOWER) {
            keep(s, turn, used);
        } else {
            s.set(READ, used);
            s.set(STAGE, LOWER_CHARGE);
        }
    }

    private void rereadUsed(State s) {
        int turn = s.get(TURN);
        int risen = mutation == Mutation.NO_REREAD_USED ? s.get(READ) : believed(s, turn);
        if (risen > s.get(READ)) {
            s.set(READ, risen);
            s.set(STAGE, RAISE_BACK);
        } else {
            keep(s, turn, s.get(READ));
        }
    }

    private void keep(State s, int turn, int charge) {
        s.set(KEPT + turn, charge);
        s.set(READ, 0);
        if (turn + 1 < PROCESSES) {
            s.set(TURN, turn + 1);
            s.set(STAGE, READ_USED);
            return;
        }
        s.set(TURN, 0);
        s.set(STAGE, firstWrite(WRITE_JOURNAL, WRITE_PAGES));
        if (s.get(JOB) == CHARGE_REQUEST) {
            int n = guests.bytes(s, s.get(SUBJECT));
            boolean fits = n <= scenario.limit(s) - s.sum(KEPT) || guests.holds(s, s.get(SUBJECT));
            int p = State.processOf(s.get(SUBJECT));
            s.set(KEPT + p, s.get(KEPT + p) + (fits ? n : 0));
            s.set(VERDICT, fits ? GRANT : DENY_QUOTA);
        }
    }

    /** How much a grant may be ahead of what was asked: any part of what is free, so that every policy is tried. */
    private int spare(State s) {
        boolean asked = s.get(JOB) == CHARGE_REQUEST && s.get(VERDICT) == GRANT && !guests.holds(s, s.get(SUBJECT));
        return asked ? Math.max(0, scenario.limit(s) - s.sum(mutation == Mutation.AHEAD_OF_USED ? USED : KEPT)) : 0;
    }

    private void journal(State s, int ahead) {
        if (ahead > 0 && mutation != Mutation.AHEAD_UNJOURNALED) {
            int asker = State.processOf(s.get(SUBJECT));
            s.set(KEPT + asker, s.get(KEPT + asker) + ahead);
        }
        int before = s.sum(JOURNAL);
        boolean own = s.get(JOB) == CHARGE_REQUEST && onlyTheAskerChanges(s);
        for (int p = 0; p < PROCESSES; p++) {
            s.set(JOURNAL + p, s.get(MEMBER + p) == 0 ? 0 : s.get(KEPT + p));
        }
        if (s.get(JOB) == EXPIRE || s.get(JOB) == SHRINK) {
            s.set(s.get(JOB) == EXPIRE ? EXPIRED : SHRUNK, 1);
            newRules(s);
        }
        if (s.sum(JOURNAL) > scenario.limit(s) && s.sum(JOURNAL) > before) {
            force(s);
        }
        s.set(FORCED, Math.min(s.get(FORCED), Math.max(0, s.sum(JOURNAL) - scenario.limit(s))));
        if (mutation == Mutation.RAISE_BEFORE_JOURNAL) {
            afterWrites(s);
        } else {
            s.set(STAGE, own && s.get(FORCED) == 0 ? WRITE_OWN_PAGE : WRITE_PAGES);
        }
    }

    /** Only for what is held already, and only if nobody has idle credit. From now on the session takes no new memory. */
    private void force(State s) {
        int charged = s.sum(JOURNAL);
        if (s.get(JOB) != CHARGE_REQUEST || !guests.holds(s, s.get(SUBJECT))) {
            throw new Broken("a charge is raised to " + charged + " above the limit " + scenario.limit(s));
        }
        if (charged > s.sum(MOST) + guests.bytes(s, s.get(SUBJECT))) {
            throw new Broken(
                    "charges " + charged + " are forced above the limit, but only " + s.sum(MOST) + " was used");
        }
        s.set(FORCED, charged - scenario.limit(s));
        newRules(s);
    }

    private static void newRules(State s) {
        s.set(IN_FORCE, 0);
        for (int t = 0; t < THREADS; t++) {
            s.set(RULED + t, 0);
        }
    }

    /** Then no other page needs a write: no charge and no gate of theirs has changed. */
    private static boolean onlyTheAskerChanges(State s) {
        int other = 1 - State.processOf(s.get(SUBJECT));
        return s.get(VERDICT) == GRANT && s.get(KEPT + other) == s.get(JOURNAL + other) && s.get(GATE + other) == 0;
    }

    private void write(State s, int p) {
        boolean early = mutation == Mutation.RAISE_BEFORE_JOURNAL;
        boolean unjournaled = mutation == Mutation.AHEAD_UNJOURNALED && p == State.processOf(s.get(SUBJECT));
        int more = unjournaled ? spare(s) : 0;
        s.set(CHARGE + p, early ? s.get(KEPT + p) : s.get(JOURNAL + p) + more);
        s.set(GATE + p, gated(s) ? 1 : 0);
    }

    private boolean gated(State s) {
        boolean expired = s.get(EXPIRED) == 1 && mutation != Mutation.NO_GATE_ON_EXPIRY;
        Mutation without = s.get(FORCED) > 0 ? Mutation.NO_GATE_WHEN_HELD : Mutation.NO_GATE_ON_SHRINK;
        boolean over = s.sum(JOURNAL) > scenario.limit(s) && mutation != without;
        return expired || over;
    }

    private void written(State s) {
        s.set(TURN, 0);
        if (mutation == Mutation.RAISE_BEFORE_JOURNAL && s.get(JOB) <= SHRINK) {
            s.set(STAGE, WRITE_JOURNAL);
        } else {
            afterWrites(s);
        }
    }

    private static void afterWrites(State s) {
        int job = s.get(JOB);
        if (job == CHARGE_REQUEST || job == JOIN) {
            s.set(STAGE, ANSWER);
        } else {
            rest(s);
        }
    }

    private void answer(State s) {
        int t = s.get(SUBJECT);
        if (s.get(JOB) == JOIN) {
            if (s.get(AT + t) == HELLO) {
                s.set(AT + t, BEGIN);
            }
        } else if (s.get(AT + t) == WAIT) {
            verdict(s, t);
        }
        rest(s);
    }

    private void verdict(State s, int t) {
        switch (s.get(VERDICT)) {
            case GRANT -> {
                s.set(GRANTED + t, 1);
                s.set(AT + t, LOAD_USED);
            }
            case DENY_QUOTA -> {
                int most = s.sum(MOST);
                if (guests.bytes(s, t) <= scenario.limit(s) - most) {
                    throw new Broken("thread " + t + " is refused " + guests.bytes(s, t) + ", though never more than "
                            + most + " of " + scenario.limit(s) + " was used");
                }
                deny(s, t);
            }
            case DENY_EXPIRED -> deny(s, t);
            default -> throw new AssertionError(s);
        }
    }

    private void deny(State s, int t) {
        if (mutation != Mutation.NO_ANSWER) {
            guests.unanswered(s, t);
        }
    }

    /** Done: the pages carry what is journaled, and nothing of the work is remembered. */
    private static void rest(State s) {
        s.set(IN_FORCE, 1);
        forget(s);
        s.set(JOB, IDLE);
    }

    private static void forget(State s) {
        s.set(STAGE, 0);
        s.set(SUBJECT, 0);
        s.set(TURN, 0);
        s.set(READ, 0);
        s.set(SUM, 0);
        s.set(VERDICT, 0);
        for (int p = 0; p < PROCESSES; p++) {
            s.set(KEPT + p, 0);
            s.set(MOST + p, 0);
        }
    }

    private void reclaim(State s, int p) {
        boolean gatedBefore = gated(s);
        s.set(MEMBER + p, 0);
        s.set(JOURNAL + p, 0);
        s.set(EOF + p, 0);
        if (gatedBefore != gated(s)) {
            s.set(JOB, GONE);
            s.set(STAGE, WRITE_PAGES);
        }
    }

    /** The old image's connection is closed: its charge is returned, unless the new image's HELLO did that. */
    private void closed(State s, int p) {
        s.set(EOF + p, 0);
        boolean old = s.get(MEMBER + p) == 1;
        if (old || (s.get(MEMBER + p) != 0 && mutation == Mutation.RECLAIM_TWICE)) {
            reclaim(s, p);
        }
    }

    /** A new image becomes a member, with a new page: what the old one was charged is returned in the same write. */
    private void join(State s, int t) {
        int p = State.processOf(t);
        s.set(MEMBER + p, 1 + s.get(IMAGE + p));
        s.set(JOURNAL + p, 0);
        s.set(CHARGE + p, 0);
        s.set(GATE + p, 0);
        s.set(USED + p, 0);
        s.set(JOB, JOIN);
        s.set(SUBJECT, t);
        s.set(STAGE, WRITE_PAGES);
    }

    // ---------------------------------------------------- kill and restart

    /** SIGKILL between any two steps: what waits for an answer is denied. */
    private void kill(State s) {
        s.set(KILLS, s.get(KILLS) - 1);
        forget(s);
        s.set(JOB, DOWN);
        for (int t = 0; t < THREADS; t++) {
            if (s.get(AT + t) == WAIT) {
                guests.unanswered(s, t);
            }
        }
    }

    private void reopen(State s) {
        int turn = s.get(TURN);
        if (mutation != Mutation.NO_REOPEN && s.get(MEMBER + turn) != 0) {
            write(s, turn);
        }
        if (turn + 1 < PROCESSES) {
            s.set(TURN, turn + 1);
        } else {
            rest(s);
        }
    }

    /** What the page says, as far as the journal allows. */
    static int believed(State s, int p) {
        return Math.min(s.get(USED + p), s.get(JOURNAL + p));
    }
}
