// @ts-check
// The rows of a trace on the screen: which are shown, and of these only those in sight are elements.

import { Axis, Scale, drawFolds, drawRuler, drawWindow } from "./axis.js";
import { find } from "./base.js";
import { Line, box } from "./line.js";
import { Rows } from "./rows.js";
import { field } from "./view.js";

/** Pixels of a row, as trace.css has it. */
const ROW = 24;
/** Rows kept ready above and below those in sight. */
const AHEAD = 4;

/**
 * @typedef {object} Listener
 * @property {(row: number) => void} moved another row is the active one
 * @property {() => void} changed the view has changed in what its address tells
 */

export class Waterfall {
  /** @param {import("./view.js").View} view @param {Rows} rows @param {Listener} listener */
  constructor(view, rows, listener) {
    this.view = view;
    this.rows = rows;
    this.listener = listener;
    this.grid = field("grid");
    this.scroller = field("rows");
    /** What is open is drawn up to then: seconds since the epoch, as it was told at `heardAt`. @type {number | null} */
    this.now = null;
    this.heardAt = performance.now();
    /** Rows whose children are not shown. @type {Set<number>} */
    this.closed = new Set();
    /** Rows that hold the text looked for, in order. @type {number[]} */
    this.found = [];
    this.foundText = "";
    /** The row that has the focus, or would have it. */
    this.active = 0;
    /** The row in the side panel. @type {number | null} */
    this.selected = null;
    /** Rows to show, in order. */
    this.shown = new Uint32Array(0);
    /** Place among those shown; -1 of the others. */
    this.place = new Int32Array(0);
    this.position = new Uint32Array(0);
    this.siblings = new Uint32Array(0);
    /** @type {Line[]} */
    this.lines = [];
    this.first = 0;
    this.scale = new Scale(new Axis(rows.length, []), null);

    this.space = box("space", "presentation");
    this.window = box("lines", "presentation");
    const folds = find("#folds");
    this.scroller.replaceChildren(this.space);
    if (folds) this.space.append(folds);
    this.space.append(this.window);
    this.grid.tabIndex = -1;
    let drawing = false;
    this.scroller.addEventListener("scroll", () => {
      if (drawing) return;
      drawing = true;
      requestAnimationFrame(() => {
        drawing = false;
        this.draw();
      });
    }, { passive: true });
  }

  // Which rows

  /** After anything changed that rows are chosen by. */
  refilter() {
    const { count, parent, next, flags } = this.rows;
    const { least } = this.view;
    const critical = this.view.isOn("critical");
    const only = this.view.isOn("only") && this.foundText !== "";
    const wanted = new Uint8Array(count);
    if (only) for (const row of this.found) wanted[row] = 1;
    for (let row = 0; row < count; row++) {
      const long = least === 0 || this.took(row) >= least || (flags[row] & 7) !== 0;
      wanted[row] = (only ? wanted[row] : 1) && long && (!critical || this.rows.isCritical(row)) ? 1 : 0;
    }
    for (let row = count - 1; row > 0; row--) if (wanted[row] && parent[row] >= 0) wanted[parent[row]] = 1;
    this.position = new Uint32Array(count);
    this.siblings = new Uint32Array(count + 1);
    for (let row = 0; row < count; row++) {
      if (wanted[row]) this.position[row] = ++this.siblings[parent[row] < 0 ? count : parent[row]];
    }
    const shown = new Uint32Array(count);
    this.place = new Int32Array(count).fill(-1);
    let size = 0;
    for (let row = 0; row < count; ) {
      if (wanted[row]) {
        this.place[row] = size;
        shown[size++] = row;
      }
      row = wanted[row] && !this.closed.has(row) ? row + 1 : next[row];
    }
    this.shown = shown.slice(0, size);
    this.grid.setAttribute("aria-rowcount", String(size + 1));
    this.space.style.height = `${size * ROW}px`;
    this.fit();
    this.redraw();
  }

  /** Microseconds, so far where it has not ended. @param {number} row */
  took(row) {
    return this.rows.isOpen(row) ? this.length - this.rows.begin[row] : this.rows.took[row];
  }

