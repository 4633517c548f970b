// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * The steps of the charge protocol: everything that guest and daemon do to what they share, each one
 * indivisible. The checked model, the interposer and this package use these names, so that a line of one can be
 * held against the others.
 */
public enum Step {
    /** Guest: load used, then charge; not gated, and does it fit? */
    LOAD,
    /** Guest: raise used, if nobody else has changed it meanwhile. */
    CAS_USED,
    /** Guest: load charge again. Without it a collect between LOAD and CAS_USED goes unseen. */
    RECHECK,
    /** Guest: lower used again, because the charge has fallen below it. */
    BACK_OFF,
    /** Guest: send CHARGE and wait. */
    ASK,
    /** Guest: the driver allocates. */
    DRIVER_ALLOC,
    /** Guest: ask for memory that it holds already, with the flag HELD, and wait: what could not be foreseen. */
    HOLD,
    /** Guest: enter the allocation in the table. */
    RECORD,
    /** Guest: take the allocation out of the table. */
    TAKE,
    /** Guest: the driver frees. */
    DRIVER_FREE,
    /** Guest: lower used. Before DRIVER_FREE it would let another process take memory that is still held. */
    LOWER_USED,

    /** Daemon: read used. */
    READ_USED,
    /** Daemon: lower the page's charge to it. */
    LOWER_CHARGE,
    /** Daemon: read used again. Without it an allocation between READ_USED and LOWER_CHARGE goes unseen. */
    REREAD_USED,
    /** Daemon: raise the page's charge to the used that rose meanwhile. */
    RAISE_BACK,
    /** Daemon: make the events of one decision durable, all or none. */
    JOURNAL,
    /** Daemon: store the journaled charge, and the gate, in the page. */
    RAISE_CHARGE,
    /** Daemon: send GRANTED or DENIED. */
    ANSWER,
    /** Daemon: return the whole charge of a process that is gone. */
    RECLAIM,
    /** Daemon, after a restart: store the journaled charge in a page that was found again. */
    REOPEN
}
