// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.eventloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.typesafe.config.ConfigFactory;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.Test;

class EventLoopTest {

    @Test
    void actorsRunOnTheLoopsThread() throws Exception {
        try (LoopKit test = new LoopKit()) {
            Thread loopThread = threadOf(test.loop());
            TestProbe<Thread> probe = test.kit().createTestProbe();
            ActorRef<String> actor = test.spawn(Behaviors.receiveMessage(_ -> {
                probe.ref().tell(Thread.currentThread());
                return Behaviors.same();
            }));

            actor.tell("where are you?");

            assertThat(probe.receiveMessage()).isSameAs(loopThread);
        }
    }

    @Test
    void whatMayBlockRunsElsewhere() throws Exception {
        try (LoopKit test = new LoopKit()) {
            Thread loopThread = threadOf(test.loop());
            TestProbe<Thread> probe = test.kit().createTestProbe();
            test.kit()
                    .spawn(
                            Behaviors.setup(_ -> {
                                probe.ref().tell(Thread.currentThread());
                                return Behaviors.stopped();
                            }),
                            DispatcherSelector.blocking());

            assertThat(probe.receiveMessage()).isNotSameAs(loopThread);
        }
    }

    @Test
    void aSystemThatEndsItselfOnItsOwnLoopEnds() throws Exception {
        try (EventLoop loop = EventLoop.start()) {
            ActorSystem<String> system = ActorSystem.create(
                    Behaviors.receiveMessage(_ -> Behaviors.stopped()), "ends", loop.bootstrap(ConfigFactory.load()));

            system.tell("end");

            system.getWhenTerminated().toCompletableFuture().get(5, TimeUnit.SECONDS);
        }
    }

    @Test
    void theLoopRefusesToWaitForItself() {
        try (EventLoop loop = EventLoop.start()) {
            assertThatIllegalStateException().isThrownBy(() -> {
                try {
                    loop.io().submit(loop::close).get(5, TimeUnit.SECONDS);
                } catch (ExecutionException e) {
                    throw e.getCause();
                }
            });
        }
    }

    private static Thread threadOf(EventLoop loop) throws Exception {
        return loop.io().submit(Thread::currentThread).get(5, TimeUnit.SECONDS);
    }
}
