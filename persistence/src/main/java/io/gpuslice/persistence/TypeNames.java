// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.domain.LedgerEvent;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What stored things are called. Classes may move and be renamed; these names may not, and a type whose fields change
 * gets another number behind its name, while the old one stays readable.
 */
final class TypeNames {

    private static final Map<String, Class<?>> TYPES = Map.ofEntries(
            Map.entry("sessions.founded.1", SessionsEvent.Founded.class),
            Map.entry("sessions.opened.2", SessionsEvent.Opened.class),
            Map.entry("sessions.token-added.1", SessionsEvent.TokenAdded.class),
            Map.entry("sessions.resized.1", SessionsEvent.Resized.class),
            Map.entry("sessions.renewed.2", SessionsEvent.Renewed.class),
            Map.entry("sessions.expired.1", SessionsEvent.Expired.class),
            Map.entry("sessions.closed.1", SessionsEvent.Closed.class),
            Map.entry("sessions.register.2", Register.class),
            Map.entry("session.slot-taken.1", SessionEvent.SlotTaken.class),
            Map.entry("session.admitted.1", SessionEvent.Admitted.class),
            Map.entry("session.departed.1", SessionEvent.Departed.class),
            Map.entry("session.shared.1", SessionEvent.Shared.class),
            Map.entry("session.unshared.1", SessionEvent.Unshared.class),
            Map.entry("session.books.3", Books.class),
            Map.entry("ledger.joined.1", LedgerEvent.Joined.class),
            Map.entry("ledger.charged.1", LedgerEvent.Charged.class),
            Map.entry("ledger.held.1", LedgerEvent.Held.class),
            Map.entry("ledger.left.1", LedgerEvent.Left.class),
            Map.entry("ledger.lingers.1", LedgerEvent.Lingers.class),
            Map.entry("ledger.lingered.1", LedgerEvent.Lingered.class),
            Map.entry("ledger.imported.1", LedgerEvent.Imported.class),
            Map.entry("ledger.limit-changed.1", LedgerEvent.LimitChanged.class),
            Map.entry("ledger.expired.1", LedgerEvent.Expired.class),
            Map.entry("ledger.renewed.1", LedgerEvent.Renewed.class),
            Map.entry("ledger.closed.1", LedgerEvent.Closed.class));

    private static final Map<Class<?>, String> NAMES =
            TYPES.entrySet().stream().collect(Collectors.toMap(Map.Entry::getValue, Map.Entry::getKey));

    private TypeNames() {}

    /** @throws IllegalArgumentException if the type has no name, and so cannot be stored */
    static String of(Class<?> type) {
        String name = NAMES.get(type);
        if (name == null) {
            throw new IllegalArgumentException(type + " has no name to be stored under");
        }
        return name;
    }

    static Optional<Class<?>> type(String name) {
        return Optional.ofNullable(TYPES.get(name));
    }

    static Map<String, Class<?>> all() {
        return TYPES;
    }
}
