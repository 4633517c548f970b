// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.Locale;
import java.util.Set;
import java.util.function.Function;

/**
 * One setting of the daemon: everything about it in one place.
 *
 * @param key in a file, {@code ipc.handshake-timeout}; its variable follows from it
 * @param type what may be written, for people
 * @param defaultText what holds if nobody says anything, as it would be written; empty: nothing, or {@code meaning} says
 * @param since the first version that had it
 * @param meaning one or two sentences, for the reference page
 * @param parser from what is written; throws {@link InvalidValueException}
 */
record Setting<T>(
        String key,
        String type,
        String defaultText,
        String since,
        String meaning,
        Function<String, T> parser,
        Set<Trait> traits) {

    enum Trait {
        /** Its value is shown to nobody. */
        SECRET,
        /** SIGHUP puts a new value into force; the others need a restart. */
        RELOADED
    }

    Setting(
            String key,
            String type,
            String defaultText,
            String since,
            String meaning,
            Function<String, T> parser,
            Trait... traits) {
        this(key, type, defaultText, since, meaning, parser, Set.of(traits));
    }

    boolean is(Trait trait) {
        return traits.contains(trait);
    }

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
