// @ts-check
// What comes from the server while a page is open. Only visible pages listen: browsers allow six connections to a server,
// and a dozen forgotten tabs would take them all.

import { find } from "./base.js";

/**
 * @typedef {object} Listener
 * @property {(rows: HTMLTableRowElement[]) => void} rows what came or changed
 * @property {() => void} reload too much happened to be told, or nobody listened for a while
 * @property {() => void} [alive] nothing happened for a while
 * @property {string} [meanwhile] what is to be done while others follow in this page's place; to reload it, if not said
 */

/** Milliseconds until the next try; after each failure twice as long, up to the last. */
const FIRST_TRY = 1000;
const LAST_TRY = 15000;

/**
 * Listens at this address for as long as the page is visible and there is one.
 * @param {() => string | null} address
 * @param {Listener} listener
 * @returns {{moved: (made?: string) => void, isFull: () => boolean}} `moved` is to be called when the address may be another,
 *   with the time at which was made what is shown now; `isFull`
 *   says that the console tells so many pages already that it does not tell this one
 */
export function listen(address, listener) {
  /** @type {EventSource | null} */
  let source = null;
  let wait = FIRST_TRY;
  let timer = 0;
  let missed = false;
  let full = false;
  let last = new Date();
  /** @type {string | null} */
  let listening = null;
  // What comes between the making of this page and the first of its events is told by the server.
  let shown = document.documentElement.dataset.now ?? "";

  const stop = () => {
    clearTimeout(timer);
    missed ||= source !== null;
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
    now.addEventListener("full", (event) => {
      full = true;
      again();
      const meanwhile = listener.meanwhile ?? "reload this page for what is new";
      tell(`${event.data} pages follow already, as many as the console serves. Close one; until then ${meanwhile}.`);
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
    now.addEventListener("again", start);
    // The first event of each stream, and what comes when nothing happens.
    now.addEventListener("alive", () => {
      last = new Date();
      wait = FIRST_TRY;
      full = false;
      tell("");
      if (missed) listener.reload();
      else listener.alive?.();
      missed = false;
    });
    now.addEventListener("error", () => {
      full = false;
      again();
      explain(now.url);
    });
  };
  /** Says why nothing is told. An EventSource does not know; who asks as others do learns the status. @param {string} url */
  const explain = async (url) => {
    const why = await fetch(url).then(
      ({ body, ok, status }) => {
        body?.cancel();
        // A connection that was cut is no matter: the next is made soon.
        return ok ? "" : `The console answers ${status}`;
      },
      () => "Console stopped",
    );
    if (!source) tell(why && `${why}. Showing data up to ${last.toLocaleTimeString()}. Retrying.`);
  };
  const again = () => {
    stop();
    timer = setTimeout(start, wait);
    wait = Math.min(wait * 2, LAST_TRY);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (!source) start();
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => {
    if (event.persisted) start();
  });
  if (!document.hidden) start();
  return {
    moved(made = "") {
      if (document.hidden || address() === listening) return;
      shown = made;
      start();
      missed = false;
    },
    isFull: () => full,
  };
}

/** Says that news do not come, and why; or nothing any more. @param {string} text */
function tell(text) {
  let bar = find("#lost");
  if (!text) return bar?.remove();
  if (!bar) {
    bar = document.createElement("p");
    bar.id = "lost";
    bar.className = "notice";
    bar.setAttribute("role", "status");
    find("#main")?.prepend(bar);
  }
  bar.textContent = text;
}
