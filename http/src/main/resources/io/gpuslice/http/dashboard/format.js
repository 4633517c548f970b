// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them; sizes as the command line writes them.

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** "8.0 GiB"; below 1 KiB whole bytes. */
export function size(bytes) {
    const [number, unit] = parts(bytes);
    return `${number} ${unit}`;
}

/** The same in two: ["8.0", "GiB"]. */
export function parts(bytes) {
    if (bytes < 1024) {
        return [String(bytes), "B"];
    }
    let value = bytes / 1024;
    let unit = 0;
    while (value >= 1023.95 && unit < UNITS.length - 1) {
        value /= 1024;
        unit++;
    }
    return [value.toFixed(1), UNITS[unit]];
}

/** What a session has left to live: "2d 3h", "1h 59m", "59m 10s", "9s". */
export function left(milliseconds) {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    const [d, h, m, s] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60].map(Math.floor);
    if (d > 0) {
        return `${d}d ${h}h`;
    }
    if (h > 0) {
        return `${h}h ${m}m`;
    }
    return m > 0 ? `${m}m ${s}s` : `${s}s`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** "14:03:09", with the day before it where that is another one. */
export function clock(milliseconds) {
    const at = new Date(milliseconds);
    const today = new Date().toDateString() === at.toDateString();
    return (today ? "" : `${DAY.format(at)}, `) + CLOCK.format(at);
}

/** "1 process", "2 processes". */
export function count(number, one, many = `${one}s`) {
    return `${number} ${number === 1 ? one : many}`;
}

/** A UUID's beginning, which is enough to tell two apart by eye and is taken by the command line too. */
export function short(uuid) {
    return uuid.slice(0, 12);
}
