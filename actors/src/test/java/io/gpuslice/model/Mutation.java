// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

/** The protocol with one thing left out or done too early: the model must find what breaks. */
enum Mutation {
    /** The protocol as it is. */
    NONE,
    /** The guest does not load charge again after its CAS. */
    NO_RECHECK,
    /** The collector does not read used again after it lowered the charge. */
    NO_REREAD_USED,
    /** The page is raised before the journal has it. */
    RAISE_BEFORE_JOURNAL,
    /** A collected charge is journaled first and only then lowered in the page. */
    JOURNAL_BEFORE_LOWER,
    /** Expiry leaves the pages without a gate. */
    NO_GATE_ON_EXPIRY,
    /** A limit below what is held leaves the pages without a gate. */
    NO_GATE_ON_SHRINK,
    /** Memory that is held already leaves the pages without a gate, although it is above the limit. */
    NO_GATE_WHEN_HELD,
    /** Memory that is held already is charged above the limit although there was idle credit. */
    HOLD_WITHOUT_COLLECT,
    /** After the expiry memory that is held already is not charged either. */
    NO_HOLD_WHEN_EXPIRED,
    /** A free lowers used before the driver has let the memory go. */
    LOWER_USED_BEFORE_DRIVER_FREE,
    /** The end of an old image is taken for the end of the new one. */
    RECLAIM_TWICE,
    /** A process is reclaimed when it is dying, before the driver has let its memory go. */
    RECLAIM_BEFORE_DEATH,
    /** After a restart the pages are not written. */
    NO_REOPEN,
    /** What is granted ahead is taken from limit − Σ used: credit is handed out twice. */
    AHEAD_OF_USED,
    /** What is granted ahead is in the page only, not in the journal. */
    AHEAD_UNJOURNALED,
    /** The idle credit that others were granted ahead counts as used when a request is refused. */
    CREDIT_COUNTS_AS_USED,
    /** A request is refused without looking at anybody's credit. */
    DENY_WITHOUT_COLLECT,
    /** A denial is decided but never sent. */
    NO_ANSWER
}
