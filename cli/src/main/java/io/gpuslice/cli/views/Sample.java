// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Json;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * One session at one instant.
 *
 * @param session as the daemon shows it
 * @param allocationsPerSecond since the sample before; empty: there is none
 * @param freesPerSecond the same of frees
 */
record Sample(Json session, OptionalDouble allocationsPerSecond, OptionalDouble freesPerSecond) {

    String id() {
        return session.text("id", "?");
    }

    /** Its name, or where it has none its id. */
    String label() {
        return session.text("name", "").isEmpty() ? id() : session.text("name", "");
    }

    long used() {
        return session.number("used_bytes", 0);
    }

    /** Allocations per second; 0 where that is not known yet. */
    double rate() {
        return allocationsPerSecond.orElse(0);
    }

    long denials() {
        return session.object("counters").number("denials", 0);
    }

    /** Of the limit, on the device that has least left: 1 is all. */
    double fullness() {
        return session.objects("devices").stream()
                .mapToDouble(device -> share(device.number("used_bytes", 0), device.number("limit_bytes", 0)))
                .max()
                .orElse(share(used(), session.number("limit_bytes", 0)));
    }

    static double share(long used, long of) {
        return of <= 0 ? 0 : (double) used / of;
    }

    /** Makes samples of one look after the other. */
    static final class Series {
        private static final double NANOS = 1e9;

        private record Counted(long at, long allocations, long frees) {}

        private Map<String, Counted> before = Map.of();

        /** @param at System.nanoTime */
        List<Sample> of(List<Json> sessions, long at) {
            Map<String, Counted> now = new HashMap<>();
            List<Sample> samples =
                    sessions.stream().map(session -> of(session, at, now)).toList();
            before = now;
            return samples;
        }

        private Sample of(Json session, long at, Map<String, Counted> now) {
            Json counters = session.object("counters");
            Counted counted = new Counted(at, counters.number("allocations", 0), counters.number("frees", 0));
            String id = session.text("id", "?");
            now.put(id, counted);
            Counted last = before.get(id);
            if (last == null || at <= last.at()) {
                return new Sample(session, OptionalDouble.empty(), OptionalDouble.empty());
            }
            double seconds = (at - last.at()) / NANOS;
            return new Sample(
                    session,
                    OptionalDouble.of(Math.max(0, counted.allocations() - last.allocations()) / seconds),
                    OptionalDouble.of(Math.max(0, counted.frees() - last.frees()) / seconds));
        }
    }
}
