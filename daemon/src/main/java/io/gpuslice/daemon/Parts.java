// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What has been started, to be ended in the opposite order: each part stands on those before it. */
final class Parts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Parts.class);

    private final Deque<AutoCloseable> started = new ArrayDeque<>();

    <T extends AutoCloseable> T add(T part) {
        started.push(part);
        return part;
    }

    /**
     * Ends them all, for so long at most.
     *
     * @return whether they have ended
     */
    boolean closeWithin(Duration most) throws InterruptedException {
        Thread closing = Thread.ofPlatform().daemon().name("gpuslice-stop").start(this::close);
        return closing.join(most);
    }

    /** Ends them all, whatever becomes of one. */
    @Override
    public void close() {
        while (!started.isEmpty()) {
            AutoCloseable part = started.pop();
            try {
                part.close();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (Exception e) {
                LOG.warn("not ended as it should be: {}", e.getMessage(), e);
            }
        }
    }
}
