// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import static io.gpuslice.model.Codes.END;
import static io.gpuslice.model.Codes.IDLE;
import static io.gpuslice.model.Codes.RUNNING;
import static io.gpuslice.model.State.AT;
import static io.gpuslice.model.State.DEATHS;
import static io.gpuslice.model.State.DEBT;
import static io.gpuslice.model.State.EOF;
import static io.gpuslice.model.State.EXECS;
import static io.gpuslice.model.State.FORCED;
import static io.gpuslice.model.State.IMAGE;
import static io.gpuslice.model.State.IN_FORCE;
import static io.gpuslice.model.State.JOB;
import static io.gpuslice.model.State.JOURNAL;
import static io.gpuslice.model.State.KILLS;
import static io.gpuslice.model.State.LIFE;
import static io.gpuslice.model.State.MEMBER;
import static io.gpuslice.model.State.PROCESSES;
import static io.gpuslice.model.State.SHRUNK;
import static io.gpuslice.model.State.THREADS;

import io.gpuslice.model.State.Broken;

/** The protocol: which states come after a state, each by one step of somebody, and which must not be. */
final class Protocol {
    private final Scenario scenario;
    private final Guests guests;
    private final Daemon daemon;

    Protocol(Scenario scenario, Mutation mutation) {
        this.scenario = scenario;
        guests = new Guests(scenario, mutation);
        daemon = new Daemon(scenario, mutation, guests);
    }

    State start() {
        State state = new State();
        for (int p = 0; p < PROCESSES; p++) {
            state.set(MEMBER + p, 1);
        }
        state.set(IN_FORCE, 1);
        state.set(KILLS, scenario.kills());
        state.set(DEATHS, scenario.deaths());
        state.set(EXECS, scenario.execs());
        return state;
    }

    /** Whether nothing is left to be done. */
    boolean finished(State state) {
        boolean done = state.get(JOB) == IDLE;
        for (int t = 0; t < THREADS; t++) {
            done &= state.get(AT + t) == END;
        }
        for (int p = 0; p < PROCESSES; p++) {
            done &= state.get(EOF + p) == 0 && (state.get(LIFE + p) == RUNNING || state.get(MEMBER + p) == 0);
        }
        return done;
    }

    /** @throws Broken if this state must not be */
    void check(State state) {
        int limit = scenario.limit(state);
        int charged = state.sum(JOURNAL);
        int most = (state.get(SHRUNK) == 0 ? limit : scenario.limit()) + state.get(FORCED);
        if (charged > most) {
            throw new Broken("charges " + charged + " above the limit " + limit);
        }
        for (int p = 0; p < PROCESSES; p++) {
            boolean charges = state.get(MEMBER + p) == 1 + state.get(IMAGE + p);
            int charge = charges ? state.get(JOURNAL + p) : 0;
            if (state.held(p) > charge + state.get(DEBT + p)) {
                throw new Broken("process " + p + " holds " + state.held(p) + ", charged " + charge);
            }
        }
    }

    void from(State state, Branch branch) {
        for (int t = 0; t < THREADS; t++) {
            guests.step(state, t, branch);
        }
        for (int p = 0; p < PROCESSES; p++) {
            guests.fate(state, p, branch);
        }
        daemon.step(state, branch);
    }
}