  /** The whole, which grows while something is open. */
  get length() {
    if (this.now === null) return this.rows.length;
    const now = this.now + (performance.now() - this.heardAt) / 1e3;
    return Math.max(this.rows.length, (now - this.rows.start) * 1e6);
  }

  /** @param {number} row */
  isFound(row) {
    let low = 0;
    let high = this.found.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.found[middle] < row) low = middle + 1;
      else high = middle;
    }
    return this.found[low] === row;
  }

  // Drawing

  /** Everything in sight anew. */
  redraw() {
    const { zoom } = this.view;
    this.scale = new Scale(new Axis(this.length, this.view.isOn("unfolded") ? [] : this.rows.folds), zoom);
    drawRuler(this.scale, zoom ? zoom.from : 0, zoom ? Math.min(zoom.to, this.length) : this.length);
    drawFolds(this.scale);
    this.drawWindow();
    for (const line of this.lines) line.row = -1;
    this.draw();
  }

  drawWindow() {
    field("zoom-out").hidden = !this.view.zoom;
    drawWindow(this.scale);
  }

  /** The rows in sight, of which those stay as they are that were in sight before. */
  draw() {
    const count = Math.min(this.shown.length, Math.ceil(this.scroller.clientHeight / ROW) + 2 * AHEAD);
    const last = this.shown.length - count;
    const first = Math.max(0, Math.min(last, Math.floor(this.scroller.scrollTop / ROW) - AHEAD));
    while (this.lines.length < count) {
      const line = new Line();
      this.lines.push(line);
      this.window.append(line.element);
    }
    while (this.lines.length > count) this.lines.pop()?.element.remove();
    const hadFocus = this.window.contains(document.activeElement);
    // Lines that went out of sight on one side come in again on the other: the order of elements is that of rows.
    const moved = first - this.first;
    if (moved > 0 && moved < count) {
      const out = this.lines.splice(0, moved);
      this.lines.push(...out);
      this.window.append(...out.map((line) => line.element));
    } else if (moved < 0 && -moved < count) {
      const out = this.lines.splice(count + moved);
      this.lines.unshift(...out);
      this.window.prepend(...out.map((line) => line.element));
    }
    this.first = first;
    this.lines.forEach((line, place) => {
      const row = this.shown[first + place];
      if (line.row !== row) line.fill(this, row, first + place);
    });
    this.window.style.transform = `translateY(${first * ROW}px)`;
    if (!hadFocus) return;
    // The focus stays in the grid when its row goes out of sight; the next key brings the row back.
    const line = this.lines.find((line) => line.row === this.active);
    (line ? line.element : this.grid).focus({ preventScroll: true });
  }

  /** As high as there is room on the screen. */
  fit() {
    const footer = find("footer.command")?.getBoundingClientRect().height ?? 0;
    const top = this.scroller.getBoundingClientRect().top + window.scrollY;
    const height = Math.max(240, window.innerHeight - Math.min(top, window.innerHeight / 2) - footer - 24);
    this.scroller.style.height = `${Math.min(height, Math.max(this.shown.length, 4) * ROW)}px`;
    field("detail").style.maxHeight = `${height + 26}px`;
  }

  // Moving

  /** Rows of a screen. */
  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 1);
  }

  /** @param {number} row */
  reveal(row) {
    let opened = false;
    for (let above = this.rows.parent[row]; above >= 0; above = this.rows.parent[above]) opened = this.closed.delete(above) || opened;
    if (opened) {
      this.refilter();
      this.listener.changed();
    }
    const place = this.place[row];
    if (place < 0) return false;
    const top = place * ROW;
    const height = this.scroller.clientHeight;
    const above = this.scroller.scrollTop - top;
    const below = top + ROW - this.scroller.scrollTop - height;
    // A step goes on at the edge, a leap ends in the middle.
    if (above > 0) this.scroller.scrollTop = above <= 2 * ROW ? top : Math.max(0, top - height / 2);
    else if (below > 0) this.scroller.scrollTop = below <= 2 * ROW ? top + ROW - height : top - height / 2;
    this.draw();
    return true;
  }

  /** Makes a row the active one and gives it the focus, unless somebody types. @param {number} row */
  go(row) {
    const before = this.active;
    this.active = row;
    if (!this.reveal(row)) {
      this.active = before;
      return;
    }
    for (const line of this.lines) {
      line.element.tabIndex = line.row === row ? 0 : -1;
      if (line.row === row && document.activeElement?.id !== "find") line.element.focus({ preventScroll: true });
    }
    this.listener.moved(row);
  }

  /** @param {number} by */
  step(by) {
    const last = this.shown.length - 1;
    if (last < 0) return;
    const place = this.place[this.active];
    // A row that is no longer shown: the next one that is.
    const at = place >= 0 ? place : Math.max(0, this.shown.findIndex((row) => row > this.active) - by);
    this.go(this.shown[Math.max(0, Math.min(last, at + by))]);
  }

  /** The next row, from the active one on and round, that this holds of. @param {number} by @param {(row: number) => boolean} holds */
  seek(by, holds) {
    const { count } = this.rows;
    for (let away = 1; away <= count; away++) {
      const row = (((this.active + by * away) % count) + count) % count;
      if (holds(row)) {
        this.go(row);
        if (this.active === row) return row;
      }
    }
    return null;
  }

  /** @param {boolean} open */
  fold(open) {
    const row = this.active;
    const parent = this.rows.parent[row];
    if (this.siblings[row] > 0 && this.closed.has(row) === open) this.toggle(row);
    else if (open && this.siblings[row] > 0) this.step(1);
    else if (!open && parent >= 0) this.go(parent);
  }

  /** @param {number} row */
  toggle(row) {
    if (!this.closed.delete(row)) this.closed.add(row);
    this.refilter();
    this.go(row);
    this.listener.changed();
  }

  /** All rows that have others beneath them. */
  get parents() {
    const parents = [];
    for (let row = 0; row < this.rows.count; row++) if (this.rows.hasChildren(row)) parents.push(row);
    return parents;
  }

  /** @param {boolean} close */
  foldAll(close) {
    this.view.allClosed = close;
    // Those of the rows that were closed until now; the address must not call them open.
    this.view.ids = "";
    this.closed = new Set(close ? this.parents : []);
    // A row that went out of sight leaves the focus to the top one above it.
    while (close && this.rows.parent[this.active] >= 0) this.active = this.rows.parent[this.active];
    this.refilter();
    if (this.rows.count > 0) this.go(this.active);
    this.listener.changed();
  }

  /** @param {number} from @param {number} to shares of the whole */
  zoomTo(from, to) {
    const width = Math.min(1, Math.max(to - from, 1e-7));
    const left = Math.min(Math.max(0, from), 1 - width);
    const { axis } = this.scale;
    this.view.zoom = width > 0.9999 ? null : { from: axis.moment(left), to: axis.moment(left + width) };
    this.redraw();
    this.listener.changed();
  }

  /** @param {number} times */
  zoomBy(times) {
    const { from, of } = this.scale;
    const middle = from + of / 2;
    this.zoomTo(middle - (of * times) / 2, middle + (of * times) / 2);
  }

  /** @param {number} part */
  pan(part) {
    const { from, of } = this.scale;
    this.zoomTo(from + of * part, from + of * part + of);
  }

  /** The trace has changed: what is closed, active and selected is the same as before, where it still is. @param {Rows} after */
  adopt(after) {
    const before = this.rows;
    const wanted = new Set([this.active, this.selected ?? -1, ...this.closed].filter((row) => row >= 0 && row < before.count).map((row) => before.key(row)));
    /** @type {Map<string, number>} */
    const places = new Map();
    for (let row = 0; row < after.count; row++) {
      const key = after.key(row);
      if (wanted.has(key)) places.set(key, row);
    }
    const moved = (/** @type {number} */ row) => (row < before.count ? places.get(before.key(row)) : undefined);
    this.closed = new Set([...this.closed].map(moved).filter((row) => row !== undefined));
    this.active = moved(this.active) ?? 0;
    this.selected = this.selected === null ? null : moved(this.selected) ?? null;
    this.found = this.found.filter((row) => row < after.count);
    this.rows = after;
  }
}
