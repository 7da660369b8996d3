// @ts-check
// What comes from the server while a page is open. Only visible pages listen: browsers allow six connections to a server,
// and a dozen forgotten tabs would take them all.

import { find } from "./base.js";

/**
 * @typedef {object} Listener
 * @property {(rows: HTMLTableRowElement[]) => void} rows what came or changed
 * @property {() => void} reload too much happened to be told, or nobody listened for a while
 */

/** Milliseconds until the next try; after each failure twice as long, up to the last. */
const FIRST_TRY = 1000;
const LAST_TRY = 15000;

/**
 * Listens at this address for as long as the page is visible and there is one.
 * @param {() => string | null} address
 * @param {Listener} listener
 * @returns {{moved: () => void}} to be called when the address may be another
 */
export function listen(address, listener) {
  /** @type {EventSource | null} */
  let source = null;
  let wait = FIRST_TRY;
  let timer = 0;
  let missed = false;
  let last = new Date();
  /** @type {string | null} */
  let listening = null;
  // What comes between the making of this page and the first of its events is told by the server.
  let shown = document.documentElement.dataset.now ?? "";

  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const start = () => {
    stop();
    listening = address();
    if (listening === null) return;
    const now = new EventSource(shown ? `${listening}${listening.includes("?") ? "&" : "?"}after=${shown}` : listening);
    shown = "";
    source = now;
    now.addEventListener("open", () => {
      wait = FIRST_TRY;
      lost(null);
      if (missed) listener.reload();
      missed = false;
    });
    now.addEventListener("rows", (event) => {
      last = new Date();
      // A table around them, or the parser drops what is no table's child.
      const parsed = new DOMParser().parseFromString(`<table><tbody>${event.data}</tbody></table>`, "text/html");
      listener.rows([...parsed.querySelectorAll("tr")]);
    });
    now.addEventListener("reload", () => {
      last = new Date();
      listener.reload();
    });
    now.addEventListener("again", () => {
      missed = true;
      start();
    });
    now.addEventListener("alive", () => (last = new Date()));
    now.addEventListener("error", () => {
      stop();
      missed = true;
      lost(last);
      timer = setTimeout(start, wait);
      wait = Math.min(wait * 2, LAST_TRY);
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      missed = true;
      stop();
    } else if (!source) start();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      missed = true;
      start();
    }
  });
  if (!document.hidden) start();
  return {
    moved() {
      if (!document.hidden && address() !== listening) start();
    },
  };
}

/** Says that the console is gone, or takes it back. @param {Date | null} since */
function lost(since) {
  let bar = find("#lost");
  if (!since) return bar?.remove();
  if (!bar) {
    bar = document.createElement("p");
    bar.id = "lost";
    bar.className = "notice";
    bar.setAttribute("role", "status");
    find("#main")?.prepend(bar);
  }
  bar.textContent = `Console stopped. Showing data up to ${since.toLocaleTimeString()}. Retrying.`;
}
