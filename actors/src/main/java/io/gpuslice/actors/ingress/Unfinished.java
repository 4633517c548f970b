// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

/**
 * The memory of frames whose end has not come, of all clients together: each of them may announce a megabyte and never
 * send its last byte. What one read brings is not counted, and no guest's frame is longer. For the event loop alone.
 */
final class Unfinished {

    private final long most;
    private long bytes;

    /** @param most bytes of all of them */
    Unfinished(long most) {
        this.most = most;
    }

    /**
     * One of them has now another size.
     *
     * @param before what it had when it was last counted
     * @return false: there is no room for it, and what it had before is still counted
     */
    boolean resize(int before, int now) {
        long then = bytes - counted(before) + counted(now);
        if (then > most && now > before) {
            return false;
        }
        bytes = then;
        return true;
    }

    private static int counted(int size) {
        return Math.max(0, size - Ingress.READ_AT_ONCE);
    }

    /** How many bytes they have at most. */
    long most() {
        return most;
    }
}
