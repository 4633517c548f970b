// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.ArrayList;
import java.util.List;

/** What is wrong with the settings, all of it: whoever mends one wants to hear of the others at once. */
public final class Problems {
    private final List<String> found = new ArrayList<>();

    /** One more: a message for people, as {@link InvalidValueException} has it. */
    public void add(String problem) {
        found.add(problem);
    }

    /** Does it, and keeps why it cannot be done. */
    public void collect(Runnable attempt) {
        try {
            attempt.run();
        } catch (InvalidValueException e) {
            found.addAll(e.problems());
        }
    }

    /**
     * Ends the search.
     *
     * @throws InvalidValueException with all that was found; returns if that is nothing
     */
    public void throwIfAny() {
        if (!found.isEmpty()) {
            throw new InvalidValueException(found);
        }
    }
}
