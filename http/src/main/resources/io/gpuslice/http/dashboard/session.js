// SPDX-License-Identifier: Apache-2.0
// One session: what it holds and where, its processes, its largest allocations, what it was refused.

import { look } from "./api.js";
import { Chart } from "./charts.js";
import { end, resize } from "./dialogs.js";
import { attribute, h, Keyed, text } from "./dom.js";
import { clock, count, parts, short, size } from "./format.js";
import { refusalsView } from "./refusals.js";
import { endsIn, meter, showMarks } from "./sessions.js";
import * as store from "./store.js";

const LARGEST = 20;
const LOOK_EVERY = 2000;
/** In so many looks the allocations and the last hour are asked for once. */
const MORE_SELDOM = 3;

function deviceLine() {
    const name = h("span", { class: "label" });
    const bar = meter();
    const numbers = h("span", { class: "number" });
    return {
        node: h("li", {}, name, bar.node, numbers),
        update(use) {
            const device = store.devices.get(use.uuid);
            text(name, `Device ${use.index ?? short(use.uuid)}${device === undefined ? "" : `, ${device.name}`}`);
            bar.update(use);
            text(numbers, `${size(use.used)} + ${size(use.charge - use.used)} of ${size(use.limit)}`);
        },
    };
}

function table(name, columns, row) {
    const body = h("tbody");
    const rows = new Keyed(body, () => {
        const cells = columns.map(([, kind]) => h("td", { class: kind }));
        return {
            node: h("tr", {}, ...cells),
            update: (item) => row(item).forEach((value, column) => {
                text(cells[column], value);
                attribute(cells[column], "title", columns[column][1] === "command" ? value : null);
            }),
        };
    });
    const title = h("h2");
    const none = h("p", { class: "small" });
    const grid = h("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": name },
        h("table", {}, h("caption", { class: "unseen" }, name), h("thead", {}, h("tr", {},
            ...columns.map(([label, kind]) => h("th", { scope: "col", class: kind }, label)))), body));
    text(title, name);
    return {
        node: h("section", {}, title, grid, none),
        show(items, key, empty) {
            rows.update(items, key);
            attribute(grid, "hidden", items.length === 0);
            text(none, items.length === 0 ? empty : "");
        },
        note: (words) => text(none, words),
    };
}

