// @ts-check
// Rows of a list by keyboard: `j k` or arrows, `Enter`, `e E`, `y`. The list may be replaced at any time.

import { copy, find, localTimes, onKey } from "./base.js";

/** The id of the selected row, which outlives the row. @type {string | null} */
let selected = null;

/** @returns {HTMLTableRowElement[]} */
const rows = () => [...document.querySelectorAll("tbody tr[data-id]")].map((row) => /** @type {HTMLTableRowElement} */ (row));

export const selectedId = () => selected;

/**
 * Selects a row, shows it, and gives its link the focus.
 * @param {HTMLTableRowElement | undefined} row
 */
export function select(row) {
  if (!row) return;
  selected = row.dataset.id ?? null;
  mark();
  row.scrollIntoView({ block: "nearest" });
  /** @type {HTMLAnchorElement | null} */ (find("a", row))?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("xrc-select", { detail: selected }));
}

/** Marks the selected row again after the list was replaced. @param {string | null} [id] */
export function mark(id = selected) {
  selected = id;
  for (const row of rows()) {
    if (row.dataset.id === selected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** @param {number} by @param {(row: HTMLTableRowElement) => boolean} [fits] */
function move(by, fits = () => true) {
  const all = rows();
  const now = all.findIndex((row) => row.dataset.id === selected);
  let next = now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by;
  while (all[next] && !fits(all[next])) next += by;
  select(all[next]);
}

const isFault = (/** @type {HTMLTableRowElement} */ row) => row.dataset.mark === "fault";
onKey("j", () => move(1));
onKey("k", () => move(-1));
onKey("ArrowDown", () => move(1));
onKey("ArrowUp", () => move(-1));
onKey("e", () => move(1, isFault));
onKey("E", () => move(-1, isFault));
onKey("Enter", () => {
  const row = rows().find((row) => row.dataset.id === selected);
  if (row) /** @type {HTMLAnchorElement | null} */ (find("a", row))?.click();
});
onKey("y", () => {
  if (selected) copy(selected, "Trace id");
});
document.addEventListener("focusin", (event) => {
  const row = event.target instanceof Element ? event.target.closest("tbody tr[data-id]") : null;
  if (row instanceof HTMLTableRowElement && row.dataset.id !== selected) {
    selected = row.dataset.id ?? null;
    mark();
  }
});

/** Bars in proportion to the longest of the list, after rows came. */
export function scale() {
  const all = rows();
  const longest = Math.max(0, ...all.map((row) => Number(row.dataset.response ?? 0)));
  for (const row of all) {
    const share = longest > 0 ? Number(row.dataset.response ?? 0) / longest : 0;
    find("svg.bar rect", row)?.setAttribute("width", String(Math.max(0.5, share * 100)));
  }
}

/** Counts on how long open traces have been open. */
export function counting() {
  setInterval(() => {
    for (const open of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-since]"))) {
      const seconds = Math.max(0, Date.now() / 1000 - Number(open.dataset.since));
      open.textContent = seconds < 60 ? `open ${seconds.toFixed(1)}s` : `open ${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
    }
  }, 500);
}

/** Whether somebody reads the list, so that nothing in it may move. */
export const isRead = () =>
  scrollY > 40 || find("#list:hover, #list:focus-within, dialog[open], .words") !== null || String(getSelection()) !== "";

/** Says what has come that is not in the list, or nothing any more; a click shows it. @param {string} text @param {() => void} show */
export function pill(text, show) {
  let button = find("#news");
  if (!text) return button?.remove();
  if (!button) {
    button = document.createElement("button");
    button.id = "news";
    button.className = "pill";
    button.addEventListener("click", () => {
      scrollTo({ top: 0 });
      show();
    });
    document.body.append(button);
  }
  button.textContent = text;
}

/** Puts a line in the place of the same trace's, so that nothing moves; whether there is one. @param {HTMLTableRowElement} row */
export function renew(row) {
  localTimes(row);
  const old = find(`#list tr[data-id="${CSS.escape(row.dataset.id ?? "")}"]`);
  if (!old?.contains(document.activeElement)) old?.replaceWith(row);
  return old !== null;
}
