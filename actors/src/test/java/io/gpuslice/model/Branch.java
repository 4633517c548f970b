// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

import io.gpuslice.domain.Step;
import java.util.function.Consumer;

/** Takes a copy of a state, lets it change by one step, and hands it on. */
final class Branch {
    /** Takes each state that can come next. */
    interface Next {
        /**
         * One more.
         *
         * @param inevitable whether somebody takes this step sooner or later; a kill, a death or an expiry need not come
         * @param who the thread, process or member that it is about; −1: none
         */
        void to(State state, boolean inevitable, Step step, int who);
    }

    private final State copy = new State();
    private final Next next;

    Branch(Next next) {
        this.next = next;
    }

    /** A step that is taken sooner or later. */
    void sure(State state, Step step, int who, Consumer<State> change) {
        to(state, true, step, who, change);
    }

    /** A step that need not come. */
    void maybe(State state, Step step, int who, Consumer<State> change) {
        to(state, false, step, who, change);
    }

    private void to(State state, boolean inevitable, Step step, int who, Consumer<State> change) {
        copy.copy(state);
        change.accept(copy);
        next.to(copy, inevitable, step, who);
    }
}
