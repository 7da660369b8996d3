// @ts-check
// The list without reloading: filters, sorting, dragging over the histogram, and what comes in meanwhile.

import { carry, fetchPart, find, localTimes, onKey, say, setAddress } from "./base.js";
import { listen } from "./events.js";
import { counting, isRead, mark, pill, renew, scale, select, selectedId } from "./list.js";

/** Milliseconds between two refreshes while traces come in, at least; and this many times as long as the last one took. */
const BETWEEN = 300;
const REST = 4;

/** Ids that came and are not in the list. @type {Set<string>} */
const news = new Set();
let paused = false;
let refreshed = 0;
let between = BETWEEN;
let timer = 0;
/** Lists that are asked for. Until they are here nothing is refreshed: that would take the place of what somebody wants. */
let underWay = 0;
/** Something came meanwhile that is not told in `news`. */
let late = false;

const view = () => find("#view");
const error = () => find("#filter-error");
const box = /** @type {HTMLInputElement | null} */ (find("#q"));

/**
 * Shows the list of this address. A filter that is none leaves the list as it is, dimmed.
 * @param {string | URL} url
 * @param {"push" | "replace" | "none"} how
 */
function show(url, how) {
  clearTimeout(timer);
  underWay += 1;
  put(url, how).finally(() => (underWay -= 1));
}

/** @param {string | URL} url @param {"push" | "replace" | "none"} how */
async function put(url, how) {
  const began = performance.now();
  // Of another list all is forgotten.
  const known = how === "none" ? [...news] : news;
  late = false;
  let answer;
  try {
    answer = await fetchPart(String(url), "list");
  } catch (failure) {
    if (!(failure instanceof DOMException)) say("The console does not answer.");
    return;
  }
  if (how !== "none") setAddress(url, how);
  if (!answer.ok) return say(`The console answers ${answer.status}.`);
  const wrong = answer.nodes.find((node) => node instanceof HTMLElement && node.id === "wrong");
  if (wrong) {
    error()?.replaceChildren(...wrong.childNodes);
    box?.setAttribute("aria-invalid", "true");
    box?.setAttribute("aria-describedby", "filter-error");
    view()?.classList.add("stale");
    return events.moved();
  }
  error()?.replaceChildren();
  box?.removeAttribute("aria-invalid");
  const openKind = find("details[open]", view() ?? document)?.textContent?.split("(")[0];
  const fresh = answer.nodes.find((node) => node instanceof HTMLElement && node.id === "view");
  if (!(fresh instanceof HTMLElement)) return location.reload();
  view()?.replaceWith(fresh);
  if (answer.title) document.title = answer.title;
  const command = find("#command");
  if (command) command.textContent = fresh.dataset.command ?? "";
  for (const kind of fresh.querySelectorAll("details")) {
    if (openKind && kind.textContent?.startsWith(openKind)) kind.open = true;
  }
  // What came while this was on its way may not be in it.
  for (const id of known) news.delete(id);
  for (const row of fresh.querySelectorAll("tr[data-id]")) news.delete(row.getAttribute("data-id") ?? "");
  refreshed = performance.now();
  between = Math.max(BETWEEN, REST * (refreshed - began));
  settle();
  if (late || news.size > 0) came();
}

/** After the list was put in place. */
function settle() {
  localTimes(view() ?? document);
  mark();
  carry();
  dragging();
  tell();
  events.moved(view()?.getAttribute("data-now") ?? "");
}

/** @param {URL} url */
function fill(url) {
  if (box) box.value = url.searchParams.get("q") ?? "";
  const span = find("#w");
  if (span instanceof HTMLSelectElement) {
    const word = url.searchParams.get("w") ?? (url.searchParams.has("from") ? "" : "6h");
    if ([...span.options].some((option) => option.value === word)) span.value = word;
  }
}

find("#filter")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, String(value));
  if (url.searchParams.has("w")) ["from", "to"].forEach((name) => url.searchParams.delete(name));
  show(url, "push");
});

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  const link = event.target instanceof Element ? event.target.closest("#main a, #filter-error a") : null;
  if (!link) return;
  const url = new URL(link.getAttribute("href") ?? "", location.href);
  if (url.pathname !== "/traces") return;
  event.preventDefault();
  if (dragged) return;
  fill(url);
  show(url, "push");
});

