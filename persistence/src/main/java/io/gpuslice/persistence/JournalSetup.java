// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.telemetry.Telemetry;
import org.apache.pekko.actor.setup.Setup;

/** What a {@link GuardedJournal}, which Pekko makes from its configuration alone, finds in its actor system. */
final class JournalSetup extends Setup {

    private final Telemetry telemetry;
    private final JournalHealth health;

    JournalSetup(Telemetry telemetry, JournalHealth health) {
        this.telemetry = telemetry;
        this.health = health;
    }

    /** Hears how long each write takes. */
    Telemetry telemetry() {
        return telemetry;
    }

    /** Hears how each write goes. */
    JournalHealth health() {
        return health;
    }
}
