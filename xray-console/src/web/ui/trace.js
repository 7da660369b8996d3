// @ts-check
// The page of a trace: the waterfall with what is around it (search, side panel, minimap, keys), up to date and in the
// address.

import { copy, fetchPart, find, onKey, say, setAddress } from "./base.js";
import { listen } from "./events.js";
import { set } from "./line.js";
import { Rows } from "./rows.js";
import { View, field } from "./view.js";
import { Waterfall } from "./waterfall.js";

/** Milliseconds between two looks at a trace at least; and so many times what the last one took: the console has other things to do as well. */
const BETWEEN = 1000;
const SHARE = 4;
/** Rows whose folding the address holds, as trace/view.rs reads them: longer addresses cannot be sent on. */
const MOST_FOLDED = 50;

/** @typedef {import("./rows.js").Columns} Columns */
/** @typedef {{revision: number, selected: number | null, closed: number[]}} Pointed the rows that the address means */

class Page {
  /** @param {HTMLElement} root @param {Columns & Pointed} columns */
  constructor(root, columns) {
    this.root = root;
    this.detail = field("detail");
    this.view = new View();
    this.waterfall = new Waterfall(this.view, new Rows(columns), {
      moved: (row) => {
        if (this.waterfall.selected !== null && this.waterfall.selected !== row) this.select(row, "replace");
      },
      changed: () => this.remember(),
    });
    this.revision = columns.revision;
    this.live = columns.live;
    this.waterfall.now = columns.now;
    /** How long the last look took, and whether another one is due. */
    this.lookTook = 0;
    this.due = 0;
    /** The rows whose ids the address has. */
    this.named = "";

    root.classList.add("windowed");
    for (const hidden of ["find-next", "find-previous"]) field(hidden).removeAttribute("hidden");
    this.listenToRows();
    this.listenToFields();
    this.listenToMinimap();
    this.bindKeys();
    window.addEventListener("resize", () => this.refilter());
    window.addEventListener("popstate", () => this.back());
    this.point(columns);
    this.refilter();
    if (this.waterfall.selected !== null) this.waterfall.reveal(this.waterfall.selected);
    const look = () => this.lookSoon();
    // Events tell that something came; of what is open they also say now and then whether it still grows.
    this.events = listen(() => `/live/events?trace=${encodeURIComponent(root.dataset.id ?? "")}`, {
      rows: look,
      reload: look,
      alive: () => this.live && look(),
      meanwhile: "it asks every second",
    });
    this.tick();
  }

  /** What the address means. @param {Pointed} pointed */
  point({ selected, closed }) {
    const { waterfall } = this;
    const named = closed.filter((row) => waterfall.rows.hasChildren(row));
    waterfall.closed = new Set(this.view.allClosed ? waterfall.parents : named);
    if (this.view.allClosed) for (const row of named) waterfall.closed.delete(row);
    waterfall.selected = selected;
    if (selected !== null) waterfall.active = selected;
  }

  refilter() {
    this.waterfall.refilter();
    this.sayMatches();
  }

