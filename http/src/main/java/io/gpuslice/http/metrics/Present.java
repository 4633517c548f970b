// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.SessionState;

/** What is so at one moment. Made anew for each scrape: a series is there because its session is. */
final class Present {
    private final Instruments instruments = new Instruments();

    Present(Sightings.Seen seen, Devices.Known known) {
        sessions(seen);
        seen.sessions().forEach(this::memory);
        for (Devices.Device device : known.devices()) {
            if (device.capacity() > 0) {
                gauge(Catalogue.DEVICE_MEMORY, device.capacity(), device.id().toString());
            }
        }
        instruments.counter(Catalogue.ALLOCATIONS).increment(seen.totals().allocations());
        instruments.counter(Catalogue.FREES).increment(seen.totals().frees());
        instruments.counter(Catalogue.DENIALS).increment(seen.totals().denials());
    }

    private void sessions(Sightings.Seen seen) {
        for (SessionState state : SessionState.values()) {
            long count = seen.sessions().stream()
                    .filter(session -> session.state() == state)
                    .count();
            gauge(Catalogue.SESSIONS, count, state.name());
            if (state == SessionState.ACTIVE) {
                gauge(Catalogue.SESSIONS_ACTIVE, count);
            }
        }
        gauge(Catalogue.SESSIONS_SILENT, seen.silent());
        gauge(
                Catalogue.PROCESSES,
                seen.sessions().stream()
                        .mapToInt(session -> session.members().size())
                        .sum());
        gauge(
                Catalogue.USED_TOTAL,
                seen.sessions().stream()
                        .flatMap(session -> session.devices().stream())
                        .mapToLong(DeviceUse::used)
                        .sum());
    }

    private void memory(SessionView session) {
        for (DeviceUse use : session.devices()) {
            String[] labels = {session.id().text(), use.device().toString()};
            gauge(Catalogue.USED, use.used(), labels);
            gauge(Catalogue.CHARGE, use.charge(), labels);
            gauge(Catalogue.LIMIT, use.limit(), labels);
        }
    }

    /** The daemon's own. */
    Present daemon(String version, long auditLost, ProcessNumbers process) {
        gauge(Catalogue.BUILD, 1, version, Runtime.version().toString());
        instruments.counter(Catalogue.AUDIT_LOST).increment(auditLost);
        instruments.nanoseconds(Catalogue.CPU).increment(process.cpu().toNanos());
        gauge(Catalogue.RESIDENT, process.resident());
        gauge(Catalogue.OPEN_FILES, process.openFiles());
        gauge(Catalogue.MAX_FILES, process.maxFiles());
        instruments.gauge(Catalogue.STARTED).update(process.started().toEpochMilli() / 1e3);
        return this;
    }

    /** Prometheus knows doubles alone: from 8 PiB on they are rounded. */
    private void gauge(Family family, long value, String... labels) {
        instruments.gauge(family, labels).update((double) value);
    }

    String exposition() {
        return instruments.exposition();
    }
}
