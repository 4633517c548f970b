// SPDX-License-Identifier: Apache-2.0
// The devices: what is held of each, by whom, and what the limits promise of it.

import { Chart } from "./charts.js";
import { attribute, css, h, Keyed, text } from "./dom.js";
import { count, parts, short, size } from "./format.js";
import * as store from "./store.js";

/** More names than that are not read beside a bar. */
const NAMED = 6;

/** The sessions on a device, the oldest first, so that a piece stays where it is while others grow. */
function sharesOf(device) {
    const shares = [];
    for (const session of store.sessions.values()) {
        const use = session.devices.find((each) => each.uuid === device.uuid);
        if (use !== undefined && (use.charge > 0 || use.limit > 0)) {
            shares.push({ session, use });
        }
    }
    return shares.sort((a, b) => a.session.created.localeCompare(b.session.created)
        || a.session.id.localeCompare(b.session.id));
}

function sum(shares, bytes) {
    return shares.reduce((total, share) => total + bytes(share.use), 0);
}

/** One figure: a number, its unit, and what it is. */
function figure(name) {
    const number = h("b");
    const unit = h("span", { class: "unit" });
    const label = h("span", { class: "label" }, name);
    return {
        node: h("div", { class: "figure" }, h("span", {}, number, " ", unit), label),
        update(bytes) {
            const [value, name] = parts(bytes);
            text(number, value);
            text(unit, name);
        },
    };
}

function piece({ session }) {
    // For the mouse alone: the names beside it and the table are links.
    const node = h("div", { on: { click: () => { location.hash = `#/sessions/${session.id}`; } } }, h("i", { class: "used" }));
    return {
        node,
        update({ session, use, of }) {
            attribute(node, "class", `piece c${session.colour}`);
            attribute(node, "title", `${store.title(session)}: ${size(use.used)} used, `
                + `${size(use.charge - use.used)} credit, limit ${size(use.limit)}`);
            css(node, "--used", use.used / of);
            css(node, "--credit", (use.charge - use.used) / of);
        },
    };
}

function promise({ session }) {
    const node = h("i");
    return {
        node,
        update({ session, use, of }) {
            attribute(node, "class", `promise c${session.colour}`);
            attribute(node, "title", `${store.title(session)}: limit ${size(use.limit)}`);
            css(node, "--limit", use.limit / of);
        },
    };
}

function named({ session }) {
    const name = h("a", { href: `#/sessions/${session.id}` });
    const used = h("span", { class: "number" });
    const node = h("li", {}, h("i", { class: "swatch", "aria-hidden": true }), name, " ", used);
    return {
        node,
        update({ session, use }) {
            attribute(node, "class", `c${session.colour}`);
            text(name, store.title(session));
            text(used, size(use.used));
        },
    };
}

function panel(first) {
    const name = h("h2", { id: `device-${first.uuid}` });
    const id = h("span", { class: "uuid" });
    const used = figure("used");
    const credit = figure("credit");
    const free = figure("free");
    const capacity = figure("capacity");
    const bar = h("div", { class: "bar", role: "img" });
    const promised = h("div", { class: "promised", "aria-hidden": true });
    const limits = h("p", { class: "small limits" });
    const legend = h("ul", { class: "legend", "aria-label": "Sessions that hold the most" });
    const rest = h("li", { class: "small" });
    const curve = h("div", { class: "chart" });
    const chart = new Chart(curve, "The last hour");
    const pieces = new Keyed(bar, piece);
    const promises = new Keyed(promised, promise);
    const names = new Keyed(legend, named);
    legend.append(rest);
    const node = h("section", { class: "device", "aria-labelledby": `device-${first.uuid}` },
        h("div", { class: "now" },
            h("header", {}, name, id),
            h("div", { class: "figures" }, used.node, credit.node, free.node, capacity.node),
            bar, promised, legend, limits),
        curve);
    return {
        node,
        close: () => chart.close(),
        update(device) {
            const shares = sharesOf(device);
            const held = sum(shares, (use) => use.charge);
            const usedBytes = sum(shares, (use) => use.used);
            const limit = sum(shares, (use) => use.limit);
            const of = device.total ?? Math.max(held, limit, 1);
            text(name, `${device.index ?? "–"}  ${device.name}`);
            text(id, short(device.uuid));
            attribute(id, "title", device.uuid);
            used.update(usedBytes);
            credit.update(held - usedBytes);
            free.update(Math.max(0, of - held));
            capacity.update(of);
            attribute(bar, "aria-label", `${size(usedBytes)} used and ${size(held - usedBytes)} credit of ${size(of)}, `
                + `by ${count(shares.length, "session")}`);
            const key = (share) => share.session.id;
            pieces.update(shares.map((share) => ({ ...share, of })), key);
            const widest = Math.max(of, limit);
            promises.update(shares.map((share) => ({ ...share, of: widest })), key);
            css(promised, "--capacity", of / widest);
            attribute(promised, "data-over", limit > of);
            text(limits, shares.length === 0 ? "No session has a limit here"
                : `Limits add up to ${size(limit)}` + (limit > of ? `, ${(limit / of).toFixed(2)} × the device` : ""));
            const most = shares.toSorted((a, b) => b.use.charge - a.use.charge || key(a).localeCompare(key(b)));
            names.update(most.slice(0, NAMED), key);
            attribute(rest, "hidden", most.length <= NAMED);
            text(rest, most.length > NAMED ? `and ${most.length - NAMED} more` : "");
            const past = store.history.overall?.devices.find((each) => each.uuid === device.uuid);
            if (past !== undefined) {
                chart.show(store.history.overall.times, past.used_bytes, past.charge_bytes, null, of);
            }
        },
    };
}

/** All devices of this machine. */
export function devicesView() {
    const node = h("div", { class: "devices" });
    const none = h("p", { class: "waiting", hidden: true });
    const panels = [];
    const list = new Keyed(node, (device) => {
        const made = panel(device);
        panels.push(made);
        return made;
    });
    return {
        node: h("div", {}, node, none),
        update() {
            const all = [...store.devices.values()];
            list.update(all, (device) => device.uuid);
            attribute(none, "hidden", all.length > 0);
            text(none, store.about.problem === "" ? "This machine has no device." : `No device: ${store.about.problem}`);
        },
        close: () => panels.forEach((each) => each.close()),
    };
}