addEventListener("popstate", () => {
  fill(new URL(location.href));
  show(location.href, "none");
});

document.addEventListener("xrc-select", () => {
  const url = new URL(location.href);
  const id = selectedId();
  if (id) url.searchParams.set("sel", id);
  setAddress(url, "replace");
});

// Dragging over the histogram writes both limits into the filter.
let dragged = false;

function dragging() {
  const figure = find("#histogram");
  const drawing = /** @type {SVGSVGElement | null} */ (figure?.querySelector("svg") ?? null);
  if (!(figure instanceof HTMLElement) || !drawing) return;
  const low = Math.log10(Math.max(Number(figure.dataset.from), 1e-6));
  const high = Math.log10(Math.max(Number(figure.dataset.to), 1e-6));
  /** @type {number | null} */
  let from = null;
  const veil = document.createElement("div");
  veil.className = "drag";
  const place = (/** @type {PointerEvent} */ event) => {
    const { left, width } = drawing.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width));
  };
  drawing.addEventListener("dragstart", (event) => event.preventDefault());
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = place(event);
    dragged = false;
  });
  drawing.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = place(event);
    if (!dragged && Math.abs(to - from) < 0.01) return;
    if (!dragged) drawing.setPointerCapture(event.pointerId);
    dragged = true;
    veil.style.left = `${Math.min(from, to) * 100}%`;
    veil.style.width = `${Math.abs(to - from) * 100}%`;
    figure.append(veil);
  });
  const end = (/** @type {PointerEvent} */ event) => {
    const began = from;
    from = null;
    veil.remove();
    if (began === null || !dragged) return;
    setTimeout(() => (dragged = false));
    const [first, last] = [began, place(event)]
      .sort((left, right) => left - right)
      .map((share) => Number((10 ** (low + (high - low) * share)).toPrecision(4)).toFixed(9).replace(/\.?0+$/, ""));
    const url = new URL(location.href);
    // What else the filter says, so that AND can follow.
    const { rest } = figure.dataset;
    url.searchParams.set("q", `${rest && `${rest} AND `}responsetime >= ${first} AND responsetime < ${last}`);
    fill(url);
    show(url, "push");
  };
  drawing.addEventListener("pointerup", end);
  drawing.addEventListener("pointercancel", end);
}

// What comes in. While somebody reads, it is only counted.
const isReading = () => paused || isRead();

/** Says how many there are; a click shows them. */
function tell() {
  const count = news.size === 1000 ? "1,000 and more" : news.size;
  const text = news.size === 0 && !paused ? "" : `${paused ? "Paused · " : ""}${count} new`;
  pill(text, () => {
    paused = false;
    refresh();
  });
}

/** The same list anew, unless one is on its way. */
function refresh() {
  if (underWay > 0) late = true;
  else show(location.href, "none");
}

function came() {
  if (isReading()) return tell();
  clearTimeout(timer);
  timer = setTimeout(() => (isReading() ? tell() : refresh()), Math.max(0, refreshed + between - performance.now()));
}

const events = listen(
  () => {
    if (box?.getAttribute("aria-invalid")) return null;
    const url = new URL(location.href);
    const query = new URLSearchParams();
    for (const name of ["q", "health"]) query.set(name, url.searchParams.get(name) ?? "");
    return `/live/events?${query}`;
  },
  {
    rows(rows) {
      const before = news.size;
      for (const row of rows) {
        if (!renew(row) && news.size < 1000) news.add(row.dataset.id ?? "");
      }
      mark();
      scale();
      if (news.size > before) came();
    },
    reload: came,
  },
);

onKey("Space", () => {
  paused = !paused;
  say(paused ? "Paused" : "Live");
  if (paused) tell();
  else refresh();
});

const chosen = find(`#list tr[data-id="${CSS.escape(new URL(location.href).searchParams.get("sel") ?? "")}"]`);
if (chosen instanceof HTMLTableRowElement) select(chosen);
settle();
counting();
