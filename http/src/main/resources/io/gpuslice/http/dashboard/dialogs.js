// SPDX-License-Identifier: Apache-2.0
// What is asked of the person before something changes.

import { change, look, token, tryToken } from "./api.js";
import { h, text } from "./dom.js";
import { count, size } from "./format.js";
import { beginAnew, refresh } from "./live.js";
import * as store from "./store.js";

const element = (id) => document.getElementById(id);

/** Says that something was done. */
export function say(what) {
    const place = element("said");
    text(place, what);
    place.dataset.shown = "";
    clearTimeout(say.over);
    say.over = setTimeout(() => delete place.dataset.shown, 6000);
}

/**
 * Shows a dialog until it is left or `submit` has succeeded; what that fails with is shown as it is. Returns whether it
 * succeeded.
 */
function open(dialog, submit) {
    const form = dialog.querySelector("form");
    const place = dialog.querySelector(".refused");
    const main = dialog.querySelector(".main");
    const listening = new AbortController();
    const { signal } = listening;
    let done = false;
    const refuse = (words) => place !== null && text(place, words);
    refuse("");
    return new Promise((resolve) => {
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            main.disabled = true;
            refuse("");
            try {
                await submit();
                done = true;
                dialog.close();
            } catch (problem) {
                refuse(problem.message);
            } finally {
                main.disabled = false;
            }
        }, { signal });
        dialog.querySelector(".cancel")?.addEventListener("click", () => dialog.close(), { signal });
        dialog.addEventListener("close", () => {
            listening.abort();
            resolve(done);
        }, { signal });
        dialog.showModal();
    });
}

export function help() {
    return open(element("help-dialog"), () => {});
}

/** Asks for the token; returns whether there is one now. */
export async function unlock() {
    const field = element("token");
    field.value = "";
    text(element("token-where"), `${store.about.socket ?? "/run/gpuslice/gpuslice.sock"}.http.json`);
    const unlocked = await open(element("token-dialog"), async () => {
        await tryToken(field.value.trim());
        token.set(field.value.trim());
        field.value = "";
    });
    if (unlocked) {
        beginAnew();
        store.changed();
        say("Changes are unlocked in this tab");
    }
    return unlocked;
}

export function lock() {
    token.forget();
    beginAnew();
    store.changed();
    say("The token is forgotten");
}

async function mayChange() {
    return token.get() !== null || unlock();
}

/** A token that is not the daemon's, as after a restart with another one, is asked for anew. */
function forgetIfWrong(problem) {
    if (problem.status === 401) {
        token.forget();
        store.changed();
    }
    throw problem;
}

export async function resize(id) {
    if (!await mayChange()) {
        return;
    }
    const dialog = element("resize-dialog");
    const [limit, ttl, now] = [element("limit"), element("ttl"), dialog.querySelector(".now")];
    const path = `/sessions/${encodeURIComponent(id)}`;
    let seen;
    const lookAnew = async () => {
        seen = await look(path);
        const { json } = seen;
        text(now, `${size(json.used_bytes)} used and ${size(json.credit_bytes)} credit of ${size(json.limit_bytes)}`
            + ` (${json.limit}), by ${count(json.processes.length, "process", "processes")}`);
    };
    try {
        await lookAnew();
    } catch (problem) {
        say(problem.message);
        return;
    }
    limit.value = seen.json.limit;
    ttl.value = "";
    text(element("resize-title"), `Resize ${seen.json.name || id}`);
    let warning = "";
    const done = await open(dialog, async () => {
        const body = {};
        if (limit.value.trim() !== seen.json.limit) {
            body.limit = limit.value.trim();
        }
        if (ttl.value.trim() !== "") {
            body.ttl = ttl.value.trim();
        }
        if (Object.keys(body).length === 0) {
            return;
        }
        try {
            ({ warning = "" } = await change("PATCH", path, { body, etag: seen.etag }));
        } catch (problem) {
            if (problem.status === 412) {
                await lookAnew();
            }
            forgetIfWrong(problem);
        }
    });
    if (done) {
        refresh(id);
        say(warning || `${seen.json.name || id} is changed`);
    }
}

export async function end(id) {
    if (!await mayChange()) {
        return;
    }
    const dialog = element("end-dialog");
    const path = `/sessions/${encodeURIComponent(id)}`;
    let seen;
    try {
        seen = await look(path);
    } catch (problem) {
        say(problem.message);
        return;
    }
    const { json, etag } = seen;
    const processes = count(json.processes.length, "process", "processes");
    const lives = json.processes.length > 0;
    text(element("end-title"), `End ${json.name || id}?`);
    text(dialog.querySelector(".now"), lives
        ? `${processes} ${json.processes.length === 1 ? "lives" : "live"} in it, with ${size(json.used_bytes)}`
            + ` used and ${size(json.credit_bytes)} credit:`
        : "Nothing lives in it.");
    dialog.querySelector(".lives").replaceChildren(...json.processes.map((process) => h("li", {},
        h("code", {}, process.command), h("span", { class: "small" }, `pid ${process.pid} · ${size(process.used_bytes)}`))));
    text(dialog.querySelector(".how"), lives
        ? "They are told to end (SIGTERM); what is left after 10 s is killed. Work that they have not saved is lost."
        : "Programs can no longer be started in it.");
    text(dialog.querySelector(".main"), lives ? `End ${processes}` : "End");
    const done = await open(dialog, () =>
        change("DELETE", lives ? `${path}?force=true` : path, { etag }).catch(forgetIfWrong));
    if (done) {
        store.gone(json.id);
        say(`${json.name || id} has ended`);
    }
}
