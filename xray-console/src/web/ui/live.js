// @ts-check
// Traces as they end, and open ones while they run.

import { find, onKey, say } from "./base.js";
import { listen } from "./events.js";
import { counting, isRead, mark, pill, renew, scale } from "./list.js";

/** Rows kept in the page. */
const MOST = 200;
/** Milliseconds before the page is asked for again when too much happens to be told. */
const BETWEEN = 2000;
/** Milliseconds between two spoken summaries. */
const SPOKEN = 5000;

/** What came while paused, by id: the newest {@link MOST}. @type {Map<string, HTMLTableRowElement>} */
const held = new Map();
let paused = false;
let count = 0;
let faults = 0;
let spoken = -SPOKEN;
let reloading = 0;
const since = new Date();

const body = () => find("#list tbody");
const button = find("#pause");

const isReading = () => paused || isRead();

/** @param {HTMLTableRowElement} row */
function put(row) {
  if (renew(row)) return;
  count += 1;
  if (row.dataset.mark === "fault") faults += 1;
  body()?.prepend(row);
  const rows = body()?.children ?? [];
  while (rows.length > MOST) rows[rows.length - 1].remove();
}

function show() {
  find("#waiting")?.remove();
  for (const row of held.values()) put(row);
  held.clear();
  scale();
  mark();
  tell();
}

function tell() {
  const count = held.size >= MOST ? `${MOST} and more` : held.size;
  pill(held.size > 0 ? `${count} new` : "", () => setPaused(false));
  document.title = `${paused ? "Paused" : "Live"}${faults ? ` · ${faults} fault${faults === 1 ? "" : "s"}` : ""} - xrc`;
  if (performance.now() - spoken < SPOKEN) return;
  spoken = performance.now();
  state();
}

function state() {
  const line = find("#state");
  if (line) line.textContent = `${paused ? "Paused" : "Live"}: ${count} traces since ${since.toLocaleTimeString()}, ${faults} faults`;
}

/** @param {boolean} on */
function setPaused(on) {
  paused = on;
  if (button) button.textContent = on ? "Go on" : "Pause";
  state();
  if (!on) show();
}

listen(() => (find("#q[aria-invalid]") ? null : `/live/events${location.search}`), {
  rows(rows) {
    for (const row of rows) {
      if (paused || !renew(row)) {
        const id = row.dataset.id ?? "";
        held.delete(id);
        held.set(id, row);
        if (held.size > MOST) held.delete(held.keys().next().value ?? "");
      }
    }
    if (isReading()) tell();
    else show();
  },
  // More than a reader could follow. Not at once, for it may be the next moment's story, too.
  reload: () => {
    if (isReading()) say("More came than is shown; reload for all of it.");
    else reloading ||= setTimeout(() => (isReading() ? (reloading = 0) : location.reload()), BETWEEN);
  },
});

button?.removeAttribute("hidden");
button?.addEventListener("click", () => setPaused(!paused));
onKey("Space", () => setPaused(!paused));
counting();
tell();
