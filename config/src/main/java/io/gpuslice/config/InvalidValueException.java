// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.io.Serial;
import java.util.List;

/**
 * A value that a person gave (a flag, a variable, a line in a file) makes no sense. The message is for that person: it
 * quotes the value and names the accepted forms.
 */
public final class InvalidValueException extends IllegalArgumentException {
    @Serial
    private static final long serialVersionUID = 1L;

    public InvalidValueException(String message) {
        super(message);
    }

    /** Several of them, a line each. */
    public InvalidValueException(List<String> problems) {
        this(String.join("\n", problems));
    }

    /** The message, a line each. */
    public List<String> problems() {
        return String.valueOf(getMessage()).lines().toList();
    }
}
