// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.config.Settings.JournalEngine;
import io.gpuslice.linux.Procfs;
import io.gpuslice.persistence.StateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import org.apache.pekko.actor.BootstrapSetup;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.typed.PersistenceId;
import org.apache.pekko.persistence.typed.RecoveryCompleted;
import org.apache.pekko.persistence.typed.RecoveryFailed;
import org.apache.pekko.persistence.typed.javadsl.CommandHandler;
import org.apache.pekko.persistence.typed.javadsl.EventHandler;
import org.apache.pekko.persistence.typed.javadsl.EventSourcedBehavior;
import org.apache.pekko.persistence.typed.javadsl.SignalHandler;

/**
 * What a daemon's actors know after they have read a state directory: opened, checked and replayed as they do it.
 *
 * @param books by slot, of the sessions on the list
 */
record Recovered(Register register, Map<Integer, Books> books) {

    private static final Telemetry NOBODY = new Telemetry() {
        @Override
        public void happened(Occurrence occurrence) {}

        @Override
        public void took(Timing what, long nanos) {}
    };

    static Recovered of(Path directory) throws IOException {
        return of(directory, Procfs.bootId());
    }

    /** @param bootId the life of the machine that they believe to be in */
    static Recovered of(Path directory, String bootId) throws IOException {
        try (StateDirectory state = StateDirectory.open(directory, JournalEngine.AUTO, bootId)) {
            ActorTestKit kit = ActorTestKit.create(ActorSystem.create(
                    Behaviors.<Void>empty(),
                    "recovery",
                    state.setups(NOBODY)
                            .and(BootstrapSetup.create(ConfigFactory.parseString("pekko.loglevel = OFF")
                                    .withFallback(state.config())
                                    .withFallback(ConfigFactory.defaultReference())
                                    .resolve()))));
            try {
                Register register = new Reader<Register, SessionsEvent>(
                                kit, "durable", "sessions", Register.BLANK, Register::apply)
                        .read();
                Map<Integer, Books> books = new TreeMap<>();
                for (Register.Entry entry : register.sessions().values()) {
                    books.put(
                            entry.slot(),
                            new Reader<Books, SessionEvent>(
                                            kit, "fast", "session-" + entry.slot(), Books.BLANK, Books::apply)
                                    .read());
                }
                return new Recovered(register, books);
            } finally {
                ActorTestKit.shutdown(kit.system());
            }
        }
    }

    private static final class Reader<S, E> extends EventSourcedBehavior<String, E, S> {
        private final ActorTestKit kit;
        private final String kind;
        private final S blank;
        private final BiFunction<S, E, S> apply;
        private final CompletableFuture<S> state = new CompletableFuture<>();

        Reader(ActorTestKit kit, String kind, String id, S blank, BiFunction<S, E, S> apply) {
            super(PersistenceId.ofUniqueId(id));
            this.kit = kit;
            this.kind = kind;
            this.blank = blank;
            this.apply = apply;
        }

        S read() {
            kit.spawn(this);
            return state.join();
        }

        @Override
        public String journalPluginId() {
            return "gpuslice.journal." + kind;
        }

        @Override
        public String snapshotPluginId() {
            return "gpuslice.snapshots." + kind;
        }

        @Override
        public S emptyState() {
            return blank;
        }

        @Override
        public CommandHandler<String, E, S> commandHandler() {
            return (_, _) -> Effect().none();
        }

        @Override
        public EventHandler<S, E> eventHandler() {
            return apply::apply;
        }

        @Override
        public SignalHandler<S> signalHandler() {
            return newSignalHandlerBuilder()
                    .onSignal(RecoveryCompleted.instance(), state::complete)
                    .onSignal(RecoveryFailed.class, (_, failed) -> state.completeExceptionally(failed.getFailure()))
                    .build();
        }
    }
}
