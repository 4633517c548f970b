// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.Remainder;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.SessionState;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/** What is so at one moment. Written anew for each scrape: a series is there because its session is. */
final class Present {
    private final Exposition text = new Exposition();

    Present(Sightings.Seen seen, Devices.Known known) {
        sessions(seen);
        onDevices(seen, Catalogue.USED, DeviceUse::used);
        onDevices(seen, Catalogue.CHARGE, DeviceUse::charge);
        onDevices(seen, Catalogue.LIMIT, DeviceUse::limit);
        remainders(seen, Catalogue.LINGERING, Remainder.Reason.LINGERING);
        remainders(seen, Catalogue.IMPORTED, Remainder.Reason.IMPORTED);
        text.family(Catalogue.DEVICE_MEMORY);
        for (Devices.Device device : known.devices()) {
            if (device.capacity() > 0) {
                text.sample(
                        Catalogue.DEVICE_MEMORY, device.capacity(), device.id().toString());
            }
        }
        one(Catalogue.ALLOCATIONS, seen.totals().allocations());
        one(Catalogue.FREES, seen.totals().frees());
        one(Catalogue.DENIALS, seen.totals().denials());
    }

    private void sessions(Sightings.Seen seen) {
        text.family(Catalogue.SESSIONS);
        for (SessionState state : SessionState.values()) {
            text.sample(Catalogue.SESSIONS, inState(seen, state), state.name());
        }
        one(Catalogue.SESSIONS_ACTIVE, inState(seen, SessionState.ACTIVE));
        one(Catalogue.SESSIONS_SILENT, seen.silent());
        one(
                Catalogue.PROCESSES,
                seen.sessions().stream()
                        .mapToLong(session -> session.members().size())
                        .sum());
        text.family(Catalogue.UNENFORCED);
        seen.sessions()
                .forEach(session -> text.sample(
                        Catalogue.UNENFORCED,
                        session.unenforced().size(),
                        session.id().text()));
        one(
                Catalogue.USED_TOTAL,
                seen.sessions().stream()
                        .flatMap(session -> session.devices().stream())
                        .mapToLong(DeviceUse::used)
                        .sum());
    }

    private static long inState(Sightings.Seen seen, SessionState state) {
        return seen.sessions().stream()
                .filter(session -> session.state() == state)
                .count();
    }

    /** A number of each session on each of its devices. */
    private void onDevices(Sightings.Seen seen, Family family, ToLongFunction<DeviceUse> bytes) {
        text.family(family);
        for (SessionView session : seen.sessions()) {
            for (DeviceUse use : session.devices()) {
                text.sample(
                        family,
                        bytes.applyAsLong(use),
                        use.device().toString(),
                        session.id().text());
            }
        }
    }

    /** Rare: where there is none, there is no series. */
    private void remainders(Sightings.Seen seen, Family family, Remainder.Reason reason) {
        text.family(family);
        for (SessionView session : seen.sessions()) {
            Map<String, Long> perDevice = new TreeMap<>();
            session.remainders().stream()
                    .filter(remainder -> remainder.reason() == reason)
                    .forEach(remainder -> perDevice.merge(remainder.device().toString(), remainder.bytes(), Long::sum));
            perDevice.forEach((device, bytes) ->
                    text.sample(family, bytes, device, session.id().text()));
        }
    }

    /** The daemon's own. */
    Present daemon(String version, long auditLost, ProcessNumbers process) {
        text.family(Catalogue.BUILD)
                .sample(Catalogue.BUILD, 1, Runtime.version().toString(), version);
        one(Catalogue.AUDIT_LOST, auditLost);
        text.family(Catalogue.CPU).seconds(Catalogue.CPU, process.cpu().toNanos() / 1e9);
        one(Catalogue.RESIDENT, process.resident());
        one(Catalogue.OPEN_FILES, process.openFiles());
        one(Catalogue.MAX_FILES, process.maxFiles());
        text.family(Catalogue.STARTED)
                .seconds(Catalogue.STARTED, process.started().toEpochMilli() / 1e3);
        return this;
    }

    private void one(Family family, long value) {
        text.family(family).sample(family, value);
    }

    String exposition() {
        return text.toString();
    }
}
