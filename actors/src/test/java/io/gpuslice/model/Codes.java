// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.model;

/** What the numbers in a {@link State} mean. */
final class Codes {
    private Codes() {}

    /** Where a thread is: what it does next. LOAD is two accesses, so two places. */
    static final int BEGIN = 0;

    static final int LOAD_USED = 1;
    static final int LOAD_CHARGE = 2;
    static final int CAS_USED = 3;
    static final int RECHECK = 4;
    static final int BACK_OFF = 5;
    static final int ASK = 6;
    static final int WAIT = 7;
    static final int DRIVER_ALLOC = 8;
    static final int DRIVER_FREE = 9;
    static final int LOWER_USED = 10;
    static final int HELLO = 11;
    static final int END = 12;

    static final int RUNNING = 0;
    static final int DYING = 1;
    static final int DEAD = 2;

    // What the daemon is about.
    static final int IDLE = 0;
    static final int CHARGE_REQUEST = 1;
    static final int EXPIRE = 2;
    static final int SHRINK = 3;
    static final int GONE = 4;
    static final int JOIN = 5;
    static final int DOWN = 6;
    static final int RESTART = 7;

    // How far it has come.
    static final int ADD_UP = 0;
    static final int READ_USED = 1;
    static final int LOWER_CHARGE = 2;
    static final int REREAD_USED = 3;
    static final int RAISE_BACK = 4;
    static final int WRITE_JOURNAL = 5;
    static final int WRITE_OWN_PAGE = 6;
    static final int WRITE_PAGES = 7;
    static final int ANSWER = 8;

    static final int GRANT = 1;
    static final int DENY_QUOTA = 2;
    static final int DENY_EXPIRED = 3;
}
