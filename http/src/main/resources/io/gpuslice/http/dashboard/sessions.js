// SPDX-License-Identifier: Apache-2.0
// The table of sessions: filtered, sorted, and changed in place.

import { attribute, css, h, Keyed, text } from "./dom.js";
import { count, left, size } from "./format.js";
import * as store from "./store.js";

const NEVER = Number.MAX_SAFE_INTEGER;

/** Name, what it sorts by, whether the first click puts the largest first, and its class. */
const COLUMNS = [
    ["Session", (session) => store.title(session).toLowerCase(), false, "name"],
    ["Memory", (session) => session.used / Math.max(session.limit, 1), true, "memory"],
    ["Used", (session) => session.used, true, "number"],
    ["Credit", (session) => session.credit, true, "number minor"],
    ["Limit", (session) => session.limit, true, "number"],
    ["Processes", (session) => session.processes, true, "number minor"],
    ["Ends in", (session) => session.deadline ?? NEVER, false, "number minor"],
    ["Denials", (session) => session.denials, true, "number minor"],
];
const OLDEST_FIRST = -1;

/** Used, credit and the rest of a limit, as one bar. */
export function meter() {
    const node = h("span", { class: "meter", "aria-hidden": true },
        h("i", { class: "used" }), h("i", { class: "credit" }));
    return {
        node,
        update(use) {
            const of = Math.max(use.limit, use.charge, 1);
            css(node, "--used", use.used / of);
            css(node, "--credit", (use.charge - use.used) / of);
            css(node, "--limit", use.limit / of);
            attribute(node, "data-full", use.charge >= use.limit && use.used >= use.limit * 0.95);
        },
    };
}

/** Words beside a name that says enough by itself where all is well. */
function marks(session) {
    return [
        session.state === "ACTIVE" ? null : session.state.toLowerCase(),
        session.strict ? "strict" : null,
        session.full?.unenforced.length > 0 ? `${session.full.unenforced.length} not limited` : null,
    ].filter(Boolean);
}

/** Shows them, loud where somebody should look. */
export function showMarks(node, session) {
    text(node, marks(session).join(", "));
    attribute(node, "data-alarm", session.state !== "ACTIVE" || session.full?.unenforced.length > 0);
}

export function endsIn(session) {
    if (session.state === "EXPIRED") {
        return "expired";
    }
    return session.deadline === null ? "–" : left(session.deadline - Date.now());
}

function row(first) {
    const link = h("a", { href: `#/sessions/${first.id}` });
    const tags = h("span", { class: "tags" });
    const command = h("span", { class: "command" });
    const bar = meter();
    const brief = h("span", { class: "brief" });
    const cells = COLUMNS.map(([, , , name]) => h(name === "name" ? "th" : "td", {
        class: name, scope: name === "name" ? "row" : null }));
    const [name, memory, used, credit, limit, processes, ends, denials] = cells;
    name.append(h("div", { class: "cell" }, h("i", { class: "swatch", "aria-hidden": true }),
        h("span", { class: "who" }, link, tags, command)));
    memory.append(bar.node, brief);
    const node = h("tr", { "data-id": first.id }, ...cells);
    return {
        node,
        update(session) {
            attribute(node, "class", `c${session.colour}${session.state === "ACTIVE" ? "" : " over"}`);
            text(link, store.title(session));
            showMarks(tags, session);
            text(command, session.command || (session.processes === 0 ? "no process" : ""));
            attribute(command, "title", session.command || null);
            bar.update(session);
            text(brief, `${size(session.used)} of ${size(session.limit)}`);
            text(used, size(session.used));
            text(credit, size(session.credit));
            text(limit, size(session.limit));
            text(processes, session.processes);
            text(ends, endsIn(session));
            text(denials, session.denials);
            attribute(denials, "data-some", session.denials > 0);
        },
    };
}

function nothingYet() {
    return h("div", { class: "empty" },
        h("p", {}, "No sessions yet. Start a program under a limit, and it is here a moment later:"),
        h("pre", {}, h("code", {}, "gpuslice run --limit 8GB -- python train.py")));
}

/** Where it was left, so that coming back from a session shows the same. */
const chosen = { column: OLDEST_FIRST, down: false, filter: "" };

export function sessionsView() {
    const filter = h("input", { id: "filter", type: "search", placeholder: "Filter", autocomplete: "off", spellcheck: "false",
        "aria-label": "Filter by name, id, command, user or state", value: chosen.filter,
        on: { input: () => { chosen.filter = filter.value; store.changed(); } } });
    const total = h("span", { class: "small", role: "status" });
    const heads = COLUMNS.map(([label, , down, name], column) => h("th", { scope: "col", class: name },
        h("button", { type: "button", on: { click: () => {
            if (chosen.column !== column) {
                Object.assign(chosen, { column, down });
            } else if (chosen.down === down) {
                chosen.down = !down;
            } else {
                Object.assign(chosen, { column: OLDEST_FIRST, down: false });
            }
            store.changed();
        } } }, label)));
    const body = h("tbody");
    const rows = new Keyed(body, row);
    const table = h("table", { class: "sessions", "aria-labelledby": "sessions-title" },
        h("thead", {}, h("tr", {}, ...heads)), body);
    const empty = nothingYet();
    const noMatch = h("p", { class: "small" });
    return {
        node: h("section", { class: "main", "aria-labelledby": "sessions-title" },
            h("header", {}, h("h2", { id: "sessions-title" }, "Sessions"), total, filter), table, noMatch, empty),
        update() {
            const all = [...store.sessions.values()];
            const shown = sorted(matching(all));
            rows.update(shown, (session) => session.id);
            heads.forEach((head, column) => attribute(head, "aria-sort",
                column !== chosen.column ? null : chosen.down ? "descending" : "ascending"));
            text(total, chosen.filter === "" ? String(all.length) : `${shown.length} of ${count(all.length, "session")}`);
            attribute(table, "hidden", shown.length === 0);
            attribute(filter, "hidden", all.length === 0);
            attribute(noMatch, "hidden", all.length === 0 || shown.length > 0);
            text(noMatch, `None of ${count(all.length, "session")} matches “${chosen.filter}”.`);
            attribute(empty, "hidden", all.length > 0);
        },
    };
}

function matching(all) {
    const words = chosen.filter.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((session) => {
        const hay = [session.id, session.name, session.command, `uid ${session.uid}`, session.state].join("\n").toLowerCase();
        return words.every((word) => hay.includes(word));
    });
}

function sorted(sessions) {
    const oldest = (a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id);
    if (chosen.column === OLDEST_FIRST) {
        return sessions.sort(oldest);
    }
    const by = COLUMNS[chosen.column][1];
    const sign = chosen.down ? -1 : 1;
    const order = (a, b) => (by(a) < by(b) ? -sign : by(a) > by(b) ? sign : oldest(a, b));
    return sessions.sort(order);
}

/** Moves the focus along the names; one up or one down. */
export function step(by) {
    const links = [...document.querySelectorAll("table.sessions tbody th a")];
    const here = links.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : here + by;
    links[Math.max(0, Math.min(links.length - 1, next))]?.focus();
}
