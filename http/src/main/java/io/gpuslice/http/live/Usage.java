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
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.apache.pekko.http.scaladsl.model.sse.ServerSentEvent;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * What sessions hold, as events of what has changed. Each look makes a version; whoever was told one is told what has
 * changed since, whichever that was. The text is made once for all viewers that are shown the same. Thread-safe.
 */
final class Usage {

    /** The version of those who were told nothing. */
    static final long NONE = 0;

    /** For so many versions it is known who has gone: longer than a stream that does not read lasts. */
    static final int REMEMBERED = 64;

    private static final Duration CURRENT = Duration.ofSeconds(3);

    private record Line(SessionView session, String text, long changed) {}

    private record Gone(SessionView session, long version) {}

    /** @param frames by the version that the reader was told last */
    private record Board(long version, Map<DeviceId, DeviceLine> devices, Map<Long, ByteString> frames) {}

    private record DeviceLine(String text, long changed) {}

    private final Map<SessionId, Line> lines = new LinkedHashMap<>();
    private final Map<SessionId, Gone> gone = new LinkedHashMap<>();
    private Map<Viewer, Board> boards = new HashMap<>();
    private Devices.Known known = new Devices.Known(List.of(), "");
    private Instant at = Instant.EPOCH;
    private volatile Version latest = new Version(NONE, 0);

    /** @param nanos of the clock, when it was made */
    private record Version(long number, long nanos) {}

    /** The version there is; {@link #NONE}: none that is not out of date, as nobody wanted to know. */
    long version(long nanos) {
        Version there = latest;
        return nanos - there.nanos() > CURRENT.toNanos() ? NONE : there.number();
    }

    /** Makes the next version. */
    synchronized void saw(Look look, long nanos, Instant now) {
        long version = latest.number();
        long next = version + 1;
        at = now;
        known = look.known();
        Set<SessionId> there = new HashSet<>(look.listed().silent());
        for (SessionView session : look.listed().sessions()) {
            there.add(session.id());
            String text = session(session).toString();
            Line line = lines.get(session.id());
            long changed = line != null && line.text().equals(text) ? line.changed() : next;
            lines.put(session.id(), new Line(session, text, changed));
        }
        lines.values().removeIf(line -> {
            boolean left = !there.contains(line.session().id());
            if (left) {
                gone.put(line.session().id(), new Gone(line.session(), next));
            }
            return left;
        });
        gone.values().removeIf(left -> left.version() <= next - REMEMBERED);
        // Nobody has looked at the others for a while.
        boards.values().removeIf(board -> board.version() < version);
        latest = new Version(next, nanos);
    }

    /**
     * What has changed since a version, as an event.
     *
     * @return empty where nothing has
     */
    synchronized ByteString since(long told, Viewer viewer) {
        long version = latest.number();
        Board board = boards.get(viewer);
        if (board == null || board.version() != version) {
            board = new Board(version, devices(viewer, board), new HashMap<>());
            boards.put(viewer, board);
        }
        Map<DeviceId, DeviceLine> devices = board.devices();
        return board.frames().computeIfAbsent(told, _ -> frame(told, viewer, devices.values()));
    }

    private ByteString frame(long told, Viewer viewer, Collection<DeviceLine> devices) {
        StringJoiner cards = list();
        devices.stream()
                .filter(line -> line.changed() > told)
                .map(DeviceLine::text)
                .forEach(cards::add);
        StringJoiner sessions = list();
        seen(viewer).filter(line -> line.changed() > told).map(Line::text).forEach(sessions::add);
        StringJoiner left = list();
        if (told != NONE) {
            gone.values().stream()
                    .filter(each -> each.version() > told && viewer.sees(each.session()))
                    .forEach(each -> left.add('"' + each.session().id().text() + '"'));
        }
        boolean nothing = told != NONE && cards.length() + sessions.length() + left.length() == 3 * list().length();
        return nothing
                ? ByteString.emptyByteString()
                : ServerSentEvent.apply(
                                "{\"at\":\"" + at + "\",\"devices\":" + cards + ",\"sessions\":" + sessions
                                        + ",\"gone\":" + left + "}",
                                "usage")
                        .encode();
    }

    private static StringJoiner list() {
        return new StringJoiner(",", "[", "]");
    }

    private Stream<Line> seen(Viewer viewer) {
        return viewer.only()
                .map(id -> Stream.ofNullable(lines.get(id)))
                .orElseGet(() -> lines.values().stream())
                .filter(line -> viewer.sees(line.session()));
    }

    private Map<DeviceId, DeviceLine> devices(Viewer viewer, @Nullable Board before) {
        List<DeviceUse> uses =
                seen(viewer).flatMap(line -> line.session().devices().stream()).toList();
        Map<DeviceId, DeviceLine> devices = new LinkedHashMap<>();
        for (Devices.Device device : known.devices()) {
            String text = device(
                            device,
                            uses.stream()
                                    .filter(use -> use.device().equals(device.id()))
                                    .toList())
                    .toString();
            DeviceLine line = before == null ? null : before.devices().get(device.id());
            devices.put(
                    device.id(),
                    line != null && line.text().equals(text) ? line : new DeviceLine(text, latest.number()));
        }
        return devices;
    }

    private static ObjectNode device(Devices.Device device, List<DeviceUse> uses) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("index", device.index())
                .put("uuid", device.id().toString())
                .put("total_bytes", device.capacity() == 0 ? null : (Long) device.capacity())
                .put("used_bytes", sum(uses, DeviceUse::used))
                .put("charge_bytes", sum(uses, DeviceUse::charge))
                .put("sessions", uses.stream().filter(use -> use.charge() > 0).count());
    }

    private ObjectNode session(SessionView session) {
        List<DeviceUse> uses = session.devices();
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("id", session.id().text())
                .put("name", session.name())
                .put("limit_bytes", limit(session))
                .put("used_bytes", sum(uses, DeviceUse::used))
                .put("charge_bytes", sum(uses, DeviceUse::charge))
                .put("credit_bytes", sum(uses, DeviceUse::credit))
                .put("processes", session.members().size())
                .put("denials", session.counters().denials());
        ArrayNode devices = json.putArray("devices");
        for (DeviceUse use : uses) {
            OptionalInt index = index(use.device());
            devices.addObject()
                    .put("index", index.isPresent() ? (Integer) index.getAsInt() : null)
                    .put("uuid", use.device().toString())
                    .put("limit_bytes", use.limit())
                    .put("used_bytes", use.used())
                    .put("charge_bytes", use.charge());
        }
        return json;
    }

    private OptionalInt index(DeviceId id) {
        return known.devices().stream()
                .filter(device -> device.id().equals(id))
                .mapToInt(Devices.Device::index)
                .findFirst();
    }

    /** What a session may hold, all devices together. */
    static long limit(SessionView session) {
        return session.devices().isEmpty() ? session.defaultLimit() : sum(session.devices(), DeviceUse::limit);
    }

    static long sum(List<DeviceUse> uses, ToLongFunction<DeviceUse> bytes) {
        return uses.stream().mapToLong(bytes).sum();
    }
}
