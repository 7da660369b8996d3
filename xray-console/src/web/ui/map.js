// @ts-check
// The map page: selects without a new page, moves and enlarges the picture, and follows what comes in.
//
// The server draws; this fetches the inside of the same page (`part=map`) and puts it in the place of the old one. The
// picture's own units stay: a row has its place whatever else there is, so what is in view stays in view.

import { fetchPart, find, onKey, setAddress } from "./base.js";
import { listen } from "./events.js";

/** Parts that are exchanged, by id. */
const PARTS = ["map-size", "map-picture", "map-panel", "map-tables"];
/** How much a step of the wheel or a key enlarges. */
const STEP = 1.25;
/** How far the picture can be enlarged. */
const MOST = 8;
/** Milliseconds between two pictures at least; and so many times what the last one took, to leave the server its time. */
const BETWEEN = 1000;
const SHARE = 5;

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

const root = find("#map");
/** What is in view, if not all: `z` of the address. @type {Box | null} */
let view = asked();

/** @returns {SVGSVGElement | null} */
const picture = () => find("#map-drawing");

/** @returns {Box | null} */
function asked() {
  const [x, y, width, height] = (new URL(location.href).searchParams.get("z") ?? "").split(",").map(Number);
  return Number.isFinite(x + y) && width > 0 && height > 0 ? { x, y, width, height } : null;
}

/** An address of this page, with what is in view. @param {string} address */
function addressOf(address) {
  const url = new URL(address, location.href);
  if (view) url.searchParams.set("z", [view.x, view.y, view.width, view.height].map(Math.round).join());
  else url.searchParams.delete("z");
  return url;
}

/** Tells the address, once it rests. */
let resting = 0;
function remember() {
  clearTimeout(resting);
  resting = setTimeout(() => setAddress(addressOf(location.href), "replace"), 200);
}

/** The whole picture, as the server drew it. @param {SVGSVGElement} svg @returns {Box} */
function whole(svg) {
  const [x, y, width, height] = (svg.dataset.whole ??= svg.getAttribute("viewBox") ?? "").split(" ").map(Number);
  return { x, y, width, height };
}

function drawView() {
  const svg = picture();
  if (!svg) return;
  // First, for it is read from what is changed here.
  const all = whole(svg);
  const { x, y, width, height } = view ?? all;
  svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
}

/**
 * Enlarges around a point of the window, or around the middle.
 * @param {number} factor @param {{clientX: number, clientY: number}} [at]
 */
function zoom(factor, at) {
  const svg = picture();
  if (!svg) return;
  const all = whole(svg);
  const now = view ?? all;
  const width = Math.min(Math.max(now.width / factor, all.width / MOST), all.width * 2);
  const ratio = width / now.width;
  const rect = svg.getBoundingClientRect();
  const left = at ? (at.clientX - rect.left) / rect.width : 0.5;
  const top = at ? (at.clientY - rect.top) / rect.height : 0.5;
  const x = now.x + now.width * (1 - ratio) * left;
  const y = now.y + now.height * (1 - ratio) * top;
  view = { x, y, width, height: now.height * ratio };
  drawView();
  remember();
}

/** Moves by shares of what is in view. @param {number} right @param {number} down */
function move(right, down) {
  const svg = picture();
  if (!svg) return;
  const now = view ?? whole(svg);
  view = { ...now, x: now.x + now.width * right, y: now.y + now.height * down };
  drawView();
  remember();
}

function reset() {
  view = null;
  drawView();
  remember();
}

/** Puts the parts of an answer in the place of ours. @param {DocumentFragment} answer */
function exchange(answer) {
  const focused = document.activeElement;
  const key = focused?.getAttribute("data-key");
  const within = focused?.closest("#map-picture, #map-panel, #map-tables")?.id;
  const [stage, next] = [find("#map .stage"), find(".stage", answer)];
  if (stage && next) {
    for (const id of PARTS) {
      const [old, now] = [document.getElementById(id), find(`#${id}`, answer)];
      if (old && now) old.replaceWith(now);
      else if (now) stage.append(now);
      else old?.remove();
    }
    stage.classList.toggle("with-panel", find("#map-panel") !== null);
  } else {
    // From nothing to something, or back.
    root?.replaceChildren(...(find("#map", answer)?.childNodes ?? []));
    showTools();
  }
  drawView();
  if (key && within) focusOn(key, within);
}

/** @param {string} key @param {string} within */
function focusOn(key, within) {
  const of = (/** @type {string} */ id) => find(`#${id} [data-key="${CSS.escape(key)}"]`);
  const link = /** @type {SVGElement | HTMLElement | null} */ (of(within) ?? of("map-picture"));
  link?.focus({ preventScroll: true });
}

/** When the last picture was asked for, and how long it took. */
let began = 0;
let took = 0;

