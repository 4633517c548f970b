// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.linux.BootTime;
import java.time.Instant;

/** Time, injected so that tests own it. */
public interface Clock {

    /**
     * Nanoseconds on the clock that TTLs run on: nobody sets it, it goes on while the machine sleeps, and the next daemon
     * reads the same one until the machine starts again.
     */
    long nanos();

    /** Which life of the machine {@link #nanos} belongs to: the kernel's boot id. */
    String bootId();

    /** The wall clock: for people, and to carry a deadline over a start of the machine. */
    Instant now();

    /**
     * The machine's own.
     *
     * @param bootId the kernel's
     */
    static Clock system(String bootId) {
        return new Clock() {
            @Override
            public long nanos() {
                return BootTime.nanos();
            }

            @Override
            public String bootId() {
                return bootId;
            }

            @Override
            public Instant now() {
                return Instant.now();
            }
        };
    }
}
