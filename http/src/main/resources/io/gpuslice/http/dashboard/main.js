// SPDX-License-Identifier: Apache-2.0
// The page: which view is shown, what it says of the connection, and the keys.

import { token } from "./api.js";
import { end, help, lock, resize, unlock } from "./dialogs.js";
import { attribute, h, text } from "./dom.js";
import { clock, left } from "./format.js";
import { keepLive, retry } from "./live.js";
import { overview } from "./overview.js";
import { spoken } from "./refusals.js";
import { sessionPage } from "./session.js";
import { step } from "./sessions.js";
import * as store from "./store.js";

const THEMES = ["auto", "light", "dark"];
const THEME = "gpuslice.theme";
const SHORTCUTS = "gpuslice.shortcuts";
/** Whoever listens is not told of every single refusal. */
const SPEAK_EVERY = 15_000;

const element = (id) => document.getElementById(id);
const main = element("main");

let view = null;
let everLive = false;

// ---------------------------------------------------------------- views

function route() {
    const [, selector] = /^#\/sessions\/(.+)$/.exec(location.hash) ?? [];
    try {
        return selector === undefined ? overview() : sessionPage(decodeURIComponent(selector));
    } catch {
        return overview();
    }
}

function show(next) {
    view?.close();
    view = next;
    main.replaceChildren(next.node);
    draw();
}

/** In place of a view while there is nothing to show. */
function plain(...children) {
    return { title: () => "gpuslice", node: h("div", { class: "plain" }, ...children), update() {}, close() {}, plain: true };
}

function barred() {
    return plain(
        h("h1", { tabindex: -1 }, "The daemon does not let this page in"),
        h("p", { class: "refused" }, store.link.why),
        h("p", {}, "From the daemon’s machine, its own user and those who have a session look without a token. From anywhere"
            + " else the operator’s token is needed; this tab alone keeps it, until it is closed."),
        h("p", {}, h("button", { type: "button", class: "main", on: { click: unlock } }, "Show the token…")));
}

function draw() {
    const { state, why } = store.link;
    everLive ||= state === "live";
    if (state === "barred") {
        if (view?.why !== why) {
            show(Object.assign(barred(), { why }));
        }
    } else if (everLive && (view === null || view.plain)) {
        show(route());
        return;
    }
    attribute(document.body, "data-link", state);
    text(element("link"), { connecting: "Connecting…", live: "Live", away: "Away", barred: "Not allowed" }[state]);
    text(element("unlock"), token.get() === null ? "Unlock changes" : "Lock changes");
    attribute(element("banner"), "hidden", state !== "away");
    if (state === "away") {
        const next = store.link.retry - Date.now();
        text(element("banner-text"), `The daemon is away since ${clock(store.link.since)}: ${why}. `
            + (everLive ? "What is shown is from then; programs keep running. " : "gpuslice info says where it listens. ")
            + (next > 0 ? `Trying again in ${left(next)}.` : "Trying again…"));
    }
    view?.update();
    document.title = view?.title() ?? "gpuslice";
}

addEventListener("hashchange", () => {
    if (view !== null && !view.plain) {
        show(route());
        scrollTo(0, 0);
        main.querySelector("h1").focus({ preventScroll: true });
    }
});

// ---------------------------------------------------------------- for those who listen

let spokenState = "connecting";
let spokenUntil = Date.now();

function speak() {
    const { state, why } = store.link;
    const words = [];
    if (state !== spokenState) {
        spokenState = state;
        words.push({ live: "Connected", away: `The daemon is away: ${why}`, barred: `Not allowed: ${why}`, connecting: "" }[state]);
    }
    const refusals = spoken(spokenUntil);
    spokenUntil = Math.max(spokenUntil, ...store.refusals.slice(0, 1).map((refusal) => refusal.at));
    if (refusals !== null) {
        words.push(refusals);
    }
    if (words.some(Boolean)) {
        element("announce").replaceChildren(...words.filter(Boolean).map((each) => h("p", {}, each)));
    }
}

// ---------------------------------------------------------------- the head of the page

function theme(next) {
    if (next === "auto") {
        localStorage.removeItem(THEME);
        delete document.documentElement.dataset.theme;
    } else {
        localStorage.setItem(THEME, next);
        document.documentElement.dataset.theme = next;
    }
    text(element("theme"), `Theme: ${next}`);
}

function nextTheme() {
    const now = THEMES.indexOf(document.documentElement.dataset.theme ?? "auto");
    theme(THEMES[(now + 1) % THEMES.length]);
}

const lockOrUnlock = () => (token.get() === null ? unlock() : lock());

element("unlock").addEventListener("click", lockOrUnlock);
element("theme").addEventListener("click", nextTheme);
element("keys").addEventListener("click", help);
element("retry").addEventListener("click", retry);
element("skip").addEventListener("click", (event) => {
    // The address after # is the view's.
    event.preventDefault();
    main.focus();
});
theme(document.documentElement.dataset.theme ?? "auto");

// ---------------------------------------------------------------- keys

const shortcuts = element("shortcuts");
shortcuts.checked = localStorage.getItem(SHORTCUTS) !== "off";
shortcuts.addEventListener("change", () => localStorage.setItem(SHORTCUTS, shortcuts.checked ? "on" : "off"));

const KEYS = {
    "/": () => element("filter")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    o: () => { location.hash = "#/"; },
    r: () => element("resize") && resize(view.id()),
    e: () => element("end") && end(view.id()),
    u: lockOrUnlock,
    t: nextTheme,
    "?": help,
};

addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog") !== null;
    if (event.key === "Escape" && event.target.id === "filter") {
        event.target.blur();
    }
    if (!shortcuts.checked || typing || event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) {
        return;
    }
    event.preventDefault();
    KEYS[event.key]();
});

// ---------------------------------------------------------------- begin

store.watch(draw);
setInterval(() => document.hidden || store.changed(), 1000);
setInterval(speak, SPEAK_EVERY);
keepLive();
