// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import static io.gpuslice.model.Codes.ASK;
import static io.gpuslice.model.Codes.BACK_OFF;
import static io.gpuslice.model.Codes.BEGIN;
import static io.gpuslice.model.Codes.CAS_USED;
import static io.gpuslice.model.Codes.CHARGE_REQUEST;
import static io.gpuslice.model.Codes.DEAD;
import static io.gpuslice.model.Codes.DOWN;
import static io.gpuslice.model.Codes.DRIVER_ALLOC;
import static io.gpuslice.model.Codes.DRIVER_FREE;
import static io.gpuslice.model.Codes.DYING;
import static io.gpuslice.model.Codes.END;
import static io.gpuslice.model.Codes.HELLO;
import static io.gpuslice.model.Codes.LOAD_CHARGE;
import static io.gpuslice.model.Codes.LOAD_USED;
import static io.gpuslice.model.Codes.LOWER_USED;
import static io.gpuslice.model.Codes.RECHECK;
import static io.gpuslice.model.Codes.RUNNING;
import static io.gpuslice.model.Codes.WAIT;
import static io.gpuslice.model.State.AT;
import static io.gpuslice.model.State.BLOCK;
import static io.gpuslice.model.State.CHARGE;
import static io.gpuslice.model.State.DEATHS;
import static io.gpuslice.model.State.DEBT;
import static io.gpuslice.model.State.EOF;
import static io.gpuslice.model.State.EXECS;
import static io.gpuslice.model.State.EXPIRED;
import static io.gpuslice.model.State.GATE;
import static io.gpuslice.model.State.GRANTED;
import static io.gpuslice.model.State.IMAGE;
import static io.gpuslice.model.State.IN_FORCE;
import static io.gpuslice.model.State.JOB;
import static io.gpuslice.model.State.LIFE;
import static io.gpuslice.model.State.MOST;
import static io.gpuslice.model.State.PC;
import static io.gpuslice.model.State.RULED;
import static io.gpuslice.model.State.SEEN_USED;
import static io.gpuslice.model.State.THREADS;
import static io.gpuslice.model.State.USED;

import io.gpuslice.domain.Step;
import io.gpuslice.model.State.Broken;
import java.util.List;

/** What guests do, how the kernel ends them, and what may then not have happened. */
final class Guests {
    private final Scenario scenario;
    private final Mutation mutation;

    Guests(Scenario scenario, Mutation mutation) {
        this.scenario = scenario;
        this.mutation = mutation;
    }

    void step(State state, int t, Branch branch) {
        int p = State.processOf(t);
        int n = bytes(state, t);
        switch (state.get(AT + t)) {
            case BEGIN -> begin(state, t, p, n, branch);
            case LOAD_USED -> branch.sure(state, Step.LOAD, t, s -> loadUsed(s, t, p));
            case LOAD_CHARGE ->
                branch.sure(state, Step.LOAD, t, s -> {
                    boolean mayTry = s.get(GATE + p) == 0 || s.get(GRANTED + t) == 1;
                    boolean fits = s.get(SEEN_USED + t) + n <= s.get(CHARGE + p);
                    go(s, t, mayTry && fits ? CAS_USED : ASK);
                });
            case CAS_USED ->
                branch.sure(state, Step.CAS_USED, t, s -> {
                    if (s.get(USED + p) != s.get(SEEN_USED + t)) {
                        loadUsed(s, t, p); // a CAS that fails says what is there
                        return;
                    }
                    use(s, p, n);
                    if (mutation == Mutation.NO_RECHECK) {
                        fits(s, t);
                    } else {
                        go(s, t, RECHECK);
                    }
                });
            case RECHECK ->
                branch.sure(state, Step.RECHECK, t, s -> {
                    if (s.get(CHARGE + p) >= s.get(SEEN_USED + t) + n) {
                        fits(s, t);
                    } else {
                        go(s, t, BACK_OFF);
                    }
                });
            case BACK_OFF ->
                branch.sure(state, Step.BACK_OFF, t, s -> {
                    use(s, p, -n);
                    go(s, t, ASK);
                });
            case ASK ->
                branch.sure(state, holds(state, t) ? Step.HOLD : Step.ASK, t, s -> {
                    if (s.get(JOB) == DOWN) {
                        unanswered(s, t);
                    } else {
                        go(s, t, WAIT);
                    }
                });
            case DRIVER_ALLOC -> branch.sure(state, Step.DRIVER_ALLOC, t, s -> driverAlloc(s, t, n));
            case DRIVER_FREE ->
                branch.sure(state, Step.DRIVER_FREE, t, s -> {
                    int freed = s.get(BLOCK + t);
                    s.set(BLOCK + t, 0);
                    if (mutation == Mutation.LOWER_USED_BEFORE_DRIVER_FREE) {
                        done(s, t);
                    } else {
                        s.set(SEEN_USED + t, freed);
                        s.set(AT + t, LOWER_USED);
                    }
                });
            case LOWER_USED ->
                branch.sure(state, Step.LOWER_USED, t, s -> {
                    if (mutation == Mutation.LOWER_USED_BEFORE_DRIVER_FREE) {
                        use(s, p, -s.get(BLOCK + t));
                        s.set(AT + t, DRIVER_FREE);
                    } else {
                        use(s, p, -s.get(SEEN_USED + t));
                        done(s, t);
                    }
                });
            case WAIT, HELLO, END -> {}
            default -> throw new AssertionError(state);
        }
    }

