// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.Locale;
import java.util.function.Function;

/**
 * One setting of the daemon: everything about it in one place.
 *
 * @param key in a file, {@code ipc.handshake-timeout}; its variable follows from it
 * @param type what may be written, for people
 * @param defaultText what holds if nobody says anything, as it would be written; empty: nothing, or {@code meaning} says
 * @param meaning one or two sentences, for the reference page
 * @param parser from what is written; throws {@link InvalidValueException}
 */
record Setting<T>(String key, String type, String defaultText, String meaning, Function<String, T> parser) {
    /** {@code ipc.handshake-timeout} is {@code GPUSLICE_IPC_HANDSHAKE_TIMEOUT}. */
    String variable() {
        return "GPUSLICE_" + key.replace('.', '_').replace('-', '_').toUpperCase(Locale.ROOT);
    }

    /** {@code ipc.handshake-timeout} is {@code --ipc-handshake-timeout}. */
    String flag() {
        return "--" + key.replace('.', '-');
    }

    /** @throws InvalidValueException naming where the value came from */
    T parse(String text, String origin) {
        try {
            return parser.apply(text);
        } catch (InvalidValueException e) {
            throw new InvalidValueException(origin + ": " + key + ": " + e.getMessage());
        }
    }
}
