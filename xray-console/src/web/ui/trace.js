// @ts-check
// One trace along time. All rows are here as columns of numbers; only those in sight are elements.
// Times are microseconds since the trace began. Text comes fit to be shown and goes in by textContent.

import { copy, fetchPart, find, onKey, say, setAddress } from "./base.js";

/** Pixels of a row, as trace.css has it. */
const ROW = 24;
/** Rows kept ready above and below those in sight. */
const AHEAD = 4;
const LEVELS = 12;
const OPEN = 4;
const CRITICAL = 8;
const WAIT = 3;
const ORPHAN = 4;
const SVG = "http://www.w3.org/2000/svg";
/** A fold's share of the width, as timeline/axis.rs has it. */
const FOLD = 0.08;
const CLASSES = ["ok", "error", "throttle", "fault"];
const LETTERS = ["", "E", "T", "F"];

/**
 * @typedef {object} Columns
 * @property {number} revision
 * @property {number | null} now seconds since the epoch, if open rows are drawn up to now
 * @property {boolean} live
 * @property {number | null} selected
 * @property {number} start seconds since the epoch
 * @property {number} length
 * @property {string[]} labels
 * @property {number[]} label
 * @property {number[]} depth
 * @property {number[]} begin
 * @property {number[]} took
 * @property {number[]} flags
 * @property {[number, number, number][]} idle
 * @property {[number, number][]} folds
 */

/** @typedef {{from: number, to: number}} Span */

/** The rows of a trace, with what follows from them. */
class Rows {
  /** @param {Columns} columns */
  constructor(columns) {
    const count = columns.label.length;
    this.count = count;
    this.start = columns.start;
    this.length = columns.length;
    this.labels = columns.labels;
    this.label = Uint32Array.from(columns.label);
    this.depth = Uint32Array.from(columns.depth);
    this.flags = Uint8Array.from(columns.flags);
    this.took = Float64Array.from(columns.took);
    this.begin = new Float64Array(count);
    this.parent = new Int32Array(count).fill(-1);
    /** The first row that is not beneath it. */
    this.next = new Uint32Array(count).fill(count);
    this.folds = columns.folds.map(([from, to]) => ({ from, to }));
    /** @type {Map<number, Span>} */
    this.idle = new Map();
    let at = 0;
    /** @type {number[]} */
    const above = [];
    for (let row = 0; row < count; row++) {
      at += columns.begin[row];
      this.begin[row] = at;
      while (above.length > this.depth[row]) this.next[/** @type {number} */ (above.pop())] = row;
      if (above.length) this.parent[row] = above[above.length - 1];
      above.push(row);
    }
    for (const [row, from, long] of columns.idle) this.idle.set(row, { from: this.begin[row] + from, to: this.begin[row] + from + long });
  }

  /** @param {number} row */
  mark(row) {
    return this.flags[row] & 3;
  }

  /** @param {number} row */
  kind(row) {
    return this.flags[row] >> 4;
  }

  /** @param {number} row */
  isOpen(row) {
    return (this.flags[row] & OPEN) !== 0;
  }

  /** @param {number} row */
  hasChildren(row) {
    return this.next[row] > row + 1;
  }

  /** What finds a row again after the trace has changed. @param {number} row */
  key(row) {
    return `${Math.round(this.start * 1e6 + this.begin[row])} ${this.depth[row]} ${this.labels[this.label[row]]}`;
  }
}

/** From moments to shares of the width and back. The same as timeline/axis.rs. */
class Axis {
  /** @param {number} length @param {Span[]} folds */
  constructor(length, folds) {
    const folded = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
    const active = length - folded;
    const fold = Math.min(FOLD, 0.75 / Math.max(folds.length, 1));
    const rest = 1 - folds.length * fold;
    this.folds = folds;
    /** Microseconds to one width, outside of folds. */
    this.scale = rest > 0 ? active / rest : active;
    /** Moments and shares between which it is even. @type {[number, number][]} */
    this.points = [[0, 0]];
    let gone = 0;
    folds.forEach(({ from, to }, place) => {
      const share = (active > 0 ? ((from - gone) / active) * rest : 0) + place * fold;
      this.points.push([from, share], [to, share + fold]);
      gone += to - from;
    });
    this.points.push([length, active > 0 || folds.length ? 1 : 0]);
  }

