// @ts-check
// A row on the screen. Which one of the trace's it is changes as one scrolls.

import { duration, svg } from "./axis.js";
import { ORPHAN, WAIT } from "./rows.js";

/** Levels of indentation, as trace.css has them; what is deeper says how deep it is. */
const LEVELS = 12;
const CLASSES = ["ok", "error", "throttle", "fault"];
const LETTERS = ["", "E", "T", "F"];

/** @param {string} name @param {string} role */
export function box(name, role) {
  const element = document.createElement("div");
  element.className = name;
  element.setAttribute("role", role);
  return element;
}

/** @param {Element} element @param {string} name @param {string | null} value */
export function set(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

export class Line {
  constructor() {
    this.row = -1;
    this.element = box("row", "row");
    this.element.tabIndex = -1;
    const cell = () => this.element.appendChild(document.createElement("span"));
    this.name = cell();
    this.mark = cell();
    this.took = cell();
    for (const span of [this.name, this.mark, this.took]) span.setAttribute("role", "gridcell");
    this.mark.className = "mark";
    this.took.className = "took";
    this.bar = this.element.appendChild(svg("svg", { class: "bar", role: "gridcell" }));
    this.rect = this.bar.appendChild(svg("rect", { y: "5", height: "14" }));
    /** @type {SVGElement | null} */
    this.idle = null;
  }

  /**
   * Shows a row.
   * @param {import("./waterfall.js").Waterfall} all @param {number} row @param {number} place among those shown
   */
  fill(all, row, place) {
    const { rows, scale } = all;
    const depth = rows.depth[row];
    const kind = rows.kind(row);
    const mark = rows.mark(row);
    const open = rows.isOpen(row);
    const took = all.took(row);
    const { element } = this;
    this.row = row;
    const more = `${rows.isCritical(row) ? " critical" : ""}${all.isFound(row) ? " found" : ""}`;
    element.className = `row ${kind === WAIT ? "wait" : CLASSES[mark]}${more}`;
    element.setAttribute("aria-level", String(depth + 1));
    element.setAttribute("aria-posinset", String(all.position[row]));
    element.setAttribute("aria-setsize", String(all.siblings[rows.parent[row] < 0 ? rows.count : rows.parent[row]]));
    element.setAttribute("aria-rowindex", String(place + 2));
    set(element, "aria-expanded", all.siblings[row] > 0 ? String(!all.closed.has(row)) : null);
    set(element, "aria-selected", row === all.selected ? "true" : null);
    element.tabIndex = row === all.active ? 0 : -1;
    element.dataset.row = String(row);
    this.name.className = `name d${Math.min(depth, LEVELS)}`;
    const before = `${depth > LEVELS ? `⋯${depth} ` : ""}${kind === ORPHAN && depth === 0 ? "? " : ""}`;
    this.name.textContent = before + rows.labels[rows.label[row]];
    this.mark.textContent = mark === 0 && open ? "~" : LETTERS[mark];
    set(this.mark, "aria-label", mark > 0 ? CLASSES[mark] : open ? "in progress" : null);
    this.took.textContent = (open ? ">" : "") + duration(took);
    this.bar.setAttribute("aria-label", `at ${duration(rows.begin[row])}`);
    this.rect.setAttribute("class", open ? "fill open" : "fill");
    scale.lay(this.rect, rows.begin[row], rows.begin[row] + took);
    const idle = rows.idle.get(row);
    if (idle && !this.idle) this.idle = this.bar.appendChild(svg("rect", { class: "idle", y: "7", height: "10" }));
    if (!idle && this.idle) {
      this.idle.remove();
      this.idle = null;
    }
    if (idle && this.idle) scale.lay(this.idle, idle.from, idle.to);
  }
}
