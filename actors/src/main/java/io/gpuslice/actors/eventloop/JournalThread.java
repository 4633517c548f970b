// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.eventloop;

import com.typesafe.config.Config;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.dispatch.DispatcherPrerequisites;
import org.apache.pekko.dispatch.ExecutorServiceConfigurator;
import org.apache.pekko.dispatch.ExecutorServiceFactory;
import org.jspecify.annotations.Nullable;

/**
 * The thread of one journal. A journal answers each write twice, to its writer and with the event; were the
 * {@link EventLoop} woken for each, it would begin a turn for the first, find nothing to decide, sleep, and be woken
 * again. So it is woken once, when the task that answered is done.
 */
public final class JournalThread extends Thread {

    /** Only this thread touches it. */
    private @Nullable EventLoop toWake;

    private JournalThread(Runnable work, String name) {
        super(work, name);
        setDaemon(true);
    }

    /** Wakes the loop when the task that this thread is at has ended. */
    void wakeAfterwards(EventLoop loop) {
        toWake = loop;
    }

    private void wakeNow() {
        EventLoop loop = toWake;
        if (loop != null) {
            toWake = null;
            loop.wakeUp();
        }
    }

    /**
     * A dispatcher with one such thread: {@code executor = "io.gpuslice.actors.eventloop.JournalThread$Configurator"}.
     */
    public static final class Configurator extends ExecutorServiceConfigurator {

        /** Called by Pekko. */
        public Configurator(Config config, DispatcherPrerequisites prerequisites) {
            super(config, prerequisites);
        }

        @Override
        public ExecutorServiceFactory createExecutorServiceFactory(String id, ThreadFactory threads) {
            return () -> new Executor("gpuslice-" + id);
        }
    }

    private static final class Executor extends ThreadPoolExecutor {

        Executor(String name) {
            super(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> new JournalThread(work, name));
        }

        @Override
        protected void afterExecute(Runnable task, @Nullable Throwable failure) {
            ((JournalThread) Thread.currentThread()).wakeNow();
        }
    }
}
