// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.telemetry;

import java.util.List;

/**
 * Port: who hears what the daemon does. Called on the event loop, the journals' threads and those for what may block:
 * must be thread-safe, and neither block nor throw.
 */
public interface Telemetry {

    /** Something was decided, or became of a session. */
    void happened(Occurrence occurrence);

    /** Something took its time. */
    void took(Timing what, long nanos);

    /** Nobody hears. */
    static Telemetry none() {
        return all(List.of());
    }

    /** Each of them hears, in this order. */
    static Telemetry all(List<Telemetry> listeners) {
        List<Telemetry> each = List.copyOf(listeners);
        return new Telemetry() {
            @Override
            public void happened(Occurrence occurrence) {
                each.forEach(listener -> listener.happened(occurrence));
            }

            @Override
            public void took(Timing what, long nanos) {
                each.forEach(listener -> listener.took(what, nanos));
            }
        };
    }
}
