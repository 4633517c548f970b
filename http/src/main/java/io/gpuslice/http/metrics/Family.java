// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import java.util.List;
import java.util.Locale;

/**
 * One metric, with all its series.
 *
 * @param name as Prometheus shows it, suffixes included
 * @param unit in the plural, or of what it is a number; never empty
 * @param labels in the order in which their values are given
 * @param buckets upper bounds in the unit, ascending; none but for histograms
 * @param help one sentence, without its full stop
 */
record Family(String name, Kind kind, String unit, List<String> labels, List<Double> buckets, String help) {

    /** As Prometheus calls them. */
    enum Kind {
        COUNTER,
        GAUGE,
        HISTOGRAM,
        /** A gauge whose name says that it is a counter: no type is better than a wrong one. */
        UNTYPED;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Whether its series come and go with sessions. */
    boolean isOfSessions() {
        return labels.contains("session");
    }

    static Family counter(String name, String unit, String help, String... labels) {
        return new Family(name, Kind.COUNTER, unit, List.of(labels), List.of(), help);
    }

    static Family gauge(String name, String unit, String help, String... labels) {
        return new Family(name, Kind.GAUGE, unit, List.of(labels), List.of(), help);
    }

    static Family untyped(String name, String unit, String help) {
        return new Family(name, Kind.UNTYPED, unit, List.of(), List.of(), help);
    }

    static Family histogram(String name, List<Double> buckets, String help) {
        return new Family(name, Kind.HISTOGRAM, "seconds", List.of(), buckets, help);
    }
}