/** @param selector an id, the beginning of one, or a name */
export function sessionPage(selector) {
    let id = store.sessions.has(selector) ? selector : null;
    let problem = null;
    let allocations = null;
    let past = null;
    let looks = 0;
    let closed = false;
    let lastLink = store.link.state;

    const heading = h("h1", { tabindex: -1 });
    const tags = h("span", { class: "tags" });
    const facts = h("p", { class: "facts" });
    const resizeButton = h("button", { type: "button", id: "resize", on: { click: () => resize(id) } }, "Resize…");
    const endButton = h("button", { type: "button", id: "end", class: "danger", on: { click: () => end(id) } }, "End…");
    const actions = h("div", { class: "actions" }, resizeButton, endButton);
    const [used, credit, limit] = ["used", "credit", "limit"].map((name) => {
        const [number, unit] = [h("b"), h("span", { class: "unit" })];
        return { node: h("div", { class: "figure" }, h("span", {}, number, " ", unit), h("span", { class: "label" }, name)),
            update: (bytes) => parts(bytes).forEach((part, at) => text([number, unit][at], part)) };
    });
    const lines = h("ul", { class: "lines", "aria-label": "Used and credit on each device" });
    const devices = new Keyed(lines, deviceLine);
    const notes = h("ul", { class: "notes" });
    const curve = h("div", { class: "chart" });
    const chart = new Chart(curve, "The last hour", true);
    const members = table("Processes", [["Pid", "number"], ["Command", "command"], ["User", "number minor"],
        ["Used", "number"], ["Credit", "number"], ["Since", "number minor"]], (process) => [
        process.pid, process.command + (process.page === "ok" ? "" : ` (page ${process.page})`), process.uid,
        size(process.used_bytes), size(process.charge_bytes - process.used_bytes), clock(Date.parse(process.since))]);
    const blocks = table("Largest allocations", [["Size", "number"], ["Kind", ""], ["Address", "address minor"], ["Device", "number"],
        ["Pid", "number"]], (block) => [size(block.bytes), block.kind, block.address,
        store.devices.get(block.device)?.index ?? short(block.device), block.pid]);
    const refusals = h("div");
    let refusalsPart = null;
    const over = h("div", { class: "empty", hidden: true });
    const body = h("div", {}, h("div", { class: "device" },
        h("div", { class: "now" }, h("div", { class: "figures" }, used.node, credit.node, limit.node), lines, notes), curve),
    h("div", { class: "columns" }, h("div", { class: "main" }, members.node, blocks.node), refusals));
    const node = h("div", { class: "one" }, h("nav", { "aria-label": "Where you are" }, h("a", { href: "#/" }, "← Overview")),
        h("header", { class: "title" }, h("i", { class: "swatch", "aria-hidden": true }), heading, tags, actions), facts, over, body);

    /** The session, then what hangs on it. */
    async function ask() {
        if (document.hidden || (id !== null && !store.sessions.has(id))) {
            return;
        }
        try {
            const { json } = await look(`/sessions/${encodeURIComponent(id ?? selector)}`);
            if (closed) {
                return;
            }
            problem = null;
            id = json.id;
            store.told(json);
            if (looks++ % MORE_SELDOM === 0) {
                const path = `/sessions/${id}`;
                [allocations, past] = (await Promise.all([look(`${path}/allocations`), look(`${path}/history`)]))
                    .map((answer) => answer.json);
            }
        } catch (failure) {
            if (failure.status === 404 || failure.status === 410) {
                store.gone(id);
            }
            problem = failure.status === 0 ? null : failure;
        }
        store.changed();
    }

    const timer = setInterval(ask, LOOK_EVERY);
    ask();

    function showOver(title, words) {
        text(heading, title);
        attribute(body, "hidden", true);
        attribute(actions, "hidden", true);
        attribute(over, "hidden", false);
        text(facts, "");
        text(tags, "");
        if (over.textContent !== words) {
            over.replaceChildren(h("p", {}, words));
        }
    }

    return {
        node,
        id: () => id,
        title: () => `${heading.textContent} – gpuslice`,
        update() {
            if (store.link.state === "live" && lastLink !== "live") {
                looks = 0;
                ask();
            }
            lastLink = store.link.state;
            const session = id === null ? undefined : store.sessions.get(id);
            if (session === undefined) {
                const ended = store.ended.get(id ?? selector);
                attribute(node, "class", ended === undefined ? "one" : `one c${ended.colour}`);
                if (ended !== undefined) {
                    showOver(ended.name || id, `This session has ended. It was last seen at ${clock(ended.at)};`
                        + " all it held is free for others.");
                } else {
                    showOver(selector, problem === null ? "Looking for it…" : problem.message);
                }
                return;
            }
            attribute(body, "hidden", false);
            attribute(actions, "hidden", false);
            attribute(over, "hidden", true);
            attribute(node, "class", `one c${session.colour}`);
            text(heading, store.title(session));
            showMarks(tags, session);
            const { full } = session;
            text(facts, full === null ? session.id : [
                session.id,
                `user ${full.uid}`,
                `opened ${clock(Date.parse(full.created_at))}`,
                full.ttl_left_seconds === null ? "no time limit" : session.state === "EXPIRED" ? "its time is over"
                    : `ends in ${endsIn(session)}`,
                full.keep ? "kept when its programs end" : null,
                `limit ${full.limit}${full.devices.length > 1 && !full.limit.includes("=") ? " on each device" : ""}`,
                count(full.counters.allocations, "allocation"),
                count(full.counters.denials, "denial"),
                full.reclaimed_bytes > 0 ? `${size(full.reclaimed_bytes)} taken back from the dead` : null,
            ].filter(Boolean).join(" · "));
            used.update(session.used);
            credit.update(session.credit);
            limit.update(session.limit);
            devices.update(session.devices, (use) => use.uuid);
            members.show(session.members, (process) => `${process.pid} ${process.since}`, "No process lives in it.");
            notes.replaceChildren(...notesOf(full).map((words) => h("li", {}, words)));
            showBlocks();
            if (past !== null) {
                chart.show(past.times, past.used_bytes, past.charge_bytes, past.limit_bytes,
                    Math.max(session.limit, ...past.limit_bytes.filter((bytes) => bytes !== null)));
            }
            if (refusalsPart === null) {
                refusalsPart = refusalsView(id);
                refusals.replaceWith(refusalsPart.node);
            }
            refusalsPart.update();
        },
        close() {
            closed = true;
            clearInterval(timer);
            chart.close();
        },
    };

    function showBlocks() {
        if (allocations === null) {
            blocks.show([], () => "", "Looking…");
            return;
        }
        const all = allocations.allocations.toSorted((a, b) => b.bytes - a.bytes);
        const shown = all.slice(0, LARGEST);
        blocks.show(shown, (block) => `${block.pid} ${block.device} ${block.address} ${block.kind}`, "It holds no memory.");
        if (all.length > LARGEST) {
            const rest = all.slice(LARGEST).reduce((sum, block) => sum + block.bytes, 0);
            blocks.note(`and ${all.length - LARGEST}${allocations.truncated ? " or more" : ""} smaller ones, ${size(rest)} together`);
        }
    }
}

/** What is odd about it, in words. */
function notesOf(full) {
    if (full === null) {
        return [];
    }
    return [
        ...full.remainders.map((rest) => rest.reason === "LINGERING"
            ? `${size(rest.bytes)} of process ${rest.pid}, which is gone, may still be held by another one and count as used`
            : `${size(rest.bytes)} that process ${rest.pid} uses of another one’s memory count as used`),
        ...full.unenforced.map((process) => `Process ${process.pid} (${process.command}) is not limited: ${process.why}`),
    ];
}
