// SPDX-License-Identifier: Apache-2.0
// Refusals as they happen: who asked for how much, and why it was denied.

import { attribute, h, Keyed, text } from "./dom.js";
import { clock, size } from "./format.js";
import * as store from "./store.js";

const WHY = {
    QUOTA_EXCEEDED: "over the limit",
    SESSION_EXPIRED: "its time was over",
    SESSION_CLOSED: "the session had ended",
    SESSION_UNKNOWN: "there is no such session",
    UNAUTHENTICATED: "the token was wrong",
    FORBIDDEN: "it may not",
    OVERLOADED: "too much was asked at once",
    INTERNAL: "the daemon could not record it",
};

function item({ session }) {
    const time = h("time");
    const who = session === null ? h("span") : h("a", { href: `#/sessions/${session}` });
    const times = h("span", { class: "times" });
    const asked = h("b", { class: "number" });
    const why = h("span", { class: "why" });
    const node = h("li", {},
        h("p", { class: "who" }, h("i", { class: "swatch", "aria-hidden": true }), who, times, time),
        h("p", {}, "asked for ", asked),
        h("p", { class: "small" }, why));
    return {
        node,
        update(refusal) {
            const known = store.sessions.get(refusal.session) ?? store.ended.get(refusal.session);
            attribute(node, "class", known === undefined ? "" : `c${known.colour}`);
            text(who, known?.name || refusal.session || "nobody’s");
            text(times, refusal.times > 1 ? `× ${refusal.times}` : "");
            text(time, clock(refusal.at));
            attribute(time, "datetime", new Date(refusal.at).toISOString());
            text(asked, size(refusal.asked));
            const index = store.devices.get(refusal.device)?.index;
            text(why, [
                (WHY[refusal.code] ?? refusal.code)
                    + (refusal.limit === undefined ? "" : `, ${size(refusal.used)} of ${size(refusal.limit)} used`),
                index === undefined ? null : `device ${index}`,
                refusal.pid === null ? null : `pid ${refusal.pid}`,
                // Its numbers come with the session, a moment later.
                refusal.limit === undefined && refusal.code !== "QUOTA_EXCEEDED" ? refusal.detail : null,
            ].filter(Boolean).join(" · "));
        },
    };
}

/** @param of a session's id; null: of all sessions */
export function refusalsView(of = null) {
    const list = h("ol", { class: "refusals" });
    const none = h("p", { class: "small" });
    const items = new Keyed(list, item);
    return {
        node: h("section", { class: "side", "aria-labelledby": "refusals-title" },
            h("h2", { id: "refusals-title" }, "Refusals"), list, none),
        update() {
            const shown = store.refusals.filter((refusal) => of === null || refusal.session === of);
            items.update(shown, (refusal) => refusal.key);
            attribute(list, "hidden", shown.length === 0);
            attribute(none, "hidden", shown.length > 0);
            text(none, "None. What a limit refuses is listed here as it happens.");
        },
    };
}

/** What to say of the newest refusals to those who do not see them; null: nothing. */
export function spoken(since) {
    const fresh = store.refusals.filter((refusal) => refusal.at > since);
    if (fresh.length === 0) {
        return null;
    }
    const [last] = fresh;
    const known = store.sessions.get(last.session) ?? store.ended.get(last.session);
    const who = known?.name || last.session || "somebody";
    const one = `${who} was refused ${size(last.asked)}: ${WHY[last.code] ?? last.code}`;
    return fresh.length === 1 ? one : `${fresh.length} refusals; the last: ${one}`;
}
