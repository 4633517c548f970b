// SPDX-License-Identifier: Apache-2.0
// What is known of the daemon, and those who want to hear of it. One picture for all views.

const MOST_REFUSALS = 100;
const COLOURS = 12;
/** A refusal is told by the stream and by its session, each with a time of its own: so many milliseconds apart at most. */
const SAME_MOMENT = 1000;

/** "connecting", "live", "away" or "barred", since when, and why; `retry`: when it is tried again. */
export const link = { state: "connecting", since: Date.now(), why: "", retry: null };

export const devices = new Map();
export const sessions = new Map();
/** Those that ended while we looked on: name and when, by id. */
export const ended = new Map();
/** The newest first. */
export const refusals = [];
export const about = { socket: null, problem: "" };
export const history = { overall: null };

const watchers = new Set();
let due = false;
let nextKey = 0;

/** Calls it before the next frame after something has changed; returns what ends that. */
export function watch(watcher) {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
}

/** Frames do not come while the page is hidden, and so nothing is drawn for nobody. */
export function changed() {
    if (!due) {
        due = true;
        requestAnimationFrame(() => {
            due = false;
            [...watchers].forEach((watcher) => watcher());
        });
    }
}

export function setLink(state, why = "", retry = null) {
    if (link.state !== state) {
        link.since = Date.now();
    }
    Object.assign(link, { state, why, retry });
    changed();
}

/** Prefers what the id says, so that a session has its colour on every page; the next free one where that is taken. */
function colour(id) {
    const wanted = parseInt(id.slice(0, 8), 16) % COLOURS;
    const taken = new Map();
    sessions.forEach((session) => taken.set(session.colour, (taken.get(session.colour) ?? 0) + 1));
    let best = wanted;
    for (let next = 0; next < COLOURS; next++) {
        const candidate = (wanted + next * 5) % COLOURS;
        if ((taken.get(candidate) ?? 0) < (taken.get(best) ?? 0)) {
            best = candidate;
        }
    }
    return best;
}

function at(id) {
    let session = sessions.get(id);
    if (session === undefined) {
        session = { id, name: "", state: "ACTIVE", uid: null, command: "", created: "", deadline: null, strict: false,
            limitText: "", devices: [], processes: 0, denials: 0, members: [], full: null, colour: colour(id) };
        sessions.set(id, session);
        ended.delete(id);
    }
    return session;
}

/** A session as GET /sessions/{id} shows it. */
export function told(full) {
    const session = at(full.id);
    Object.assign(session, {
        name: full.name,
        state: full.state,
        uid: full.uid,
        command: full.leader?.command ?? full.processes[0]?.command ?? "",
        created: full.created_at,
        deadline: full.ttl_left_seconds === null ? null : Date.now() + full.ttl_left_seconds * 1000,
        strict: full.strict,
        limitText: full.limit,
        members: full.processes,
        processes: full.processes.length,
        denials: full.counters.denials,
        full,
    });
    use(session, full);
    full.refusals.toReversed().forEach((refusal) => remembered(full.id, refusal));
    changed();
}

function use(session, numbers) {
    Object.assign(session, {
        limit: numbers.limit_bytes,
        used: numbers.used_bytes,
        charge: numbers.charge_bytes,
        credit: numbers.credit_bytes,
    });
    session.devices = numbers.devices.map((device) => ({
        uuid: device.uuid,
        index: device.index,
        limit: device.limit_bytes,
        used: device.used_bytes,
        charge: device.charge_bytes,
    }));
}

/** All there are: who is not among them has ended. */
export function listed(all) {
    const there = new Set(all.map((full) => full.id));
    [...sessions.keys()].filter((id) => !there.has(id)).forEach(gone);
    all.forEach(told);
    changed();
}

export function knownDevices(answer) {
    devices.clear();
    answer.devices.forEach((device) => devices.set(device.uuid, {
        uuid: device.uuid,
        index: device.index,
        name: device.name,
        total: device.total_bytes,
    }));
    about.problem = answer.problem ?? "";
    changed();
}

/** Usage as it is told each second; returns the ids of which nothing else is known yet. */
export function usage(numbers) {
    const unknown = [];
    numbers.gone?.forEach(gone);
    numbers.sessions?.forEach((told) => {
        const session = at(told.id);
        use(session, told);
        Object.assign(session, { name: told.name, processes: told.processes, denials: told.denials });
        if (session.full === null) {
            unknown.push(told.id);
        }
    });
    changed();
    return unknown;
}

export function gone(id) {
    const session = sessions.get(id);
    if (session !== undefined) {
        ended.set(id, { name: session.name, colour: session.colour, at: Date.now() });
        sessions.delete(id);
        changed();
    }
}

/**
 * A refusal as the stream tells it: at once, and without the numbers of that moment, which come with the session. One
 * that repeats the last adds to that one's count.
 */
export function denied(event) {
    const session = sessions.get(event.session_id);
    const refusal = {
        session: event.session_id ?? null,
        at: Date.parse(event.time),
        pid: event.pid ?? null,
        device: event.device ?? null,
        asked: event.bytes ?? 0,
        code: event.error_code,
        detail: event.detail ?? "",
        heard: true,
    };
    if (session !== undefined) {
        session.denials++;
    }
    const [last] = refusals;
    const known = refusals.find((other) => !other.heard && isOf(refusal, other));
    if (known !== undefined) {
        known.heard = true;
    } else if (last !== undefined && same(refusal, last)) {
        Object.assign(last, { at: refusal.at, times: last.times + 1 });
    } else {
        add(refusal);
    }
    changed();
}

/** A refusal as the session remembers it, with the numbers. */
function remembered(id, refusal) {
    const entry = {
        session: id,
        at: Date.parse(refusal.at),
        pid: refusal.pid,
        device: refusal.device,
        asked: refusal.asked_bytes,
        code: refusal.error_code,
        used: refusal.used_bytes,
        limit: refusal.limit_bytes,
        heard: false,
    };
    const known = refusals.find((other) => isOf(entry, other));
    if (known === undefined) {
        add(entry);
    } else if (known.at <= entry.at + SAME_MOMENT) {
        Object.assign(known, { used: entry.used, limit: entry.limit });
    }
}

function add(refusal) {
    refusals.push({ ...refusal, first: refusal.at, times: 1, key: nextKey++ });
    refusals.sort((a, b) => b.at - a.at);
    refusals.splice(MOST_REFUSALS);
}

function same(a, b) {
    return a.session === b.session && a.pid === b.pid && a.asked === b.asked && a.code === b.code;
}

/** Whether that entry, which may stand for several in a row, has this one in it. */
function isOf(refusal, entry) {
    return same(refusal, entry) && refusal.at > entry.first - SAME_MOMENT && refusal.at < entry.at + SAME_MOMENT;
}

/** What to call it: its name, or the id where it has none. */
export function title(session) {
    return session.name === "" ? session.id : session.name;
}