/** Shows an address of this page. @param {string} address */
async function show(address) {
  began = performance.now();
  const url = new URL(address, location.href);
  const heights = picture()?.dataset.heights;
  if (heights) url.searchParams.set("at", heights);
  const answer = await fetchPart(url.href, "map");
  if (!answer.ok) return;
  const fragment = new DocumentFragment();
  fragment.append(...answer.nodes);
  exchange(fragment);
  took = performance.now() - began;
}

/** Shows what has come, after a while in which more may come. */
let coming = 0;
function follow() {
  const next = began + Math.max(BETWEEN, took * SHARE);
  coming ||= setTimeout(() => {
    coming = 0;
    // Nobody's drag is to jump.
    if (drag) follow();
    else show(location.href).catch(quietly);
  }, next - performance.now());
}

/** Goes to an address of this page. @param {string} address */
async function go(address) {
  const before = find("[aria-current][data-key]", root ?? document)?.getAttribute("data-key");
  setAddress(addressOf(address), "push");
  await show(address);
  // Who closes a panel goes on from what it was of.
  if (before && document.activeElement === document.body) focusOn(before, "map-picture");
}

/** A newer answer is on its way, or the console has gone, which is told elsewhere. */
const quietly = () => {};

root?.addEventListener("click", (event) => {
  const { button, ctrlKey, metaKey, shiftKey, altKey } = /** @type {MouseEvent} */ (event);
  if (event.defaultPrevented || button !== 0 || ctrlKey || metaKey || shiftKey || altKey) return;
  const target = event.target instanceof Element ? event.target : null;
  const zooms = target?.closest("[data-zoom]")?.getAttribute("data-zoom");
  if (zooms) {
    if (zooms === "all") reset();
    else zoom(zooms === "in" ? STEP : 1 / STEP);
  }
  const address = target?.closest("a[data-key]")?.getAttribute("href");
  if (!address) return;
  event.preventDefault();
  go(address).catch(quietly);
});

addEventListener("popstate", () => {
  view = asked();
  show(location.href).catch(quietly);
});

/** @type {{id: number, x: number, y: number, moved: boolean} | null} */
let drag = null;

root?.addEventListener("pointerdown", (event) => {
  const { pointerId, pointerType, button, clientX, clientY } = /** @type {PointerEvent} */ (event);
  const within = event.target instanceof Element && event.target.closest("#map-drawing");
  // A finger scrolls the page.
  if (within && button === 0 && pointerType !== "touch") drag = { id: pointerId, x: clientX, y: clientY, moved: false };
});

addEventListener("pointermove", (event) => {
  const svg = picture();
  if (!drag || !svg || event.pointerId !== drag.id) return;
  const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.moved && Math.hypot(right, down) < 4) return;
  drag = { id: drag.id, x: event.clientX, y: event.clientY, moved: true };
  const rect = svg.getBoundingClientRect();
  move(-right / rect.width, -down / rect.height);
});

addEventListener("pointerup", () => {
  if (drag?.moved) {
    // The click that ends a drag selects nothing.
    const stop = (/** @type {Event} */ event) => (event.preventDefault(), event.stopPropagation());
    addEventListener("click", stop, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", stop, { capture: true }));
  }
  drag = null;
});

root?.addEventListener("dragstart", (event) => event.preventDefault());

/** @param {Event} event */
function wheel(event) {
  const { deltaY, ctrlKey, metaKey } = /** @type {WheelEvent} */ (event);
  // The wheel alone scrolls the page.
  if (!(event.target instanceof Element) || !event.target.closest("#map-drawing") || !(ctrlKey || metaKey)) return;
  event.preventDefault();
  zoom(deltaY < 0 ? STEP : 1 / STEP, /** @type {WheelEvent} */ (event));
}
root?.addEventListener("wheel", wheel, { passive: false });

onKey("+", () => zoom(STEP));
onKey("-", () => zoom(1 / STEP));
onKey("w", () => zoom(STEP));
onKey("s", () => zoom(1 / STEP));
onKey("a", () => move(-0.1, 0));
onKey("d", () => move(0.1, 0));
onKey("0", reset);
onKey("Escape", () => /** @type {HTMLElement | null} */ (find("#map-panel .close"))?.click());

function showTools() {
  const tools = find("#map-tools");
  if (tools instanceof HTMLElement) tools.hidden = picture() === null;
}
showTools();
drawView();

// A filter that is none means nothing that could come.
if (!find("#filter-error")?.hasChildNodes()) {
  const told = () => {
    const here = new URL(location.href).searchParams;
    const one = here.get("trace");
    return one ? `trace=${encodeURIComponent(one)}` : `health=1&q=${encodeURIComponent(here.get("q") ?? "")}`;
  };
  listen(() => `/live/events?${told()}`, { rows: follow, reload: follow });
}
