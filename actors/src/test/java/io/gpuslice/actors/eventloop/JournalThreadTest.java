// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.eventloop;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class JournalThreadTest {

    private final LoopKit test = new LoopKit(ConfigFactory.parseString("""
                    journal { type = Dispatcher, executor = "io.gpuslice.actors.eventloop.JournalThread$Configurator" }
                    """));

    @AfterEach
    void end() {
        test.close();
    }

    @Test
    void itsActorsRunOnOneThreadOfTheirOwn() {
        TestProbe<Thread> probe = test.kit().createTestProbe();
        for (int i = 0; i < 2; i++) {
            test.kit()
                    .spawn(
                            Behaviors.setup(_ -> {
                                probe.ref().tell(Thread.currentThread());
                                return Behaviors.stopped();
                            }),
                            DispatcherSelector.fromConfig("journal"));
        }

        List<Thread> threads = probe.receiveSeveralMessages(2);

        assertThat(threads.get(0)).isInstanceOf(JournalThread.class).isSameAs(threads.get(1));
    }

    @Test
    void whatItSaysIsHeardWhenItsTaskIsDone() {
        TestProbe<String> probe = test.kit().createTestProbe();
        ActorRef<String> onTheLoop = test.spawn(Behaviors.receiveMessage(said -> {
            probe.ref().tell(said);
            return Behaviors.same();
        }));
        ActorRef<String> journal = test.kit()
                .spawn(
                        Behaviors.receiveMessage(_ -> {
                            onTheLoop.tell("written");
                            onTheLoop.tell("and this was it");
                            return Behaviors.same();
                        }),
                        DispatcherSelector.fromConfig("journal"));

        long before = System.nanoTime();
        for (int i = 0; i < 200; i++) {
            journal.tell("write");
            assertThat(probe.receiveMessage()).isEqualTo("written");
            assertThat(probe.receiveMessage()).isEqualTo("and this was it");
        }

        // Nothing else wakes the loop: wake-ups that are lost would cost its whole idle second each.
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(20));
    }
}
