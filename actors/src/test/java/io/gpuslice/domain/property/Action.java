// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

/**
 * One thing that happens. Any list of actions is a history: one that is impossible at its place does nothing, and
 * every number is taken modulo what there is, so that shrinking can remove and lower freely.
 *
 * @param who which guest, or which of its threads
 * @param what how much, which way
 * @param entropy what else happens in the middle of it; 0: nothing
 */
record Action(Kind kind, int who, int what, int entropy) {
    enum Kind {
        JOIN(8),
        STEPS(60),
        HOLD(3),
        SERVE(24),
        DIE(2),
        EXEC(2),
        RECLAIM(6),
        LET_GO(2),
        RESIZE(4),
        EXPIRE(1),
        RENEW(2),
        CLOSE(1),
        KILL_DAEMON(2),
        RESTART(8),
        LOSE_PAGE(1),
        FORGE(1);

        final int weight;

        Kind(int weight) {
            this.weight = weight;
        }
    }
}