    /** What the thread is about, or −1 where its program is over. */
    int operation(State state, int t) {
        List<Integer> program = state.get(IMAGE + State.processOf(t)) == 1
                ? Scenario.AFTER_EXEC
                : scenario.programs().get(t);
        int pc = state.get(PC + t);
        return pc < program.size() ? program.get(pc) : -1;
    }

    /** How many bytes it is about. */
    int bytes(State state, int t) {
        int operation = operation(state, t);
        return operation == Scenario.HOLD ? 1 : operation;
    }

    /** Whether the thread has what it asks for already. */
    boolean holds(State state, int t) {
        return operation(state, t) == Scenario.HOLD;
    }

    /** Nobody answers: denied. What is held already is asked for until somebody does. */
    void unanswered(State s, int t) {
        if (holds(s, t)) {
            s.set(GRANTED + t, 0);
            go(s, t, LOAD_USED);
        } else {
            done(s, t);
        }
    }

    private void fits(State s, int t) {
        if (holds(s, t)) {
            s.set(DEBT + State.processOf(t), 0);
            done(s, t);
        } else {
            go(s, t, DRIVER_ALLOC);
        }
    }

    private void begin(State state, int t, int p, int n, Branch branch) {
        if (n < 0) {
            branch.sure(state, Step.LOAD, t, s -> go(s, t, END));
        } else if (holds(state, t)) {
            branch.sure(state, Step.DRIVER_ALLOC, t, s -> {
                s.set(BLOCK + t, s.get(BLOCK + t) + n);
                s.set(DEBT + p, 1);
                go(s, t, LOAD_USED);
            });
        } else if (n == Scenario.FREE && state.get(BLOCK + t) == 0) {
            branch.sure(state, Step.TAKE, t, s -> done(s, t));
        } else if (n == Scenario.FREE) {
            boolean early = mutation == Mutation.LOWER_USED_BEFORE_DRIVER_FREE;
            branch.sure(state, Step.TAKE, t, s -> go(s, t, early ? LOWER_USED : DRIVER_FREE));
        } else {
            branch.sure(state, Step.LOAD, t, s -> {
                s.set(RULED + t, s.get(IN_FORCE));
                loadUsed(s, t, p);
            });
        }
    }

    private static void loadUsed(State s, int t, int p) {
        s.set(SEEN_USED + t, s.get(USED + p));
        s.set(AT + t, LOAD_CHARGE);
    }

    private static void use(State s, int p, int bytes) {
        int used = s.get(USED + p) + bytes;
        if (used < 0) {
            throw new Broken("used of process " + p + " falls below 0");
        }
        s.set(USED + p, used);
        if (s.get(JOB) == CHARGE_REQUEST) {
            s.set(MOST + p, Math.max(s.get(MOST + p), Daemon.believed(s, p)));
        }
    }

    private void driverAlloc(State s, int t, int n) {
        if (s.get(RULED + t) == 1) {
            if (s.get(EXPIRED) == 1) {
                throw new Broken("thread " + t + " began after the expiry and allocates");
            }
            int held = s.held(0) + s.held(1) + n - s.sum(DEBT);
            if (held > scenario.limit(s)) {
                throw new Broken(
                        "thread " + t + " began under the limit " + scenario.limit(s) + " and makes it " + held);
            }
        }
        // A block of the program before must have been freed: programs alternate.
        s.set(BLOCK + t, s.get(BLOCK + t) + n);
        done(s, t);
    }

    /** Forgets what the next place does not need, so that equal situations are equal states. */
    private static void go(State s, int t, int place) {
        s.set(AT + t, place);
        if (place != CAS_USED && place != RECHECK) {
            s.set(SEEN_USED + t, 0);
        }
        if (place == ASK || place == DRIVER_ALLOC) {
            s.set(GRANTED + t, 0);
        }
    }

    static void done(State s, int t) {
        s.set(PC + t, s.get(PC + t) + 1);
        s.set(GRANTED + t, 0);
        s.set(RULED + t, 0);
        go(s, t, BEGIN);
    }

    // ------------------------------------------------------- death and exec

    void fate(State state, int p, Branch branch) {
        if (state.get(LIFE + p) == DYING) {
            // The kernel: everything the process held is freed; then its pidfd says that it is dead.
            branch.sure(state, Step.DRIVER_FREE, p, s -> {
                freeAll(s, p);
                s.set(LIFE + p, DEAD);
            });
        }
        if (state.get(LIFE + p) == RUNNING && state.get(DEATHS) > 0) {
            branch.maybe(state, Step.DRIVER_FREE, p, s -> {
                s.set(DEATHS, 0);
                s.set(LIFE + p, DYING);
                stopThreads(s, p);
            });
        }
        if (state.get(LIFE + p) == RUNNING && state.get(EXECS) > 0) {
            branch.maybe(state, Step.DRIVER_FREE, p, s -> {
                s.set(EXECS, 0);
                s.set(IMAGE + p, 1);
                s.set(EOF + p, 1);
                stopThreads(s, p);
                freeAll(s, p);
                s.set(AT + State.firstThreadOf(p), HELLO);
            });
        }
    }

    private static void stopThreads(State s, int p) {
        for (int t = 0; t < THREADS; t++) {
            if (State.processOf(t) == p) {
                s.set(PC + t, 0);
                s.set(GRANTED + t, 0);
                s.set(RULED + t, 0);
                go(s, t, END);
            }
        }
    }

    private static void freeAll(State s, int p) {
        for (int t = 0; t < THREADS; t++) {
            if (State.processOf(t) == p) {
                s.set(BLOCK + t, 0);
            }
        }
        s.set(DEBT + p, 0);
    }
}
