// SPDX-License-Identifier: Apache-2.0
// The last hour as a curve, drawn by uPlot, which its own script defines. Colours are the style sheet's.

import { clock, size } from "./format.js";
import { attribute, h, text } from "./dom.js";

/* global uPlot */

const STEPS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const HOUR = 3600;

/** Round numbers of the unit that the top is in: at most four, 0 being one. */
function ticks(top) {
    const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(top, 1)) / Math.log(1024)));
    const step = unit * (STEPS.find((each) => top / (each * unit) <= 3) ?? 1024);
    const all = [];
    for (let tick = 0; tick <= top; tick += step) {
        all.push(tick);
    }
    return all;
}

/** A picture that fills `node`; it is drawn when that is on the page, and anew when the theme is another. */
export class Chart {
    #node;
    #label;
    #plot = null;
    #data = [[], []];
    #top = 1;
    #withLimit;
    #resizes = new ResizeObserver(() => this.#fit());
    #themes = new MutationObserver(() => this.#draw());
    #dark = matchMedia("(prefers-color-scheme: dark)");
    #redraw = () => this.#draw();
    #read = h("span", { class: "at", "aria-hidden": true });

    /** @param withLimit whether the limit is a curve too */
    constructor(node, label, withLimit = false) {
        this.#node = node;
        this.#label = label;
        this.#withLimit = withLimit;
        attribute(node, "role", "img");
        this.#resizes.observe(node);
        this.#themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
        this.#dark.addEventListener("change", this.#redraw);
    }

    /** Bytes over seconds since 1970, null where there was no sample; `top`: what the axis ends at. */
    show(times, used, charge, limit, top) {
        this.#data = this.#withLimit ? [times, charge, used, limit] : [times, charge, used];
        this.#top = Math.max(top, 1);
        const known = used.filter((bytes) => bytes !== null);
        attribute(this.#node, "aria-label", known.length === 0
            ? `${this.#label}: nothing was measured yet`
            : `${this.#label}: between ${size(Math.min(...known))} and ${size(Math.max(...known))} used,`
                + ` now ${size(known.at(-1))}`);
        this.#plot?.setData(this.#data);
    }

    close() {
        this.#resizes.disconnect();
        this.#themes.disconnect();
        this.#dark.removeEventListener("change", this.#redraw);
        this.#plot?.destroy();
    }

    #fit() {
        const { clientWidth: width, clientHeight: height } = this.#node;
        if (width === 0) {
            return;
        }
        if (this.#plot === null) {
            this.#draw();
        } else {
            this.#plot.setSize({ width, height });
        }
    }

    #draw() {
        if (!this.#node.isConnected) {
            return;
        }
        this.#plot?.destroy();
        const style = getComputedStyle(this.#node);
        const colour = (name) => {
            const probe = document.createElement("span");
            probe.className = name;
            this.#node.append(probe);
            const value = getComputedStyle(probe).color;
            probe.remove();
            return value;
        };
        const font = `11px ${style.fontFamily}`;
        const axis = { stroke: colour("ink-axis"), font, grid: { stroke: colour("ink-grid"), width: 1 }, ticks: { show: false } };
        const curve = (name, more) => ({ stroke: colour(name), width: 1.5, points: { show: false }, spanGaps: false, ...more });
        const series = [
            {},
            curve("ink-charge", { width: 1, fill: colour("ink-charge-fill") }),
            curve("ink-used", { fill: colour("ink-used-fill") }),
        ];
        if (this.#withLimit) {
            series.push(curve("ink-limit", { width: 1, dash: [4, 4] }));
        }
        this.#plot = new uPlot({
            width: this.#node.clientWidth,
            height: this.#node.clientHeight,
            padding: [16, 16, 0, 0],
            cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
            hooks: { setCursor: [(plot) => this.#readAt(plot.cursor.idx)] },
            legend: { show: false },
            select: { show: false },
            scales: {
                x: { range: (_, __, max) => [(max ?? Date.now() / 1000) - HOUR, max ?? Date.now() / 1000] },
                y: { range: () => [0, this.#top * 1.02] },
            },
            axes: [
                { ...axis, size: 22, space: 56, values: (_, at) => at.map((second) => new Date(second * 1000)
                    .toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })) },
                { ...axis, size: 58, splits: () => ticks(this.#top), values: (_, at) => at.map((bytes) =>
                    bytes === 0 ? "0" : size(bytes).replace(".0 ", " ")) },
            ],
            series,
        }, this.#data, this.#node);
        this.#node.append(this.#read);
    }

    /** What the curves say below the pointer. */
    #readAt(index) {
        const [times, charge, used] = this.#data;
        const known = index !== null && index !== undefined && (used[index] ?? null) !== null;
        text(this.#read, known ? `${clock(times[index] * 1000).slice(0, -3)}  ${size(used[index])} used`
            + `, ${size(charge[index] - used[index])} credit` : "");
    }
}
