// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.time.Duration;
import org.apache.pekko.actor.typed.BackoffSupervisorStrategy;
import org.apache.pekko.actor.typed.SupervisorStrategy;
import org.apache.pekko.persistence.typed.javadsl.RetentionCriteria;
import org.slf4j.event.Level;

/**
 * Where an actor keeps its events.
 *
 * @param journalPlugin the configuration path of the journal
 * @param snapshotPlugin the configuration path of the snapshot store
 * @param snapshotEvery events between two snapshots
 */
public record Journal(String journalPlugin, String snapshotPlugin, int snapshotEvery) {

    private static final int SNAPSHOTS_KEPT = 2;
    private static final Duration FIRST_RETRY = Duration.ofMillis(200);
    /** Below the two seconds that a guest waits: it shall hear the reason. */
    private static final Duration LAST_RETRY = Duration.ofSeconds(1);

    private static final double JITTER = 0.2;

    /** For what must outlive the machine's power: each write waits for the disk. */
    public static Journal durable(int snapshotEvery) {
        return new Journal("gpuslice.journal.durable", "gpuslice.snapshots.durable", snapshotEvery);
    }

    /** For what must outlive the daemon: a write is in the kernel before it is answered, and a machine that loses its
     * power has lost every process that it speaks of. */
    public static Journal fast(int snapshotEvery) {
        return new Journal("gpuslice.journal.fast", "gpuslice.snapshots.fast", snapshotEvery);
    }

    /** Two snapshots are kept, so that one that cannot be read costs nothing; what both contain is forgotten. */
    RetentionCriteria retention() {
        return RetentionCriteria.snapshotEvery(snapshotEvery, SNAPSHOTS_KEPT).withDeleteEventsOnSnapshot();
    }

    /** How an actor comes back after its journal, or its own code, has failed; {@link JournalFailures} has said why. */
    static BackoffSupervisorStrategy backoff() {
        return SupervisorStrategy.restartWithBackoff(FIRST_RETRY, LAST_RETRY, JITTER)
                .withLogLevel(Level.DEBUG)
                .withStashCapacity(Backlog.BOUND);
    }
}