  /** @param {number} moment */
  share(moment) {
    return between(this.points, moment, 0, 1);
  }

  /** @param {number} share */
  moment(share) {
    return between(this.points, share, 1, 0);
  }
}

/** @param {[number, number][]} points @param {number} value @param {0 | 1} from @param {0 | 1} to */
function between(points, value, from, to) {
  let last = points[0];
  for (const point of points) {
    if (value <= point[from]) {
      const width = point[from] - last[from];
      return width > 0 ? last[to] + ((Math.max(value, last[from]) - last[from]) / width) * (point[to] - last[to]) : point[to];
    }
    last = point;
  }
  return last[to];
}

/** Three digits at least, as text/format.rs writes them. @param {number} micros @returns {string} */
export function duration(micros) {
  const round = Math.round;
  /** @param {number} small @param {number} ratio @param {[string, string]} names */
  const pair = (small, ratio, names) => {
    const count = round(micros / (small * 1e6));
    return `${Math.floor(count / ratio)}${names[0]}${String(count % ratio).padStart(2, "0")}${names[1]}`;
  };
  if (micros < 0) return `-${duration(-micros)}`;
  if (micros < 1) return "0ms";
  if (micros < 1e3) return `${round(micros)}µs`;
  if (micros < 9995) return `${(round(micros / 10) / 100).toFixed(2)}ms`;
  if (micros < 99950) return `${(round(micros / 100) / 10).toFixed(1)}ms`;
  if (micros < 999500) return `${round(micros / 1e3)}ms`;
  if (micros < 59999500) return `${(round(micros / 1e3) / 1e3).toFixed(3)}s`;
  if (micros < 3599500000) return pair(1, 60, ["m", "s"]);
  if (micros < 86370000000) return pair(60, 60, ["h", "m"]);
  return pair(3600, 24, ["d", "h"]);
}

