// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static io.gpuslice.cli.SessionText.size;

import java.util.ArrayList;
import java.util.List;

/** GPUs for people. */
final class DeviceText {
    private DeviceText() {}

    /** A line a GPU; what sessions hold there only where the daemon says it. */
    static Table table(List<Json> devices) {
        boolean held = devices.stream().anyMatch(device -> device.has("used_bytes"));
        List<String> headings = new ArrayList<>(List.of(">DEVICE", "UUID", "NAME", ">MEMORY"));
        if (held) {
            headings.addAll(List.of(">USED", ">CHARGE", ">SESSIONS"));
        }
        Table table = new Table(headings.toArray(String[]::new));
        for (Json device : devices) {
            List<String> cells = new ArrayList<>(List.of(
                    device.number("index", -1) < 0 ? "-" : device.text("index", "-"),
                    device.text("uuid", "?"),
                    device.text("name", "").isEmpty() ? "-" : device.text("name", ""),
                    size(device, "total_bytes")));
            if (held) {
                cells.addAll(List.of(
                        size(device, "used_bytes"), size(device, "charge_bytes"), device.text("sessions", "-")));
            }
            table.row(cells.toArray(String[]::new));
        }
        return table;
    }
}
