// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * When a session's TTL is over. As long as the machine runs, its own clock says so, which no change of the wall clock
 * moves. Over a start of the machine only the wall clock goes on; a TTL does not get longer by it.
 *
 * @param ttlMillis as asked for
 * @param wall the end by the wall clock
 * @param bootId the life of the machine that {@code nanos} belongs to; empty where none is known
 * @param nanos the end by {@link Clock#nanos} of that life
 */
public record Deadline(long ttlMillis, Instant wall, String bootId, long nanos) {

    /**
     * That of a TTL which begins now.
     *
     * @param ttl zero: none
     */
    static Optional<Deadline> of(Duration ttl, Clock clock) {
        return ttl.isZero()
                ? Optional.empty()
                : Optional.of(new Deadline(
                        ttl.toMillis(), clock.now().plus(ttl), clock.bootId(), clock.nanos() + ttl.toNanos()));
    }

    /** The end by {@link Clock#nanos} of this life of the machine; it may be past. */
    long nanos(Clock clock) {
        return bootId.equals(clock.bootId())
                ? nanos
                : clock.nanos() + left(clock.now()).toNanos();
    }

    private Duration left(Instant now) {
        Duration left = now.isBefore(wall) ? Duration.between(now, wall) : Duration.ZERO;
        Duration most = Duration.ofMillis(ttlMillis);
        return left.compareTo(most) > 0 ? most : left;
    }
}
