// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.MemberView;
import io.gpuslice.actors.Refusal;
import io.gpuslice.actors.Remainder;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Unenforced;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.http.live.Look;
import io.gpuslice.wire.PageLayout;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/** Sessions as JSON. Sizes are bytes. */
final class SessionJson {
    private SessionJson() {}

    /** Bytes: what a frame takes, less what stands around a list. */
    private static final int MOST = 1_000_000;

    /**
     * As many of the wanted sessions as one answer holds, the oldest first; where there are more, {@code next} is what to
     * ask for the sessions {@code after}.
     */
    static ObjectNode page(Look look, Wanted wanted) {
        ObjectNode json = Json.object();
        ArrayNode page = json.putArray("sessions");
        ArrayNode silent = json.putArray("silent");
        look.listed().silent().forEach(id -> silent.add(id.text()));
        List<SessionView> sessions = look.listed().sessions().stream()
                .filter(session -> wanted.test(session, look.known()))
                .sorted(Comparator.comparing(Place::of))
                .toList();
        int room = MOST;
        Place last = wanted.after();
        for (SessionView session : sessions) {
            String one = look.text(session, () -> Json.text(of(session, look.known())));
            room -= one.getBytes(StandardCharsets.UTF_8).length;
            if (page.size() == wanted.most() || (room < 0 && !page.isEmpty())) {
                json.put("next", last.text());
                break;
            }
            page.addRawValue(new RawValue(one));
            last = Place.of(session);
        }
        return json;
    }

    /** @param known gives devices their indexes */
    static ObjectNode of(SessionView session, Devices.Known known) {
        ObjectNode json = Json.object()
                .put("id", session.id().text())
                .put("name", session.name())
                .put("state", session.state().name())
                .put("uid", session.uid());
        session.leader()
                .ifPresentOrElse(leader -> json.set("leader", leader(leader, session)), () -> json.putNull("leader"));
        json.put("created_at", session.created().toString());
        session.ttlLeft()
                .ifPresentOrElse(
                        left -> json.put("ttl_left_seconds", left.toSeconds()), () -> json.putNull("ttl_left_seconds"));
        json.put("strict", session.strict()).put("keep", session.keep()).put("limit", session.limit());
        boolean untouched = session.devices().isEmpty();
        json.put("limit_bytes", untouched ? session.defaultLimit() : sum(session, DeviceUse::limit))
                .put("used_bytes", sum(session, DeviceUse::used))
                .put("charge_bytes", sum(session, DeviceUse::charge))
                .put("credit_bytes", sum(session, DeviceUse::credit))
                .put("reclaimed_bytes", session.reclaimed());
        ArrayNode devices = json.putArray("devices");
        session.devices().forEach(use -> devices.add(device(use, known)));
        ArrayNode processes = json.putArray("processes");
        session.members().forEach(member -> processes.add(process(member, known)));
        json.putObject("counters")
                .put("allocations", session.counters().allocations())
                .put("frees", session.counters().frees())
                .put("denials", session.counters().denials());
        ArrayNode refusals = json.putArray("refusals");
        session.refusals().forEach(refusal -> refusals.add(refusal(refusal)));
        ArrayNode remainders = json.putArray("remainders");
        session.remainders().forEach(remainder -> remainders.add(remainder(remainder)));
        ArrayNode unenforced = json.putArray("unenforced");
        session.unenforced().forEach(process -> unenforced.add(unenforced(process)));
        return json;
    }

    private static ObjectNode leader(ProcessId leader, SessionView session) {
        ObjectNode json = Json.object().put("pid", leader.pid());
        session.members().stream()
                .filter(member -> member.process().equals(leader))
                .findFirst()
                .ifPresent(member -> json.put("command", member.command()));
        return json;
    }

    private static ObjectNode device(DeviceUse use, Devices.Known known) {
        ObjectNode json = Json.object().put("uuid", use.device().toString());
        known.devices().stream()
                .filter(device -> device.id().equals(use.device()))
                .findFirst()
                .ifPresentOrElse(device -> json.put("index", device.index()), () -> json.putNull("index"));
        return json.put("limit_bytes", use.limit())
                .put("used_bytes", use.used())
                .put("charge_bytes", use.charge())
                .put("credit_bytes", use.credit());
    }

    private static ObjectNode process(MemberView member, Devices.Known known) {
        ObjectNode json = Json.object()
                .put("pid", member.process().pid())
                .put("uid", member.uid())
                .put("command", member.command())
                .put("since", member.since().toString())
                .put("used_bytes", member.used())
                .put("charge_bytes", member.charge())
                .put("page", member.page().name().toLowerCase(Locale.ROOT));
        ArrayNode devices = json.putArray("devices");
        member.devices().forEach(use -> devices.add(device(use, known)));
        return json;
    }

    private static ObjectNode refusal(Refusal refusal) {
        return Json.object()
                .put("at", refusal.at().toString())
                .put("pid", refusal.process().pid())
                .put("device", refusal.device().toString())
                .put("error_code", refusal.code().name())
                .put("asked_bytes", refusal.asked())
                .put("used_bytes", refusal.used())
                .put("limit_bytes", refusal.limit());
    }

    private static ObjectNode remainder(Remainder remainder) {
        return Json.object()
                .put("pid", remainder.process().pid())
                .put("device", remainder.device().toString())
                .put("bytes", remainder.bytes())
                .put("reason", remainder.reason().name());
    }

    private static ObjectNode unenforced(Unenforced process) {
        return Json.object()
                .put("pid", process.pid())
                .put("command", process.command())
                .put("why", process.why());
    }

    static ObjectNode of(Sessions.AllocationView allocation) {
        return Json.object()
                .put("pid", allocation.process().pid())
                .put("device", allocation.device().toString())
                .put("address", "0x" + Long.toHexString(allocation.handle()))
                .put("bytes", allocation.bytes())
                .put("kind", PageLayout.kindName(allocation.kind()));
    }

    /** Over all devices. Limits may be as large as a long, and then so is their sum. */
    private static long sum(SessionView session, ToLongFunction<DeviceUse> bytes) {
        return session.devices().stream()
                .mapToLong(bytes)
                .reduce(0, (sum, more) -> sum > Long.MAX_VALUE - more ? Long.MAX_VALUE : sum + more);
    }
}
