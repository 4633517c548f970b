// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Of those who are not let in, at most one a second of each user is said, and one with the count of all that came after
 * it: whoever may not even look could fill the disk otherwise, and have older lines rotated away. Everything else is said
 * as it is.
 */
final class FewerRefusals implements Telemetry, AutoCloseable {

    /** Users that are told apart within a second; what others are refused is counted together. */
    static final int MOST_USERS = 64;

    private static final int OTHERS = -2;

    private static final class Left {
        private Occurrence last;
        private long count;

        Left(Occurrence first) {
            last = first;
        }
    }

    private final Telemetry telemetry;
    private final ScheduledExecutorService clock;
    private final Map<Integer, Left> users = new HashMap<>();

    /** Says what it has left out when it is told to: {@link #of} makes one that does by itself. */
    FewerRefusals(Telemetry telemetry, ScheduledExecutorService clock) {
        this.telemetry = telemetry;
        this.clock = clock;
    }

    /** @param telemetry what hears less */
    static FewerRefusals of(Telemetry telemetry) {
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("gpuslice-refusals").factory());
        FewerRefusals fewer = new FewerRefusals(telemetry, clock);
        var _ = clock.scheduleWithFixedDelay(fewer::tell, 1, 1, TimeUnit.SECONDS);
        return fewer;
    }

    @Override
    public void happened(Occurrence occurrence) {
        if (isOfAStranger(occurrence)) {
            refused(occurrence);
        } else {
            telemetry.happened(occurrence);
        }
    }

    /** Of one who is not let in, or who names a session that there is none of: whatever it says, nobody has vouched for it. */
    private static boolean isOfAStranger(Occurrence occurrence) {
        return occurrence.operation() == Operation.LOGIN
                || (occurrence.operation() == Operation.JOIN
                        && occurrence.session().isEmpty());
    }

    private synchronized void refused(Occurrence occurrence) {
        int user = users.containsKey(occurrence.uid()) || users.size() < MOST_USERS ? occurrence.uid() : OTHERS;
        Left left = users.get(user);
        if (left == null) {
            users.put(user, new Left(occurrence));
            telemetry.happened(occurrence);
        } else {
            left.last = occurrence;
            left.count++;
        }
    }

    /** Says what the last second has left out. */
    synchronized void tell() {
        users.values().removeIf(left -> left.count == 0);
        users.forEach((user, left) -> {
            telemetry.happened(left.count == 1 ? left.last : summed(left.last, left.count - 1, user == OTHERS));
            left.count = 0;
        });
    }

    private static Occurrence summed(Occurrence last, long more, boolean others) {
        return new Occurrence(
                last.at(),
                last.operation(),
                last.result(),
                last.session(),
                last.pid(),
                last.uid(),
                last.device(),
                last.bytes(),
                last.error(),
                String.format(
                        Locale.ROOT,
                        "%s (and %,d more of %s within a second)",
                        last.detail(),
                        more,
                        others ? "other users" : "this user"));
    }

    @Override
    public void took(Timing what, long nanos) {
        telemetry.took(what, nanos);
    }

    /** Says what is left to be said. */
    @Override
    public void close() {
        clock.shutdownNow();
        tell();
    }
}