  /** Tells the address, once it rests. */
  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.name().then(() => setAddress(this.view.address(), "replace")), 200);
  }

  /** Asks for the ids of the rows that the address is to name. */
  async name() {
    const { closed, parents } = this.waterfall;
    if (closed.size === 0) this.view.allClosed = false;
    const rows = this.view.allClosed ? parents.filter((row) => !closed.has(row)) : [...closed].sort((left, right) => left - right);
    const named = `${this.revision} ${this.view.allClosed} ${rows}`;
    if (named === this.named) return;
    if (rows.length > MOST_FOLDED) say(`The address tells of ${MOST_FOLDED} folded rows, not of the others`);
    try {
      const asked = { part: "ids", rows: rows.slice(0, MOST_FOLDED).join(), revision: String(this.revision) };
      this.view.ids = rows.length ? (await this.view.ask(asked)).ids.join() : "";
      this.named = named;
    } catch {
      // The trace has changed, and is looked at anew; or the console is gone, which is told elsewhere.
    }
  }

  // Finding

  async search() {
    const { text } = this.view;
    const asked = (this.searched = (this.searched ?? 0) + 1);
    try {
      const found = text ? await this.view.ask({ part: "find" }) : { rows: [], revision: this.revision };
      // Somebody typed on, or the trace has changed and is asked anew.
      if (asked !== this.searched || found.revision !== this.revision) return;
      this.waterfall.found = found.rows;
      this.waterfall.foundText = text;
    } catch (error) {
      return this.lost(error);
    }
    this.refilter();
  }

  sayMatches() {
    const { found, foundText, active } = this.waterfall;
    const place = found.indexOf(active);
    const at = place >= 0 ? `${place + 1}/` : "";
    field("matches").textContent = foundText ? `${at}${found.length} ${found.length === 1 ? "match" : "matches"}` : "";
  }

  /** @param {number} by */
  seekMatch(by) {
    const { waterfall } = this;
    const row = waterfall.found.length > 0 ? waterfall.seek(by, (row) => waterfall.isFound(row)) : null;
    if (row === null) return say(this.view.text ? "No match is shown" : "Nothing is looked for");
    this.sayMatches();
  }

  /** @param {number} by */
  seekFault(by) {
    const { rows } = this.waterfall;
    const faults = rows.flags.some((flags) => (flags & 3) === 3);
    const row = this.waterfall.seek(by, (row) => (faults ? rows.mark(row) === 3 : rows.mark(row) > 0));
    if (row === null) say("Nothing failed");
  }

  // The side panel

  /** @param {number} row @param {"push" | "replace"} how */
  async select(row, how) {
    const { waterfall } = this;
    waterfall.selected = row;
    for (const line of waterfall.lines) set(line.element, "aria-selected", line.row === row ? "true" : null);
    clearTimeout(this.waiting);
    // Whoever runs through the rows asks for the one they stop at.
    await new Promise((done) => (this.waiting = setTimeout(done, how === "push" ? 0 : 120)));
    const url = this.view.address();
    url.searchParams.set("row", String(row));
    url.searchParams.set("revision", String(this.revision));
    try {
      const { ok, status, nodes } = await fetchPart(url.href, "detail");
      if (waterfall.selected !== row) return;
      if (status === 409) return await this.look();
      if (!ok) return;
      this.detail.replaceChildren(...nodes);
      const wasHidden = this.detail.hidden;
      this.detail.hidden = false;
      const key = find("#detail-head")?.getAttribute("data-key") ?? "";
      const to = this.view.address();
      if (key) to.searchParams.set("sel", key);
      if (to.href !== location.href) setAddress(to, how);
      if (wasHidden) waterfall.redraw();
    } catch (error) {
      if (!(error instanceof DOMException)) this.lost(error);
    }
  }

  unselect() {
    const { waterfall } = this;
    if (waterfall.selected === null) return;
    waterfall.selected = null;
    this.detail.hidden = true;
    this.detail.replaceChildren();
    const to = this.view.address();
    to.searchParams.delete("sel");
    setAddress(to, "push");
    waterfall.redraw();
    if (waterfall.rows.count > 0) waterfall.go(waterfall.active);
  }

  async open() {
    await this.select(this.waterfall.active, "push");
    this.detail.focus({ preventScroll: true });
  }

  // A trace under way

  tick() {
    clearTimeout(this.ticking);
    // Where there are no events, as too many pages listen, it is asked.
    const next = () => (this.events.isFull() ? this.look() : this.tick());
    if (this.live) this.ticking = setTimeout(next, Math.max(BETWEEN, SHARE * this.lookTook));
    clearInterval(this.growing);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.waterfall.now !== null) this.growing = setInterval(() => document.hidden || this.waterfall.redraw(), calm ? 1000 : 250);
  }

  /** Looks, now or when the last look is long enough ago. */
  lookSoon() {
    this.due ||= setTimeout(() => this.look(), SHARE * this.lookTook);
  }

  /** Looks whether there is anything new. */
  async look() {
    clearTimeout(this.due);
    this.due = 0;
    if (document.hidden) return this.tick();
    const since = performance.now();
    try {
      const columns = await this.view.ask({ part: "columns", have: String(this.revision) });
      this.lookTook = performance.now() - since;
      this.heard(columns);
    } catch (error) {
      return this.lost(error);
    }
    this.tick();
  }

  /** @param {Columns & Pointed} columns of all but revision, now and live there is nothing if nothing is new */
  heard(columns) {
    const { waterfall } = this;
    field("trace-status").textContent = "";
    this.live = columns.live;
    const stopped = waterfall.now !== null && columns.now === null;
    waterfall.now = columns.now;
    waterfall.heardAt = performance.now();
    if (columns.labels) this.adopt(columns);
    else if (stopped) waterfall.redraw();
  }

  /** The trace has changed. @param {Columns & Pointed} columns */
  adopt(columns) {
    const { waterfall } = this;
    waterfall.adopt(new Rows(columns));
    waterfall.selected = columns.selected ?? waterfall.selected;
    this.revision = columns.revision;
    this.refilter();
    if (this.view.text) this.search();
    if (waterfall.selected !== null) this.select(waterfall.selected, "replace");
    this.renewHead();
  }

  async renewHead() {
    const { ok, nodes } = await fetchPart(this.view.address().href, "head");
    const head = nodes.find((node) => node instanceof HTMLElement);
    if (!ok || !(head instanceof HTMLElement)) return;
    find("#trace-head")?.replaceWith(head);
    if (head.dataset.title) document.title = `${head.dataset.title} - xrc`;
    this.waterfall.drawWindow();
  }

  /** Says what the console answers. If it does not, its events tell, here as on every page. @param {unknown} error */
  lost(error) {
    const said = error instanceof Error ? error.message : "";
    const why = said === "404" ? "The console no longer has this trace; what is shown stays." : `The console answers ${said}.`;
    if (/^\d+$/.test(said)) field("trace-status").textContent = why;
    this.waterfall.now = null;
    this.live &&= said !== "404";
    this.tick();
  }

  // Events

  listenToRows() {
    const { waterfall } = this;
    waterfall.grid.addEventListener("click", (event) => this.clicked(event));
    waterfall.grid.addEventListener("keydown", (event) => this.pressed(event));
    this.detail.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("#detail-close")) return;
      event.preventDefault();
      this.unselect();
    });
  }

  listenToFields() {
    field("trace-tools").addEventListener("submit", (event) => event.preventDefault());
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    field("find").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        this.search();
        this.remember();
      }, 150);
    });
    field("find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.seekMatch(event.shiftKey ? -1 : 1);
    });
    for (const id of ["only", "min", "critical", "unfolded"]) {
      field(id).addEventListener("input", () => {
        this.refilter();
        this.remember();
      });
    }
    field("find-next").addEventListener("click", () => this.seekMatch(1));
    field("find-previous").addEventListener("click", () => this.seekMatch(-1));
    field("zoom-out").addEventListener("click", () => this.waterfall.zoomTo(0, 1));
    if (this.view.text) this.search();
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
      if (Math.abs(to - from) > 0.005) this.waterfall.zoomTo(Math.min(from, to), Math.max(from, to));
    });
    for (const end of ["pointerup", "pointercancel"]) this.root.addEventListener(end, () => (from = null));
    this.root.addEventListener("dblclick", (event) => {
      if (map(event)) this.waterfall.zoomTo(0, 1);
    });
  }

  bindKeys() {
    const { waterfall } = this;
    /** @type {Record<string, () => void>} */
    const keys = {
      "/": () => /** @type {HTMLInputElement} */ (field("find")).select(),
      j: () => waterfall.step(1),
      k: () => waterfall.step(-1),
      h: () => waterfall.fold(false),
      l: () => waterfall.fold(true),
      "[": () => waterfall.foldAll(true),
      "]": () => waterfall.foldAll(false),
      e: () => this.seekFault(1),
      E: () => this.seekFault(-1),
      n: () => this.seekMatch(1),
      N: () => this.seekMatch(-1),
      c: () => field("critical").click(),
      f: () => field("unfolded").click(),
      w: () => waterfall.zoomBy(0.5),
      s: () => waterfall.zoomBy(2),
      a: () => waterfall.pan(-0.25),
      d: () => waterfall.pan(0.25),
      0: () => waterfall.zoomTo(0, 1),
      y: () => void copy(this.root.dataset.id ?? "", "Trace id"),
      r: () => void this.showRaw(),
      Escape: () => this.unselect(),
    };
    for (const [key, action] of Object.entries(keys)) onKey(key, action);
  }

  async showRaw() {
    if (this.waterfall.selected === null) await this.open();
    const raw = find("#raw");
    if (!(raw instanceof HTMLDetailsElement)) return;
    raw.open = !raw.open;
    raw.scrollIntoView({ block: "nearest" });
  }

  /** Keys of a tree, while the focus is in it. @param {KeyboardEvent} event */
  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { waterfall } = this;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => waterfall.step(1),
      ArrowUp: () => waterfall.step(-1),
      ArrowRight: () => waterfall.fold(true),
      ArrowLeft: () => waterfall.fold(false),
      PageDown: () => waterfall.step(waterfall.page),
      PageUp: () => waterfall.step(-waterfall.page),
      Home: () => waterfall.step(-waterfall.shown.length),
      End: () => waterfall.step(waterfall.shown.length),
      Enter: () => this.open(),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const { waterfall } = this;
    const element = event.target instanceof Element ? event.target.closest(".row") : null;
    const line = waterfall.lines.find((line) => line.element === element);
    if (!line) return;
    const { row } = line;
    const name = line.name.getBoundingClientRect();
    const indent = parseFloat(getComputedStyle(line.name).paddingLeft);
    const onTwisty = event.clientX < name.left + indent + line.element.clientHeight && waterfall.siblings[row] > 0;
    waterfall.active = row;
    if (onTwisty) return waterfall.toggle(row);
    waterfall.go(row);
    if (waterfall.selected !== row || this.detail.hidden) this.select(row, "push");
  }

  /** The browser's back and forward. */
  async back() {
    const { waterfall } = this;
    this.view.read();
    try {
      this.point(await this.view.ask({ part: "rows" }));
    } catch (error) {
      return this.lost(error);
    }
    this.detail.hidden = waterfall.selected === null;
    await this.search();
    if (waterfall.selected !== null) {
      waterfall.reveal(waterfall.selected);
      await this.select(waterfall.selected, "replace");
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
  if (answer.ok) new Page(root, await answer.json());
}

start();
