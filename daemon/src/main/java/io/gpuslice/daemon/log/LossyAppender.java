// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.log;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Never waits: a terminal that is held, or a pipe that nobody reads, must stop no request. Lines that find no room are
 * lost; how many is said as soon as there is room again, at the latest when the log ends.
 */
public final class LossyAppender extends AsyncAppender {
    private long lost;

    /** Made by logback, from logback.xml. */
    public LossyAppender() {
        setNeverBlock(true);
        setDiscardingThreshold(0);
    }

    // Only here is the queue added to, so under this lock room that is there stays there.
    @Override
    protected synchronized void put(ILoggingEvent event) {
        // One more, for the line that says what was lost.
        if (getRemainingCapacity() < 2) {
            lost++;
            return;
        }
        sayLoss();
        super.put(event);
    }

    @Override
    public void stop() {
        long giveUp = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(getMaxFlushTime());
        while (!saidLoss() && System.nanoTime() - giveUp < 0) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
        super.stop();
    }

    private synchronized boolean saidLoss() {
        if (getRemainingCapacity() < 1) {
            return lost == 0;
        }
        sayLoss();
        return true;
    }

    private void sayLoss() {
        if (lost > 0) {
            Logger logger = ((LoggerContext) getContext()).getLogger(LossyAppender.class);
            super.put(new LoggingEvent(
                    LossyAppender.class.getName(),
                    logger,
                    Level.WARN,
                    "{} lines of the log were lost: nobody read them as fast as they came",
                    null,
                    new Object[] {lost}));
            lost = 0;
        }
    }
}
