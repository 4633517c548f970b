// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

/** A mistake built into the world on purpose: the histories must find each of them, or they prove nothing. */
enum Sabotage {
    NONE,
    /** The collector believes its first reading of used. */
    NO_REREAD_USED,
    /** The guest does not load charge again after its CAS. */
    NO_RECHECK,
    /** The page is raised before the journal has it. */
    PAGE_BEFORE_JOURNAL,
    /** The page never carries the gate. */
    NO_GATE,
    /** A free lowers used before the driver has let the memory go. */
    LOWER_USED_FIRST,
    /** A process is taken for dead while it lives. */
    RECLAIM_THE_LIVING,
    /** What a dead process held is returned although others keep it. */
    FORGET_THE_LINGERING,
    /** Idle credit is taken for used. */
    BLIND_TO_CREDIT,
    /** A page that replaces a lost one is believed before the guest has carried its numbers over. */
    EMPTY_REPLACEMENT,
    /** After a restart the pages are not written. */
    NO_REOPEN
}
