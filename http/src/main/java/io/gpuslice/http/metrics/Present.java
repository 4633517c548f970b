// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.Remainder;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/** What is so at one moment. Written anew for each scrape: a series is there because its session is. */
final class Present {
    /**
     * Devices of one session that are shown, and devices beside those of the machine. A process may have so many; one that
     * joins again and again with UUIDs of its own invention must not make series without end.
     */
    private static final int MOST_DEVICES = Abi.MAX_DEVICES;

    private final Exposition text = new Exposition();
    private final boolean perSession;

    /** @param perSession whether a session has series of its own */
    Present(Sightings.Seen seen, Devices.Known known, boolean perSession) {
        this.perSession = perSession;
        sessions(seen.sessions());
        one(Catalogue.SESSIONS_SILENT, seen.silent());
        devices(seen.sessions(), known);
        one(Catalogue.ALLOCATIONS, seen.totals().allocations());
        one(Catalogue.FREES, seen.totals().frees());
        one(Catalogue.DENIALS, seen.totals().denials());
    }

    private void sessions(List<SessionView> sessions) {
        text.family(Catalogue.SESSIONS);
        for (SessionState state : SessionState.values()) {
            text.sample(Catalogue.SESSIONS, inState(sessions, state), state.name());
        }
        one(Catalogue.SESSIONS_ACTIVE, inState(sessions, SessionState.ACTIVE));
        one(Catalogue.PROCESSES, sum(sessions, session -> session.members().size()));
        one(
                Catalogue.PROCESSES_UNENFORCED,
                sum(sessions, session -> session.unenforced().size()));
        one(Catalogue.USED_TOTAL, uses(sessions).mapToLong(DeviceUse::used).sum());
        each(sessions, Catalogue.SESSION_PROCESSES, session -> session.members().size());
        each(sessions, Catalogue.SESSION_DENIALS, session -> session.counters().denials());
        each(sessions, Catalogue.UNENFORCED, session -> session.unenforced().size());
        onDevices(sessions, Catalogue.USED, DeviceUse::used);
        onDevices(sessions, Catalogue.CHARGE, DeviceUse::charge);
        onDevices(sessions, Catalogue.LIMIT, DeviceUse::limit);
        remainders(sessions, Catalogue.LINGERING, Remainder.Reason.LINGERING);
        remainders(sessions, Catalogue.IMPORTED, Remainder.Reason.IMPORTED);
    }

    private static long inState(List<SessionView> sessions, SessionState state) {
        return sessions.stream().filter(session -> session.state() == state).count();
    }

    private static long sum(List<SessionView> sessions, ToLongFunction<SessionView> number) {
        return sessions.stream().mapToLong(number).sum();
    }

    private static Stream<DeviceUse> uses(List<SessionView> sessions) {
        return sessions.stream().flatMap(session -> session.devices().stream());
    }

    /** A number of each session. */
    private void each(List<SessionView> sessions, Family family, ToLongFunction<SessionView> number) {
        if (perSession) {
            text.family(family);
            for (SessionView session : sessions) {
                text.sample(family, number.applyAsLong(session), session.id().text());
            }
        }
    }

    /** A number of each session on each of its devices. */
    private void onDevices(List<SessionView> sessions, Family family, ToLongFunction<DeviceUse> bytes) {
        if (perSession) {
            text.family(family);
            for (SessionView session : sessions) {
                session.devices().stream()
                        .limit(MOST_DEVICES)
                        .forEach(use -> text.sample(
                                family,
                                bytes.applyAsLong(use),
                                use.device().toString(),
                                session.id().text()));
            }
        }
    }

    /** Rare: where there is none, there is no series. */
    private void remainders(List<SessionView> sessions, Family family, Remainder.Reason reason) {
        if (perSession) {
            text.family(family);
            for (SessionView session : sessions) {
                Map<String, Long> perDevice = new TreeMap<>();
                of(session, reason)
                        .forEach(remainder ->
                                perDevice.merge(remainder.device().toString(), remainder.bytes(), Long::sum));
                perDevice.entrySet().stream()
                        .limit(MOST_DEVICES)
                        .forEach(held -> text.sample(
                                family,
                                held.getValue(),
                                held.getKey(),
                                session.id().text()));
            }
        }
    }

    private static Stream<Remainder> of(SessionView session, Remainder.Reason reason) {
        return session.remainders().stream().filter(remainder -> remainder.reason() == reason);
    }

    private void devices(List<SessionView> sessions, Devices.Known known) {
        text.family(Catalogue.DEVICE);
        for (Devices.Device device : known.devices()) {
            text.sample(Catalogue.DEVICE, 1, device.id().toString(), Integer.toString(device.index()), device.name());
        }
        text.family(Catalogue.DEVICE_MEMORY);
        for (Devices.Device device : known.devices()) {
            if (device.capacity() > 0) {
                text.sample(
                        Catalogue.DEVICE_MEMORY, device.capacity(), device.id().toString());
            }
        }
        Map<DeviceId, Sums> sums = new LinkedHashMap<>();
        known.devices().forEach(device -> sums.put(device.id(), new Sums()));
        int most = sums.size() + MOST_DEVICES;
        uses(sessions).forEach(use -> Sums.of(sums, use.device(), most).add(use));
        sessions.stream()
                .flatMap(session -> of(session, Remainder.Reason.LINGERING))
                .forEach(remainder -> Sums.of(sums, remainder.device(), most).lingering += remainder.bytes());
        onDevices(sums, Catalogue.DEVICE_USED, sum -> sum.used);
        onDevices(sums, Catalogue.DEVICE_CHARGE, sum -> sum.charge);
        onDevices(sums, Catalogue.DEVICE_LINGERING, sum -> sum.lingering);
    }

    /** Of all sessions on one device. */
    private static final class Sums {
        private long used;
        private long charge;
        private long lingering;

        /** Its own; one that is shown nowhere, where there are too many already. */
        private static Sums of(Map<DeviceId, Sums> sums, DeviceId device, int most) {
            return sums.size() < most
                    ? sums.computeIfAbsent(device, _ -> new Sums())
                    : sums.getOrDefault(device, new Sums());
        }

        private void add(DeviceUse use) {
            used += use.used();
            charge += use.charge();
        }
    }

    private void onDevices(Map<DeviceId, Sums> sums, Family family, ToLongFunction<Sums> bytes) {
        text.family(family);
        sums.forEach((device, sum) -> text.sample(family, bytes.applyAsLong(sum), device.toString()));
    }

    /** The daemon's own. */
    Present daemon(String version, boolean ready, long auditLost, ProcessNumbers process) {
        one(Catalogue.READY, ready ? 1 : 0);
        text.family(Catalogue.CLOCK).seconds(Catalogue.CLOCK, process.clock().toEpochMilli() / 1e3);
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
