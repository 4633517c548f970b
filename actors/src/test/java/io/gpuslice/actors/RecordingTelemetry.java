// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Remembers what was said. */
public final class RecordingTelemetry implements Telemetry {

    private final List<Occurrence> occurrences = new CopyOnWriteArrayList<>();
    private final Map<Timing, List<Long>> timings = new ConcurrentHashMap<>();

    @Override
    public void happened(Occurrence occurrence) {
        occurrences.add(occurrence);
    }

    @Override
    public void took(Timing what, long nanos) {
        timings.computeIfAbsent(what, _ -> new CopyOnWriteArrayList<>()).add(nanos);
    }

    /** Everything that happened, in order. */
    public List<Occurrence> all() {
        return List.copyOf(occurrences);
    }

    /** What happened of these operations, in order. */
    public List<Occurrence> of(Operation... operations) {
        return occurrences.stream()
                .filter(occurrence -> Arrays.asList(operations).contains(occurrence.operation()))
                .toList();
    }

    /** How long each of them took, in nanoseconds. */
    public List<Long> timings(Timing what) {
        return List.copyOf(timings.getOrDefault(what, List.of()));
    }
}
