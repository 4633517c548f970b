// SPDX-License-Identifier: Apache-2.0
// The first page: devices, sessions, refusals.

import { devicesView } from "./devices.js";
import { h } from "./dom.js";
import { refusalsView } from "./refusals.js";
import { sessionsView } from "./sessions.js";

export function overview() {
    const parts = [devicesView(), sessionsView(), refusalsView()];
    const [devices, sessions, refusals] = parts;
    return {
        title: () => "gpuslice",
        node: h("div", {}, h("h1", { class: "unseen", tabindex: -1 }, "Overview"),
            devices.node, h("div", { class: "columns" }, sessions.node, refusals.node)),
        update: () => parts.forEach((part) => part.update()),
        close: () => devices.close(),
    };
}
