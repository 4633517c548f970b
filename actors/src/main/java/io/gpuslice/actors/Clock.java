// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.time.Instant;

/** Time, injected so that tests own it. */
public interface Clock {

    /** Monotonic, in nanoseconds from an arbitrary origin: what a TTL runs on, whatever is done to the wall clock. */
    long nanos();

    /** The wall clock: for people, and to carry a deadline over a restart. */
    Instant now();

    /** The machine's own. */
    static Clock system() {
        return new Clock() {
            @Override
            public long nanos() {
                return System.nanoTime();
            }

            @Override
            public Instant now() {
                return Instant.now();
            }
        };
    }
}
