// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.config.Settings.JournalEngine;
import io.gpuslice.domain.SessionId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.pekko.actor.BootstrapSetup;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.typed.PersistenceId;
import org.apache.pekko.persistence.typed.javadsl.CommandHandler;
import org.apache.pekko.persistence.typed.javadsl.EventHandler;
import org.apache.pekko.persistence.typed.javadsl.EventSourcedBehavior;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The journals as an actor system makes them, on a disk. */
class GuardedJournalTest {

    private static final SessionsEvent EVENT = new SessionsEvent.Closed(new SessionId("a".repeat(1 << 19)));

    @TempDir
    private Path parent;

    private final List<Long> writes = new CopyOnWriteArrayList<>();
    private StateDirectory state;
    private ActorTestKit kit;

    private final Telemetry telemetry = new Telemetry() {
        @Override
        public void happened(Occurrence occurrence) {
            throw new AssertionError("a journal decides nothing: " + occurrence);
        }

        @Override
        public void took(Timing what, long nanos) {
            assertThat(what).isEqualTo(Timing.JOURNAL_WRITE);
            writes.add(nanos);
        }
    };

    @BeforeEach
    void start() throws Exception {
        state = StateDirectory.open(parent.resolve("state"), JournalEngine.AUTO, "boot");
        kit = ActorTestKit.create(ActorSystem.create(
                Behaviors.<Void>empty(),
                "test",
                state.setups(telemetry)
                        .and(BootstrapSetup.create(state.config()
                                .withFallback(ConfigFactory.defaultReference())
                                .resolve()))));
    }

    @AfterEach
    void end() throws Exception {
        ActorTestKit.shutdown(kit.system());
        state.close();
    }

    @Test
    void eachWriteOfEitherJournalIsTimed() {
        TestProbe<String> probe = kit.createTestProbe();
        ActorRef<String> fast = kit.spawn(new Writer("fast", probe.getRef()));
        ActorRef<String> durable = kit.spawn(new Writer("durable", probe.getRef()));

        fast.tell("one");
        probe.expectMessage("one is written");
        durable.tell("two");
        probe.expectMessage("two is written");

        assertThat(writes).hasSize(2).allMatch(nanos -> nanos > 0);
        assertThat(state.health().problem()).isEmpty();
    }

    @Test
    void aJournalThatLevelDbCannotWriteIsAProblem() throws Exception {
        TestProbe<String> probe = kit.createTestProbe();
        ActorRef<String> writer = kit.spawn(new Writer("fast", probe.getRef()));
        writer.tell("one");
        probe.expectMessage("one is written");
        Path journal = parent.resolve("state/fast/journal");
        // After some megabytes LevelDB begins another file, which it cannot have where a directory has its name.
        for (int i = 1; i < 100; i++) {
            Path next = journal.resolve(String.format("%06d.log", i));
            if (!Files.exists(next)) {
                Files.createDirectory(next);
            }
        }

        for (int i = 0; i < 12; i++) {
            writer.tell("more");
        }

        await().untilAsserted(() -> assertThat(state.health().problem())
                .hasValueSatisfying(
                        problem -> assertThat(problem).startsWith("the last write to " + journal + " failed: ")));
    }

    @Test
    void aJournalThatIsGoneIsAProblem() throws Exception {
        Path journal = parent.resolve("state/durable/journal");
        Files.move(journal, parent.resolve("elsewhere"));

        assertThat(state.health().problem())
                .hasValueSatisfying(problem -> assertThat(problem).contains(journal.toString()));
    }

    /** Writes an event for each message and says when it is written. */
    private static final class Writer extends EventSourcedBehavior<String, SessionsEvent, Integer> {

        private final String journal;
        private final ActorRef<String> done;

        Writer(String journal, ActorRef<String> done) {
            super(PersistenceId.ofUniqueId("writer-" + journal));
            this.journal = journal;
            this.done = done;
        }

        @Override
        public String journalPluginId() {
            return "gpuslice.journal." + journal;
        }

        @Override
        public String snapshotPluginId() {
            return "gpuslice.snapshots." + journal;
        }

        @Override
        public Integer emptyState() {
            return 0;
        }

        @Override
        public CommandHandler<String, SessionsEvent, Integer> commandHandler() {
            return (_, text) -> Effect().persist(EVENT).thenRun(_ -> done.tell(text + " is written"));
        }

        @Override
        public EventHandler<Integer, SessionsEvent> eventHandler() {
            return (count, _) -> count + 1;
        }
    }
}
