// SPDX-License-Identifier: Apache-2.0
// The daemon's HTTP: questions, changes and the stream of events.

const TOKEN = "gpuslice.token";
const PATIENCE = 10_000;
/** Ending a session waits for its processes, which have 10 s before they are killed. */
const LONG_PATIENCE = 45_000;

/** The daemon's refusal, in its own words. Status 0: it could not be asked. */
export class Problem extends Error {
    constructor(status, code, detail, etag = null) {
        super(detail);
        this.status = status;
        this.code = code;
        this.etag = etag;
    }
}

export const token = {
    get: () => sessionStorage.getItem(TOKEN),
    set: (value) => sessionStorage.setItem(TOKEN, value),
    forget: () => sessionStorage.removeItem(TOKEN),
};

function headers(more, shown = token.get()) {
    return shown === null ? more : { ...more, Authorization: `Bearer ${shown}` };
}

async function ask(path, options) {
    let response;
    try {
        response = await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
    } catch (failure) {
        throw new Problem(0, "", failure.name === "TimeoutError" ? "it did not answer in time" : "it does not answer");
    }
    if (!response.ok) {
        const said = await response.json().catch(() => ({}));
        const detail = said.detail ?? `it answered ${response.status} ${response.statusText}`;
        throw new Problem(response.status, said.error_code ?? "", detail, response.headers.get("ETag"));
    }
    return response;
}

async function json(response) {
    try {
        return await response.json();
    } catch {
        throw new Problem(0, "", "its answer broke off");
    }
}

/** What is there, and the tag that a change of it shows. */
export async function look(path) {
    const options = { headers: headers({ Accept: "application/json" }), signal: AbortSignal.timeout(PATIENCE) };
    const response = await ask(path, options);
    return { json: await json(response), etag: response.headers.get("ETag") };
}

/** Changes something, as the operator; with `etag` only if nobody else has meanwhile. */
export async function change(method, path, { body = null, etag = null } = {}) {
    const more = { Accept: "application/json" };
    if (body !== null) {
        more["Content-Type"] = "application/json";
    }
    if (etag !== null) {
        more["If-Match"] = etag;
    }
    const response = await ask(path, {
        method,
        headers: headers(more),
        body: body === null ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(method === "DELETE" ? LONG_PATIENCE : PATIENCE),
    });
    return json(response);
}

/** Asks with that token whether it is the daemon's: fails with its refusal. */
export async function tryToken(value) {
    await ask("/info", {
        headers: headers({ Accept: "application/json" }, value),
        signal: AbortSignal.timeout(PATIENCE),
    });
}

/**
 * Reads a stream of events until it ends. By fetch, because EventSource can show no token.
 *
 * @param after the last id that was heard, or null
 * @param signal ends it
 * @param hear takes `{ id, event, data }`, data as text, and null for a sign of life
 * @param begun is called when the daemon has let us in
 */
export async function stream(path, after, signal, hear, begun) {
    const more = { Accept: "text/event-stream" };
    if (after !== null) {
        more["Last-Event-ID"] = after;
    }
    const response = await ask(path, { headers: headers(more), signal });
    begun();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let id = null;
    let event = "message";
    let data = [];
    for (;;) {
        const { value, done } = await reader.read().catch(() => ({ done: true }));
        if (done) {
            return;
        }
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
            if (line === "") {
                hear(data.length === 0 ? null : { id, event, data: data.join("\n") });
                [event, data] = ["message", []];
            } else if (line.startsWith(":")) {
                hear(null);
            } else {
                const colon = line.indexOf(":");
                const field = colon < 0 ? line : line.slice(0, colon);
                const content = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
                if (field === "id") {
                    id = content;
                } else if (field === "event") {
                    event = content;
                } else if (field === "data") {
                    data.push(content);
                }
            }
        }
    }
}
