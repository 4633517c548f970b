// SPDX-License-Identifier: Apache-2.0
// Keeps the picture true: reads the stream, asks for what it does not tell, and comes back when the daemon does.

import { look, Problem, stream } from "./api.js";
import * as store from "./store.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;
/** The daemon gives a sign of life every 15 s. */
const SILENCE = 40_000;
/** What happens together is asked for together. */
const GATHER = 250;
/** More sessions than that are asked for as a list. */
const ONE_BY_ONE = 8;
const HISTORY_EVERY = 10_000;
/** A tab that nobody looks at gives its connection back: a browser has six to one host, for all tabs together. */
const UNSEEN = 60_000;

/** Operations that are told too often to look at the session for each, and change no more than the usage tells. */
const QUIET = new Set(["grant", "free", "collect", "token", "signal"]);

let lastId = null;
let wait = FIRST_WAIT;
let wake = () => {};
let ending = new AbortController();
let anew = false;
let resting = false;
const stale = new Set();
let gathering = null;

/** For ever. */
export async function keepLive() {
    setInterval(() => document.hidden || history(), HISTORY_EVERY);
    let unseen = 0;
    document.addEventListener("visibilitychange", () => {
        clearTimeout(unseen);
        if (document.hidden) {
            unseen = setTimeout(rest, UNSEEN);
        } else {
            rise();
        }
    });
    // A page that was left may be kept whole, for the way back, and its stream with it.
    addEventListener("pagehide", rest);
    addEventListener("pageshow", rise);
    addEventListener("online", retry);
    for (;;) {
        const problem = await live();
        if (anew) {
            anew = false;
            continue;
        }
        if (resting) {
            store.setLink("connecting");
            await new Promise((resume) => {
                wake = resume;
            });
            continue;
        }
        const barred = problem.status === 401 || problem.status === 403 || problem.status === 421;
        const pause = barred ? null : wait * (0.8 + 0.4 * Math.random());
        wait = Math.min(wait * 2, LONGEST_WAIT);
        store.setLink(barred ? "barred" : "away", problem.message, barred ? null : Date.now() + pause);
        await new Promise((resume) => {
            wake = resume;
            if (pause !== null) {
                setTimeout(resume, pause);
            }
        });
    }
}

/** Now, and not when it is time. */
export function retry() {
    if (store.link.state !== "live") {
        wake();
    }
}

function rest() {
    resting = true;
    ending.abort();
}

function rise() {
    resting = false;
    retry();
}

/** As somebody else: whoever shows the token sees more. */
export function beginAnew() {
    if (store.link.state === "live") {
        anew = true;
        ending.abort();
    } else {
        wake();
    }
}

/** Until the stream ends; returns why. */
async function live() {
    ending = new AbortController();
    let silence = 0;
    const alive = () => {
        clearTimeout(silence);
        silence = setTimeout(() => ending.abort(), SILENCE);
    };
    alive();
    let loaded = Promise.resolve();
    let failure = null;
    const begun = () => {
        loaded = load().then(
            () => {
                wait = FIRST_WAIT;
                store.setLink("live");
            },
            (problem) => {
                failure = problem;
                ending.abort();
            });
    };
    const hear = (message) => {
        alive();
        if (message !== null) {
            failure = heard(message) ?? failure;
        }
    };
    try {
        await stream("/events", lastId, ending.signal, hear, begun);
        await loaded;
    } catch (problem) {
        failure = problem instanceof Problem ? problem : new Problem(0, "", problem.message);
    } finally {
        clearTimeout(silence);
    }
    return failure ?? new Problem(0, "", "it has ended the conversation");
}

async function load() {
    const [info, devices, sessions] = await Promise.all([look("/info"), look("/devices"), allSessions()]);
    store.about.socket = info.json.socket;
    store.knownDevices(devices.json);
    store.listed(sessions);
    await history();
}

async function allSessions() {
    const all = [];
    let next = null;
    do {
        const { json } = await look(next === null ? "/sessions" : `/sessions?after=${encodeURIComponent(next)}`);
        all.push(...json.sessions);
        next = json.next ?? null;
    } while (next !== null);
    return all;
}

/** What a picture of an hour lacks for once is there ten seconds later. */
async function history() {
    try {
        store.history.overall = (await look("/history")).json;
        store.changed();
    } catch (problem) {
        if (!(problem instanceof Problem)) {
            throw problem;
        }
    }
}

/** Returns why the stream is about to end, where that is what it says. */
function heard({ id, event, data }) {
    lastId = id ?? lastId;
    const said = JSON.parse(data);
    switch (event) {
        case "usage":
            store.usage(said).forEach(refresh);
            return null;
        case "lost":
            reload();
            return null;
        case "dropped":
            return new Problem(0, said.error_code, said.detail);
        case "deny":
            store.denied(said);
            break;
        case "close":
            if (said.result === "ok") {
                store.gone(said.session_id);
                return null;
            }
            break;
        default:
            break;
    }
    if (said.session_id !== undefined && !QUIET.has(event)) {
        refresh(said.session_id);
    }
    return null;
}

/** Has that session looked at soon. */
export function refresh(id) {
    stale.add(id);
    gathering ??= setTimeout(gather, GATHER);
}

async function gather() {
    const ids = [...stale].filter((id) => !store.ended.has(id));
    stale.clear();
    if (ids.length > ONE_BY_ONE) {
        await reload();
    } else {
        await Promise.all(ids.map(lookAt));
    }
    gathering = stale.size > 0 ? setTimeout(gather, GATHER) : null;
}

async function lookAt(id) {
    try {
        store.told((await look(`/sessions/${encodeURIComponent(id)}`)).json);
    } catch (problem) {
        if (problem.status === 404 || problem.status === 410) {
            store.gone(id);
        }
    }
}

async function reload() {
    try {
        store.listed(await allSessions());
    } catch (problem) {
        // The stream tells if the daemon is away; what it says goes on being heard.
        console.debug(problem.message);
    }
}
