// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.device.Devices;
import java.util.List;

/** Devices as JSON. Sizes are bytes. */
final class DeviceJson {
    private DeviceJson() {}

    /** @param sessions whose use of each device is summed up */
    static ObjectNode of(Devices.Known known, List<SessionView> sessions) {
        ObjectNode json = Json.object();
        ArrayNode list = json.putArray("devices");
        for (Devices.Device device : known.devices()) {
            List<DeviceUse> uses = sessions.stream()
                    .flatMap(session -> session.devices().stream())
                    .filter(use -> use.device().equals(device.id()))
                    .toList();
            list.addObject()
                    .put("index", device.index())
                    .put("uuid", device.id().toString())
                    .put("name", device.name())
                    .put("total_bytes", device.capacity() == 0 ? null : (Long) device.capacity())
                    .put(
                            "sessions",
                            uses.stream().filter(use -> use.charge() > 0).count())
                    .put("used_bytes", uses.stream().mapToLong(DeviceUse::used).sum())
                    .put(
                            "charge_bytes",
                            uses.stream().mapToLong(DeviceUse::charge).sum());
        }
        if (!known.problem().isEmpty()) {
            json.put("problem", known.problem());
        }
        return json;
    }
}