/** @param {string} name @param {Record<string, string>} [attributes] */
function svg(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** @param {string} name @param {string} role */
function box(name, role) {
  const element = document.createElement("div");
  element.className = name;
  element.setAttribute("role", role);
  return element;
}

/** @param {Element} element @param {string} name @param {string | null} value */
function set(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** A row on the screen; which one of the trace's changes as one scrolls. */
class Line {
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
    this.fill = this.bar.appendChild(svg("rect", { y: "5", height: "14" }));
    /** @type {SVGElement | null} */
    this.idle = null;
  }
}

class Waterfall {
  /** @param {HTMLElement} root @param {Columns} columns */
  constructor(root, columns) {
    this.root = root;
    this.id = root.dataset.id ?? "";
    this.grid = /** @type {HTMLElement} */ (find("#grid"));
    this.scroller = /** @type {HTMLElement} */ (find("#rows"));
    this.detail = /** @type {HTMLElement} */ (find("#detail"));
    this.rows = new Rows(columns);
    this.revision = columns.revision;
    this.live = columns.live;
    /** @type {number | null} */
    this.now = columns.now;
    this.heardAt = performance.now();
    /** Rows whose children are not shown. @type {Set<number>} */
    this.closed = new Set();
    /** Rows that hold the text looked for. @type {number[]} */
    this.found = [];
    this.foundText = "";
    /** The row that has the focus, or would have it. */
    this.active = 0;
    /** @type {number | null} */
    this.selected = columns.selected;
    /** @type {Span | null} */
    this.zoom = null;
    /** Rows to show, in order. */
    this.shown = new Uint32Array(0);
    /** Place among those shown; -1 of the others. */
    this.place = new Int32Array(0);
    this.position = new Uint32Array(0);
    this.siblings = new Uint32Array(0);
    /** @type {Line[]} */
    this.lines = [];
    this.first = 0;
    this.axis = new Axis(this.rows.length, []);

    root.classList.add("windowed");
    this.space = box("space", "presentation");
    this.window = box("lines", "presentation");
    const folds = find("#folds");
    this.scroller.replaceChildren(this.space);
    if (folds) this.space.append(folds);
    this.space.append(this.window);
    this.grid.tabIndex = -1;
    for (const hidden of ["#find-next", "#find-previous"]) find(hidden)?.removeAttribute("hidden");
    this.readAddress();
    this.listen();
    this.refilter();
    if (this.selected !== null) {
      this.active = this.selected;
      this.reveal(this.active);
    }
    this.tick();
  }

  // What is looked at

  /** @template {HTMLElement} T @param {string} id @returns {T} */
  field(id) {
    return /** @type {T} */ (document.getElementById(id));
  }

  get text() {
    return /** @type {HTMLInputElement} */ (this.field("find")).value.trim();
  }

  /** @param {string} id */
  isOn(id) {
    return /** @type {HTMLInputElement} */ (this.field(id)).checked;
  }

  get least() {
    return (Number(/** @type {HTMLInputElement} */ (this.field("min")).value) || 0) * 1e3;
  }

  readAddress() {
    const asked = new URL(location.href).searchParams;
    const zoom = (asked.get("z") ?? "").split(",").map(Number);
    this.zoom = zoom.length === 2 && zoom[0] < zoom[1] ? { from: zoom[0] * 1e6, to: zoom[1] * 1e6 } : null;
    /** @type {HTMLInputElement} */ (this.field("find")).value = asked.get("find") ?? "";
    /** @type {HTMLInputElement} */ (this.field("min")).value = asked.get("min") ?? "";
    for (const [id, name, value] of [["only", "only", "1"], ["critical", "critical", "1"], ["unfolded", "fold", "0"]]) {
      /** @type {HTMLInputElement} */ (this.field(id)).checked = asked.get(name) === value;
    }
  }

  /** The address of this page as it is now. */
  address() {
    const url = new URL(location.href);
    /** @param {string} name @param {string} value */
    const put = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
    const seconds = (/** @type {number} */ micros) => String(Number((micros / 1e6).toPrecision(9)));
    put("z", this.zoom ? `${seconds(this.zoom.from)},${seconds(this.zoom.to)}` : "");
    put("find", this.text);
    put("min", this.least > 0 ? String(this.least / 1e3) : "");
    put("only", this.isOn("only") ? "1" : "");
    put("critical", this.isOn("critical") ? "1" : "");
    put("fold", this.isOn("unfolded") ? "0" : "");
    put("first", "");
    url.hash = "";
    return url;
  }

  /** A part of the page that is data. @param {Record<string, string>} asked @returns {Promise<any>} */
  async ask(asked) {
    const url = this.address();
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  // Which rows

  /** After anything changed that rows are chosen by. */
  refilter() {
    const { count, parent, next, flags } = this.rows;
    const least = this.least;
    const critical = this.isOn("critical");
    const only = this.isOn("only") && this.foundText !== "";
    const wanted = new Uint8Array(count);
    if (only) for (const row of this.found) wanted[row] = 1;
    for (let row = 0; row < count; row++) {
      const long = least === 0 || this.tookNow(row) >= least || (flags[row] & 7) !== 0;
      wanted[row] = (only ? wanted[row] : 1) && long && (!critical || flags[row] & CRITICAL) ? 1 : 0;
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
    this.sayMatches();
    this.redraw();
  }

  /** @param {number} row */
  tookNow(row) {
    return this.rows.isOpen(row) ? this.length - this.rows.begin[row] : this.rows.took[row];
  }

  /** The whole, which grows while something is open. */
  get length() {
    if (this.now === null) return this.rows.length;
    const now = this.now + (performance.now() - this.heardAt) / 1e3;
    return Math.max(this.rows.length, (now - this.rows.start) * 1e6);
  }

  // Drawing

  /** Everything in sight anew. */
  redraw() {
    this.axis = new Axis(this.length, this.isOn("unfolded") ? [] : this.rows.folds);
    let from = this.zoom ? this.axis.share(this.zoom.from) : 0;
    let to = this.zoom ? this.axis.share(this.zoom.to) : 1;
    if (to - from < 1e-9) [from, to] = [0, 1];
    this.shareFrom = from;
    this.shareOf = to - from;
    this.drawRuler();
    this.drawFolds();
    this.drawWindow();
    for (const line of this.lines) line.row = -1;
    this.draw();
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
      if (line.row !== row) this.fill(line, row, first + place);
    });
    this.window.style.transform = `translateY(${first * ROW}px)`;
    if (!hadFocus) return;
    // The focus stays in the grid when its row goes out of sight; the next key brings the row back.
    const line = this.lines.find((line) => line.row === this.active);
    (line ? line.element : this.grid).focus({ preventScroll: true });
  }

  /** @param {Line} line @param {number} row @param {number} place */
  fill(line, row, place) {
    const { rows } = this;
    const depth = rows.depth[row];
    const kind = rows.kind(row);
    const mark = rows.mark(row);
    const open = rows.isOpen(row);
    const took = this.tookNow(row);
    line.row = row;
    const found = this.isFound(row) ? " found" : "";
    line.element.className = `row ${kind === WAIT ? "wait" : CLASSES[mark]}${rows.flags[row] & CRITICAL ? " critical" : ""}${found}`;
    const { element } = line;
    element.setAttribute("aria-level", String(depth + 1));
    element.setAttribute("aria-posinset", String(this.position[row]));
    element.setAttribute("aria-setsize", String(this.siblings[rows.parent[row] < 0 ? rows.count : rows.parent[row]]));
    element.setAttribute("aria-rowindex", String(place + 2));
    set(element, "aria-expanded", this.siblings[row] > 0 ? String(!this.closed.has(row)) : null);
    set(element, "aria-selected", row === this.selected ? "true" : null);
    element.tabIndex = row === this.active ? 0 : -1;
    element.dataset.row = String(row);
    line.name.className = `name d${Math.min(depth, LEVELS)}`;
    const before = `${depth > LEVELS ? `⋯${depth} ` : ""}${kind === ORPHAN && depth === 0 ? "? " : ""}`;
    line.name.textContent = before + rows.labels[rows.label[row]];
    line.mark.textContent = mark === 0 && open ? "~" : LETTERS[mark];
    set(line.mark, "aria-label", mark > 0 ? CLASSES[mark] : open ? "in progress" : null);
    line.took.textContent = (open ? ">" : "") + duration(took);
    line.bar.setAttribute("aria-label", `at ${duration(rows.begin[row])}`);
    line.fill.setAttribute("class", open ? "fill open" : "fill");
    this.lay(line.fill, rows.begin[row], rows.begin[row] + took);
    const idle = rows.idle.get(row);
    if (idle && !line.idle) line.idle = line.bar.appendChild(svg("rect", { class: "idle", y: "7", height: "10" }));
    if (!idle && line.idle) {
      line.idle.remove();
      line.idle = null;
    }
    if (idle && line.idle) this.lay(line.idle, idle.from, idle.to);
  }

  /** Hundredths of the width. @param {number} moment */
  percent(moment) {
    return ((this.axis.share(moment) - (this.shareFrom ?? 0)) / (this.shareOf ?? 1)) * 100;
  }

  /** @param {Element} rect @param {number} from @param {number} to */
  lay(rect, from, to) {
    const left = this.percent(from);
    const right = this.percent(to);
    const inside = right >= 0 && left <= 100;
    const x = Math.max(left, -1);
    rect.setAttribute("x", inside ? `${x.toFixed(3)}%` : "-10%");
    // What is of no width would not be drawn at all.
    rect.setAttribute("width", inside ? `${Math.max(0.05, Math.min(right, 101) - x).toFixed(3)}%` : "0");
  }

  drawRuler() {
    const ruler = find("#ruler");
    if (!ruler) return;
    const width = ruler.clientWidth || 600;
    const wanted = this.axis.scale * (this.shareOf ?? 1) * Math.max(0.05, 80 / width);
    const start = this.zoom ? this.zoom.from : 0;
    const end = this.zoom ? Math.min(this.zoom.to, this.length) : this.length;
    const parts = [];
    /** @param {number} moment */
    const tick = (moment) => {
      const x = `${this.percent(moment).toFixed(3)}%`;
      const text = svg("text", { x, y: "12" });
      text.textContent = duration(moment);
      parts.push(svg("line", { x1: x, x2: x, y1: "14", y2: "20" }), text);
    };
    if (start <= 0) tick(0);
    if (wanted > 0 && Number.isFinite(wanted)) {
      const power = 10 ** Math.floor(Math.log10(wanted));
      const step = ([1, 2, 5, 10].find((times) => times * power >= wanted) ?? 10) * power;
      let moment = start <= 0 ? step : Math.ceil(start / step) * step;
      for (let round = 0; round < 60 && moment < end; round++) {
        const fold = this.axis.folds.find(({ from, to }) => from <= moment && moment < to);
        if (fold) moment = (Math.floor(fold.to / step) + 1) * step;
        else {
          tick(moment);
          moment += step;
        }
      }
    }
    for (const { from, to } of this.axis.folds) {
      const rect = svg("rect", { class: "fold", y: "0", height: "24" });
      this.lay(rect, from, to);
      const text = svg("text", { x: `${this.percent(from).toFixed(3)}%`, y: "12" });
      text.textContent = `╱╱ ${duration(to - from)}`;
      parts.push(rect, text);
    }
    ruler.replaceChildren(...parts);
  }

  drawFolds() {
    const folds = find("#folds");
    if (!(folds instanceof SVGElement)) return;
    const ruler = find("#ruler");
    folds.style.width = ruler ? `${ruler.clientWidth}px` : "";
    const rects = this.axis.folds.map(({ from, to }) => {
      const rect = svg("rect", { class: "fold", y: "0", height: "100%" });
      this.lay(rect, from, to);
      return rect;
    });
    folds.replaceChildren(...rects);
  }

  /** What the minimap shows of the zoom. */
  drawWindow() {
    this.field("zoom-out").hidden = !this.zoom;
    const map = find("#minimap");
    if (!(map instanceof SVGSVGElement)) return;
    let window = map.querySelector(".window");
    if (!this.zoom) return window?.remove();
    if (!window) window = map.appendChild(svg("rect", { class: "window", y: "0", height: "32" }));
    const width = map.viewBox.baseVal.width;
    window.setAttribute("x", String((this.shareFrom ?? 0) * width));
    window.setAttribute("width", String((this.shareOf ?? 1) * width));
  }

  /** As high as there is room on the screen. */
  fit() {
    const footer = find("footer.command")?.getBoundingClientRect().height ?? 0;
    const top = this.scroller.getBoundingClientRect().top + window.scrollY;
    const height = Math.max(240, window.innerHeight - Math.min(top, window.innerHeight / 2) - footer - 24);
    this.scroller.style.height = `${Math.min(height, Math.max(this.shown.length, 4) * ROW)}px`;
    this.detail.style.maxHeight = `${height + 26}px`;
  }

  // Moving

  /** @param {number} row */
  reveal(row) {
    let opened = false;
    for (let above = this.rows.parent[row]; above >= 0; above = this.rows.parent[above]) opened = this.closed.delete(above) || opened;
    if (opened) this.refilter();
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
      if (line.row === row && document.activeElement !== this.field("find")) line.element.focus({ preventScroll: true });
    }
    if (this.selected !== null && this.selected !== row) this.select(row, "replace");
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

  /** @param {number} by */
  seekFault(by) {
    const faults = this.rows.flags.some((flags) => (flags & 3) === 3);
    if (this.seek(by, (row) => (faults ? this.rows.mark(row) === 3 : this.rows.mark(row) > 0)) === null) say("Nothing failed");
  }

  /** @param {number} by */
  seekMatch(by) {
    const row = this.found.length > 0 ? this.seek(by, (row) => this.isFound(row)) : null;
    if (row === null) return say(this.text ? "No match is shown" : "Nothing is looked for");
    this.sayMatches();
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
  }

  /** @param {boolean} close */
  foldAll(close) {
    this.closed.clear();
    if (close) for (let row = 0; row < this.rows.count; row++) if (this.rows.hasChildren(row)) this.closed.add(row);
    // A row that went out of sight leaves the focus to the top one above it.
    while (close && this.rows.parent[this.active] >= 0) this.active = this.rows.parent[this.active];
    this.refilter();
    if (this.rows.count > 0) this.go(this.active);
  }

  // Finding

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

  async search() {
    const text = this.text;
    const asked = (this.searched = (this.searched ?? 0) + 1);
    try {
      const found = text ? await this.ask({ part: "find" }) : { rows: [], revision: this.revision };
      // Somebody typed on, or the trace has changed and is asked anew.
      if (asked !== this.searched || found.revision !== this.revision) return;
      this.found = found.rows;
      this.foundText = text;
    } catch (error) {
      return this.lost(error);
    }
    this.refilter();
  }

  sayMatches() {
    const count = this.found.length;
    const place = this.found.indexOf(this.active);
    const at = place >= 0 ? `${place + 1}/` : "";
    this.field("matches").textContent = this.foundText ? `${at}${count} ${count === 1 ? "match" : "matches"}` : "";
  }

  // The side panel

  /** @param {number} row @param {"push" | "replace"} how */
  async select(row, how) {
    this.selected = row;
    for (const line of this.lines) set(line.element, "aria-selected", line.row === row ? "true" : null);
    clearTimeout(this.waiting);
    // Whoever runs through the rows asks for the one they stop at.
    await new Promise((done) => (this.waiting = setTimeout(done, how === "push" ? 0 : 120)));
    const url = this.address();
    url.searchParams.set("row", String(row));
    url.searchParams.set("revision", String(this.revision));
    try {
      const { ok, status, nodes } = await fetchPart(url.href, "detail");
      if (this.selected !== row) return;
      if (status === 409) return await this.look();
      if (!ok) return;
      this.detail.replaceChildren(...nodes);
      const wasHidden = this.detail.hidden;
      this.detail.hidden = false;
      const key = find("#detail-head")?.getAttribute("data-key") ?? "";
      const to = this.address();
      if (key) to.searchParams.set("sel", key);
      if (to.href !== location.href) setAddress(to, how);
      if (wasHidden) this.redraw();
    } catch (error) {
      if (!(error instanceof DOMException)) this.lost(error);
    }
  }

  unselect() {
    if (this.selected === null) return;
    this.selected = null;
    this.detail.hidden = true;
    this.detail.replaceChildren();
    const to = this.address();
    to.searchParams.delete("sel");
    setAddress(to, "push");
    this.redraw();
    if (this.rows.count > 0) this.go(this.active);
  }

  async open() {
    await this.select(this.active, "push");
    this.detail.focus({ preventScroll: true });
  }

  // Zoom

  /** @param {number} from @param {number} to shares of the whole */
  zoomTo(from, to) {
    const width = Math.min(1, Math.max(to - from, 1e-7));
    const left = Math.min(Math.max(0, from), 1 - width);
    const axis = this.axis;
    this.zoom = width > 0.9999 ? null : { from: axis.moment(left), to: axis.moment(left + width) };
    this.redraw();
    this.remember();
  }

  /** @param {number} times */
  zoomBy(times) {
    const from = this.shareFrom ?? 0;
    const width = this.shareOf ?? 1;
    const middle = from + width / 2;
    this.zoomTo(middle - (width * times) / 2, middle + (width * times) / 2);
  }

  /** @param {number} part */
  pan(part) {
    const from = this.shareFrom ?? 0;
    const width = this.shareOf ?? 1;
    this.zoomTo(from + width * part, from + width * part + width);
  }

  /** Tells the address, once it rests. */
  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => setAddress(this.address(), "replace"), 200);
  }

  // A trace under way

  tick() {
    clearTimeout(this.ticking);
    // Of a large trace that grows each look takes its time: the console has other things to do as well.
    if (this.live) this.ticking = setTimeout(() => this.look(), Math.max(1000, 4 * (this.lookTook ?? 0)));
    clearInterval(this.growing);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.now !== null) this.growing = setInterval(() => document.hidden || this.redraw(), calm ? 1000 : 250);
  }

  /** Looks whether there is anything new. */
  async look() {
    if (document.hidden) return this.tick();
    const since = performance.now();
    try {
      const columns = await this.ask({ part: "columns", have: String(this.revision) });
      this.lookTook = performance.now() - since;
      this.heard(columns);
    } catch (error) {
      return this.lost(error);
    }
    this.tick();
  }

  /** @param {Columns} columns */
  heard(columns) {
    const status = this.field("trace-status");
    status.textContent = "";
    status.classList.remove("lost");
    this.live = columns.live;
    const stopped = this.now !== null && columns.now === null;
    this.now = columns.now;
    this.heardAt = performance.now();
    if (columns.labels) this.adopt(columns);
    else if (stopped) this.redraw();
  }

  /** The trace has changed. @param {Columns} columns */
  adopt(columns) {
    const before = this.rows;
    const after = new Rows(columns);
    const wanted = new Set([this.active, ...(this.selected === null ? [] : [this.selected]), ...this.closed].map((row) => before.key(row)));
    /** @type {Map<string, number>} */
    const places = new Map();
    for (let row = 0; row < after.count; row++) {
      const key = after.key(row);
      if (wanted.has(key)) places.set(key, row);
    }
    const moved = (/** @type {number} */ row) => places.get(before.key(row));
    this.closed = new Set([...this.closed].map(moved).filter((row) => row !== undefined));
    this.active = moved(this.active) ?? 0;
    this.selected = columns.selected ?? (this.selected === null ? null : moved(this.selected) ?? null);
    this.rows = after;
    this.revision = columns.revision;
    this.found = this.found.filter((row) => row < after.count);
    this.refilter();
    if (this.text) this.search();
    if (this.selected !== null) this.select(this.selected, "replace");
    this.renewHead();
  }

  async renewHead() {
    const { ok, nodes } = await fetchPart(this.address().href, "head");
    const head = nodes.find((node) => node instanceof HTMLElement);
    if (!ok || !(head instanceof HTMLElement)) return;
    find("#trace-head")?.replaceWith(head);
    if (head.dataset.title) document.title = `${head.dataset.title} - xrc`;
    this.drawWindow();
  }

  /** Says so, and looks again until the console is back. @param {unknown} error */
  lost(error) {
    const status = this.field("trace-status");
    const gone = error instanceof Error && error.message === "404";
    if (!status.classList.contains("lost")) {
      const at = new Date().toISOString().slice(11, 19);
      const why = gone ? "The console no longer has this trace." : "Console stopped.";
      status.textContent = `${why} Showing data up to ${at} UTC. Retrying.`;
      status.classList.add("lost");
    }
    this.now = null;
    clearInterval(this.growing);
    clearTimeout(this.ticking);
    this.ticking = setTimeout(() => this.look(), 2000);
  }

  // Events

  listen() {
    let drawing = false;
    this.scroller.addEventListener("scroll", () => {
      if (drawing) return;
      drawing = true;
      requestAnimationFrame(() => {
        drawing = false;
        this.draw();
      });
    }, { passive: true });
    window.addEventListener("resize", () => {
      this.fit();
      this.redraw();
    });
    window.addEventListener("popstate", () => this.back());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.look();
    });
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("keydown", (event) => this.pressed(event));
    this.detail.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("#detail-close")) return;
      event.preventDefault();
      this.unselect();
    });
    this.listenToFields();
    this.listenToMinimap();
    this.bindKeys();
  }

  listenToFields() {
    const form = this.field("trace-tools");
    form.addEventListener("submit", (event) => event.preventDefault());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    this.field("find").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        this.search();
        this.remember();
      }, 150);
    });
    this.field("find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.seekMatch(event.shiftKey ? -1 : 1);
    });
    for (const id of ["only", "min", "critical", "unfolded"]) {
      this.field(id).addEventListener("input", () => {
        this.refilter();
        this.remember();
      });
    }
    this.field("find-next").addEventListener("click", () => this.seekMatch(1));
    this.field("find-previous").addEventListener("click", () => this.seekMatch(-1));
    this.field("zoom-out").addEventListener("click", () => this.zoomTo(0, 1));
    if (this.text) this.search();
  }

  listenToMinimap() {
    /** @type {number | null} */
    let from = null;
    const share = (/** @type {PointerEvent} */ event, /** @type {Element} */ map) => {
      const bounds = map.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - bounds.left) / bounds.width));
    };
    const map = (/** @type {Event} */ event) => (event.target instanceof Element ? event.target.closest("#minimap") : null);
    this.root.addEventListener("pointerdown", (event) => {
      const at = map(event);
      if (!at || event.button !== 0) return;
      at.setPointerCapture(event.pointerId);
      from = share(event, at);
    });
    this.root.addEventListener("pointermove", (event) => {
      const at = map(event);
      if (from === null || !at) return;
      const to = share(event, at);
      if (Math.abs(to - from) > 0.005) this.zoomTo(Math.min(from, to), Math.max(from, to));
    });
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => (from = null));
    this.root.addEventListener("dblclick", (event) => {
      if (map(event)) this.zoomTo(0, 1);
    });
  }

  bindKeys() {
    const toggle = (/** @type {string} */ id) => this.field(id).click();
    onKey("/", () => /** @type {HTMLInputElement} */ (this.field("find")).select());
    onKey("j", () => this.step(1));
    onKey("k", () => this.step(-1));
    onKey("h", () => this.fold(false));
    onKey("l", () => this.fold(true));
    onKey("[", () => this.foldAll(true));
    onKey("]", () => this.foldAll(false));
    onKey("e", () => this.seekFault(1));
    onKey("E", () => this.seekFault(-1));
    onKey("n", () => this.seekMatch(1));
    onKey("N", () => this.seekMatch(-1));
    onKey("c", () => toggle("critical"));
    onKey("f", () => toggle("unfolded"));
    onKey("w", () => this.zoomBy(0.5));
    onKey("s", () => this.zoomBy(2));
    onKey("a", () => this.pan(-0.25));
    onKey("d", () => this.pan(0.25));
    onKey("0", () => this.zoomTo(0, 1));
    onKey("y", () => copy(this.id, "Trace id"));
    onKey("r", async () => {
      if (this.selected === null) await this.open();
      const raw = find("#raw");
      if (!(raw instanceof HTMLDetailsElement)) return;
      raw.open = !raw.open;
      raw.scrollIntoView({ block: "nearest" });
    });
    onKey("Escape", () => this.unselect());
  }

  /** Keys of a tree, while the focus is in it. @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 1);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.step(1),
      ArrowUp: () => this.step(-1),
      ArrowRight: () => this.fold(true),
      ArrowLeft: () => this.fold(false),
      PageDown: () => this.step(page),
      PageUp: () => this.step(-page),
      Home: () => this.step(-this.shown.length),
      End: () => this.step(this.shown.length),
      Enter: () => this.open(),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const element = event.target instanceof Element ? event.target.closest(".row") : null;
    const line = this.lines.find((line) => line.element === element);
    if (!line) return;
    const { row } = line;
    const name = line.name.getBoundingClientRect();
    const indent = parseFloat(getComputedStyle(line.name).paddingLeft);
    const onTwisty = event.clientX < name.left + indent + ROW && this.siblings[row] > 0;
    this.active = row;
    if (onTwisty) return this.toggle(row);
    this.go(row);
    if (this.selected !== row || this.detail.hidden) this.select(row, "push");
  }

  /** The browser's back and forward. */
  async back() {
    this.readAddress();
    try {
      this.selected = (await this.ask({ part: "columns" })).selected;
    } catch (error) {
      return this.lost(error);
    }
    this.detail.hidden = this.selected === null;
    await this.search();
    if (this.selected !== null) {
      this.active = this.selected;
      this.reveal(this.selected);
      await this.select(this.selected, "replace");
    }
  }
}

async function start() {
  const root = find("#trace");
  if (!(root instanceof HTMLElement)) return;
  const url = new URL(location.href);
  url.searchParams.set("part", "columns");
  url.hash = "";
  const answer = await fetch(url, { headers: { accept: "application/json" } });
  if (answer.ok) new Waterfall(root, await answer.json());
}

start();
