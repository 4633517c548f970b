// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.eventloop;

import com.typesafe.config.Config;
import io.netty.channel.IoEventLoop;
import io.netty.channel.SingleThreadIoEventLoop;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.BootstrapSetup;
import org.apache.pekko.dispatch.ExecutionContexts;

/**
 * One epoll thread for everything that waits: sockets, pidfds, and the actors between them.
 *
 * <p>A request that is read, decided and answered on one thread pays no wake-up of another, which on an idle
 * machine costs more than everything else together. So the loop is also what Pekko runs its default dispatcher
 * on: see {@link #bootstrap}. The price is a rule: <em>nothing on the default dispatcher may block</em>. Disk and
 * {@code /proc} belong on {@code DispatcherSelector.blocking()}, journals on threads of their own.
 *
 * <p>The loop must outlive the actor system, which cannot end without it: terminate the system, wait for it on
 * another thread, then {@link #close} the loop.
 */
public final class EventLoop implements AutoCloseable {

    private static final int SHUTDOWN_SECONDS = 5;

    private final SingleThreadIoEventLoop loop;

    private EventLoop(SingleThreadIoEventLoop loop) {
        this.loop = loop;
    }

    /** A running loop, on a thread named {@code gpuslice-loop-…}. */
    public static EventLoop start() {
        return new EventLoop(new SingleThreadIoEventLoop(
                null, new DefaultThreadFactory("gpuslice-loop", true), EpollIoHandler.newFactory()));
    }

    /** Where channels and other descriptors are registered. */
    public IoEventLoop io() {
        return loop;
    }

    /**
     * What to create an actor system with, so that its default dispatcher is this loop. The loop is handed over as
     * the system's default execution context; a system never shuts that one down, so that it can finish on it.
     *
     * @param config the system's settings
     */
    public BootstrapSetup bootstrap(Config config) {
        return BootstrapSetup.create(config).withDefaultExecutionContext(ExecutionContexts.fromExecutor(this::execute));
    }

    private void execute(Runnable task) {
        if (Thread.currentThread() instanceof JournalThread journal) {
            loop.lazyExecute(task);
            journal.wakeAfterwards(this);
        } else {
            loop.execute(task);
        }
    }

    void wakeUp() {
        loop.execute(() -> {});
    }

    /** Ends the thread and closes what is still registered; waits at most five seconds. Not from the loop itself. */
    @Override
    public void close() {
        if (loop.inEventLoop()) {
            throw new IllegalStateException("the event loop cannot wait for its own end");
        }
        loop.shutdownGracefully(0, SHUTDOWN_SECONDS, TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
