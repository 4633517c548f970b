// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What was held within the last hour, a step of ten seconds at a time: of each session as long as it is there, of each
 * device in sum, and of each device for each user as long as that has sessions. A session costs 8.7 kB, a device 5.8 kB
 * and as much for each user. Thread-safe.
 */
final class History {

    static final Duration STEP = Duration.ofSeconds(10);

    /** An hour of them. */
    static final int STEPS = 360;

    private static final long NO_SAMPLE = -1;

    private static final List<String> OF_A_SESSION = List.of("limit_bytes", "used_bytes", "charge_bytes");
    private static final List<String> OF_A_DEVICE = List.of("used_bytes", "charge_bytes");

    /** The last hour of something, a row for each kind of number. */
    private static final class Track {
        private final long[][] rows;
        private long last;

        Track(int rows, long step) {
            this.rows = new long[rows][STEPS];
            for (long[] row : this.rows) {
                Arrays.fill(row, NO_SAMPLE);
            }
            last = step;
        }

        void put(long step, long... numbers) {
            for (long skipped = Math.max(last + 1, step - STEPS + 1); skipped < step; skipped++) {
                write(skipped, null);
            }
            write(step, numbers);
            last = step;
        }

        private void write(long step, long @Nullable [] numbers) {
            for (int row = 0; row < rows.length; row++) {
                rows[row][(int) (step % STEPS)] = numbers == null ? NO_SAMPLE : numbers[row];
            }
        }

        /** The numbers of the steps from one to another, the last one included. */
        void tell(int row, long from, long to, ArrayNode list) {
            for (long step = from; step <= to; step++) {
                long number = step > last ? NO_SAMPLE : rows[row][(int) (step % STEPS)];
                if (number == NO_SAMPLE) {
                    list.addNull();
                } else {
                    list.add(number);
                }
            }
        }
    }

    private record Share(Viewer viewer, DeviceId device) {}

    private record Sum(long used, long charge) {
        static Sum plus(Sum one, Sum other) {
            return new Sum(one.used + other.used, one.charge + other.charge);
        }
    }

    private final Map<SessionId, Track> sessions = new HashMap<>();
    private final Map<Share, Track> shares = new HashMap<>();
    private final long begun;
    private Devices.Known known = new Devices.Known(List.of(), "");
    private long step = -1;
    private Instant at = Instant.EPOCH;

    /** @param begun the clock's nanoseconds at the beginning of the first step */
    History(long begun) {
        this.begun = begun;
    }

    /** Whether the step has begun that comes after the last one there is a sample of. */
    synchronized boolean isDue(long nanos) {
        return stepOf(nanos) > step;
    }

    private long stepOf(long nanos) {
        return (nanos - begun) / STEP.toNanos();
    }

    /** Keeps what was seen, once for each step. Whoever is gone is forgotten. */
    synchronized void saw(Look look, long nanos, Instant now) {
        long next = stepOf(nanos);
        if (next <= step) {
            return;
        }
        step = next;
        at = now;
        known = look.known();
        Set<SessionId> there = new HashSet<>(look.listed().silent());
        Map<Share, Sum> sums = new HashMap<>();
        for (Devices.Device device : known.devices()) {
            sums.put(new Share(Viewer.OF_ALL, device.id()), new Sum(0, 0));
        }
        for (SessionView session : look.listed().sessions()) {
            there.add(session.id());
            sessions.computeIfAbsent(session.id(), _ -> new Track(OF_A_SESSION.size(), step))
                    .put(
                            step,
                            Usage.limit(session),
                            Usage.sum(session.devices(), DeviceUse::used),
                            Usage.sum(session.devices(), DeviceUse::charge));
            for (DeviceUse use : session.devices()) {
                Sum more = new Sum(use.used(), use.charge());
                sums.merge(new Share(Viewer.OF_ALL, use.device()), more, Sum::plus);
                sums.merge(new Share(user(session.uid()), use.device()), more, Sum::plus);
            }
        }
        sessions.keySet().retainAll(there);
        shares.keySet().retainAll(sums.keySet());
        sums.forEach((share, sum) -> shares.computeIfAbsent(share, _ -> new Track(OF_A_DEVICE.size(), step))
                .put(step, sum.used(), sum.charge()));
    }

    private static Viewer user(int uid) {
        return new Viewer(false, uid, Optional.empty());
    }

    /** Of the devices, for those who may see everything or what one user has. */
    synchronized ObjectNode devices(Viewer viewer) {
        ObjectNode json = begin();
        ArrayNode devices = json.putArray("devices");
        for (Devices.Device device : known.devices()) {
            ObjectNode one = devices.addObject()
                    .put("index", device.index())
                    .put("uuid", device.id().toString());
            tell(shares.get(new Share(viewer, device.id())), OF_A_DEVICE, one);
        }
        return json;
    }

    /** Of one session. */
    synchronized ObjectNode session(SessionId id) {
        ObjectNode json = begin();
        tell(sessions.get(id), OF_A_SESSION, json);
        return json;
    }

    private ObjectNode begin() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("step_seconds", STEP.toSeconds());
        ArrayNode times = json.putArray("times");
        for (long each = first(); each <= step; each++) {
            times.add(at.getEpochSecond() - (step - each) * STEP.toSeconds());
        }
        return json;
    }

    private long first() {
        return Math.max(0, step - STEPS + 1);
    }

    private void tell(@Nullable Track known, List<String> names, ObjectNode json) {
        Track track = known == null ? new Track(names.size(), -1) : known;
        for (int row = 0; row < names.size(); row++) {
            track.tell(row, first(), step, json.putArray(names.get(row)));
        }
    }
}
