// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

/** What is worth timing. */
public enum Timing {
    /** From a CHARGE frame that was read to its answer. */
    DECISION,
    /** From a process's death, as the daemon hears of it, to its charge being back in the journal. */
    RECLAIM,
    /** One atomic write to a journal, from the order to its end. */
    JOURNAL_WRITE
}
