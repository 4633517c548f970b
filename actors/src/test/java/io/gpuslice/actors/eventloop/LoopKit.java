// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.eventloop;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** An actor system on an event loop, as the daemon has one. */
public final class LoopKit implements AutoCloseable {

    private final EventLoop loop = EventLoop.start();
    private final ActorTestKit kit;

    public LoopKit() {
        this(ConfigFactory.empty());
    }

    /** With settings of its own. */
    public LoopKit(Config settings) {
        kit = ActorTestKit.create(ActorSystem.create(
                Behaviors.<Void>empty(), "test", loop.bootstrap(settings.withFallback(ConfigFactory.load()))));
    }

    public EventLoop loop() {
        return loop;
    }

    public ActorTestKit kit() {
        return kit;
    }

    public <T> ActorRef<T> spawn(Behavior<T> behavior) {
        return kit.spawn(behavior);
    }

    @Override
    public void close() {
        ActorTestKit.shutdown(kit.system());
        loop.close();
    }
}
