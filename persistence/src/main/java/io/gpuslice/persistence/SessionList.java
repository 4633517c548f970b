// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.actors.SessionsEvent.Closed;
import io.gpuslice.actors.SessionsEvent.Founded;
import io.gpuslice.actors.SessionsEvent.Opened;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;

/** What is left of a damaged list of sessions: every event that still makes sense without those that are lost. */
final class SessionList {

    private final Consumer<String> out;
    private final Optional<SnapshotFile> snapshot;
    private final List<SessionsEvent> events = new ArrayList<>();
    private Register register;

    /**
     * Reads it.
     *
     * @param state names the state directory; none: only the list knows
     * @param out gets the lines that say what was dropped
     */
    SessionList(Contents durable, Optional<String> state, Consumer<String> out) throws IOException {
        this.out = out;
        snapshot = durable.snapshot(OfflineState.LIST);
        register = durable.beginning(OfflineState.LIST, Register.class, Register.BLANK);
        durable.track(OfflineState.LIST)
                .problem()
                .or(() -> durable.isUnbounded(OfflineState.LIST)
                        ? Optional.of("perhaps its last events, for how far it had come is not known")
                        : Optional.empty())
                .ifPresent(
                        problem -> out.accept(
                                "dropped from the list: " + problem
                                        + "; sessions are unknown that were opened by them, and as they were that were changed by them"));
        for (PersistentMessage message : durable.events(OfflineState.LIST).values()) {
            String name = "event " + message.getSequenceNr() + " of the list";
            try {
                add((SessionsEvent) Contents.payload(message), name, state);
            } catch (IOException | ClassCastException e) {
                out.accept("dropped " + name + ": " + e.getMessage());
            }
        }
        found(state);
    }

    /** As far as it can be known. */
    Register register() {
        return register;
    }

    /** The session ends here. */
    void close(SessionId session) {
        apply(new Closed(session));
    }

    void write(JournalWriter journal) throws IOException {
        journal.addSnapshot(snapshot);
        journal.add(OfflineState.LIST, snapshot.map(SnapshotFile::number).orElse(0L), events);
    }

    private void add(SessionsEvent event, String name, Optional<String> state) {
        if (!(event instanceof Founded)) {
            found(state);
        }
        if (event instanceof Opened opened) {
            register.sessions().values().stream()
                    .filter(other -> other.slot() == opened.slot())
                    .findFirst()
                    .ifPresent(other -> {
                        out.accept("closed  session " + other.id() + " (" + other.name()
                                + "): that it ended is lost, but " + name + " gives its place to another one");
                        close(other.id());
                    });
        }
        try {
            apply(event);
        } catch (IllegalStateException e) {
            out.accept("dropped " + name + ", of a session that is not known: " + event);
        }
    }

    private void found(Optional<String> state) {
        if (register.state().isEmpty()) {
            apply(new Founded(state.orElseGet(() -> UUID.randomUUID().toString())));
        }
    }

    private void apply(SessionsEvent event) {
        register = register.apply(event);
        events.add(event);
    }
}
