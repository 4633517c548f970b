// SPDX-License-Identifier: Apache-2.0
// Elements. What the daemon says becomes text and never markup: a session's name is whatever its owner typed.

/**
 * An element. Of its properties `on` has listeners by event; the others are attributes, true being an empty one, and
 * null or false none.
 */
export function h(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (name === "on") {
            Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
        } else {
            attribute(node, name, value);
        }
    }
    node.append(...children.filter((child) => child !== null));
    return node;
}

/** Touches the page only where it differs: with hundreds of sessions most of what is told anew is as it was. */
export function text(node, value) {
    const wanted = String(value);
    if (node.textContent !== wanted) {
        node.textContent = wanted;
    }
}

export function attribute(node, name, value) {
    const wanted = value === true ? "" : value;
    if (wanted === null || wanted === false || wanted === undefined) {
        node.removeAttribute(name);
    } else if (node.getAttribute(name) !== String(wanted)) {
        node.setAttribute(name, wanted);
    }
}

/** A custom property, from which the style sheet takes a place or a length. */
export function css(node, name, value) {
    const wanted = String(value);
    if (node.style.getPropertyValue(name) !== wanted) {
        node.style.setProperty(name, wanted);
    }
}

/** Keeps one child for each item, in their order, and moves only those that are out of place. */
export class Keyed {
    #parent;
    #create;
    #parts = new Map();

    /** `create(item)` gives `{ node, update(item) }`. */
    constructor(parent, create) {
        this.#parent = parent;
        this.#create = create;
    }

    update(items, key) {
        const gone = new Set(this.#parts.keys());
        let next = this.#parent.firstElementChild;
        for (const item of items) {
            const name = key(item);
            gone.delete(name);
            let part = this.#parts.get(name);
            if (part === undefined) {
                part = this.#create(item);
                this.#parts.set(name, part);
            }
            part.update(item);
            if (part.node === next) {
                next = next.nextElementSibling;
            } else {
                this.#parent.insertBefore(part.node, next);
            }
        }
        for (const name of gone) {
            this.#parts.get(name).node.remove();
            this.#parts.delete(name);
        }
    }
}
