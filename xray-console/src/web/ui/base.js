// @ts-check
// What every page's script stands on: keys, theme, help, copying, and parts of pages fetched and put in place.
// Pages work without any of it.

/** @typedef {(event: KeyboardEvent) => void} Action */

/** Actions by key: `j`, `Enter`, `g t`. @type {Map<string, Action>} */
const bound = new Map();
/** The first key of two, until the second comes. */
let begun = "";
let begunAt = 0;

/** Milliseconds within which the second of two keys has to come. */
const TWO_KEYS = 1000;

/**
 * Binds a key, or two in a row (`g t`). Keys are those of `KeyboardEvent.key`; `Space` for the blank.
 * @param {string} keys
 * @param {Action} action
 */
export function onKey(keys, action) {
  bound.set(keys, action);
}

/** Keys that do something even where single keys are switched off: they type nothing. */
const ALWAYS = new Set(["Escape", "Enter", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End"]);

export const keysAreOff = () => recall("keys") === "off";

/** Whether what is typed goes into a field. @param {EventTarget | null} target */
function isField(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isField(event.target)) {
    if (event.key === "Escape" && event.target instanceof HTMLElement && !event.target.closest("dialog")) event.target.blur();
    return;
  }
  // Enter and the blank belong to what has the focus.
  const target = event.target instanceof Element ? event.target : null;
  if ((event.key === "Enter" || event.key === " ") && target?.closest("a, button, summary, input")) return;
  if (keysAreOff() && !ALWAYS.has(event.key)) return;
  const key = event.key === " " ? "Space" : event.key;
  const pair = event.timeStamp - begunAt < TWO_KEYS ? bound.get(`${begun} ${key}`) : undefined;
  begun = key;
  begunAt = event.timeStamp;
  const action = pair ?? bound.get(key);
  if (!action) return;
  begun = "";
  event.preventDefault();
  action(event);
});

/** @template {Element} T @param {string} selector @param {ParentNode} [within] @returns {T | null} */
export function find(selector, within = document) {
  return /** @type {T | null} */ (within.querySelector(selector));
}

/** @param {string} key */
export function recall(key) {
  try {
    return localStorage.getItem(`xrc-${key}`);
  } catch {
    // Storage may be forbidden.
    return null;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(`xrc-${key}`, value);
  } catch {
    // forbidden: it lasts as long as the page
  }
}

/** Says something for a moment, to eyes and to screen readers. @param {string} text */
export function say(text) {
  let toast = find("#toast");
  if (!toast) {
    toast = document.createElement("div");
    toast.id = "toast";
    toast.setAttribute("role", "status");
    document.body.append(toast);
  }
  toast.textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => toast?.replaceChildren(), 2500);
}
let saying = 0;

/** @param {string} text @param {string} what */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say(`Copying is forbidden: ${text}`);
  }
}

/** The last fetch of each place; an older one that comes late is not shown. @type {Map<string, AbortController>} */
const fetching = new Map();

/**
 * A part of a page, as nodes. The server has escaped what strangers wrote.
 * @param {string} url
 * @param {string} part
 * @returns {Promise<{ok: boolean, status: number, nodes: Node[], title: string | null}>}
 */
export async function fetchPart(url, part) {
  fetching.get(part)?.abort();
  const control = new AbortController();
  fetching.set(part, control);
  const address = new URL(url, location.href);
  address.searchParams.set("part", part);
  const response = await fetch(address, { signal: control.signal, headers: { accept: "text/html" } });
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  const title = parsed.title || null;
  return { ok: response.ok, status: response.status, nodes: [...parsed.body.childNodes], title };
}

/** Times of day in the reader's time zone. @param {ParentNode} [within] */
export function localTimes(within = document) {
  for (const time of /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("time[data-t]"))) {
    const date = new Date(Number(time.dataset.t) * 1000);
    if (Number.isNaN(date.valueOf())) continue;
    const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
    time.textContent = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  }
}
localTimes();

/** Links to other lists take filter and time along. */
export function carry() {
  const here = new URL(location.href).searchParams;
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".rail nav a"))) {
    if (!["/traces", "/map", "/live"].includes(link.pathname)) continue;
    const query = new URLSearchParams();
    for (const name of ["q", "w", "from", "to"]) {
      const value = here.get(name);
      if (value) query.set(name, value);
    }
    link.search = query.toString();
  }
}

/** Changes the address: a step for the back button, or in place. @param {string | URL} url @param {"push" | "replace"} how */
export function setAddress(url, how) {
  history[how === "push" ? "pushState" : "replaceState"](null, "", url);
}

// Theme: told to the server by a cookie, so that pages come in the right colours at once.
const themes = /** @type {const} */ (["system", "light", "dark"]);

function theme() {
  const now = document.documentElement.dataset.theme;
  return now === "light" || now === "dark" ? now : "system";
}

function nextTheme() {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  document.cookie = `xrc-theme=${next}; path=/; SameSite=Strict; max-age=31536000`;
  showTheme();
  say(`Theme: ${next}`);
}

function showTheme() {
  const button = find("#theme");
  if (button) button.textContent = `Theme: ${theme()}`;
}

async function help() {
  const { ok, nodes } = await fetchPart("/about", "keys");
  if (!ok) return location.assign("/about");
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keys");
  const close = document.createElement("button");
  close.textContent = "Close";
  close.autofocus = true;
  close.addEventListener("click", () => dialog.close());
  dialog.append(...nodes, switchOff(), close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A box that switches single keys off. */
function switchOff() {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  bindSwitch(box);
  const line = document.createElement("p");
  label.append(box, " Single keys are off");
  line.append(label);
  return line;
}

/** @param {HTMLInputElement} box */
function bindSwitch(box) {
  box.disabled = false;
  box.checked = keysAreOff();
  box.addEventListener("change", () => remember("keys", box.checked ? "off" : "on"));
}

/** @param {string} path */
function go(path) {
  const link = [...document.querySelectorAll(".rail nav a")].find((link) => link instanceof HTMLAnchorElement && link.pathname === path);
  location.assign(link instanceof HTMLAnchorElement ? link.href : path);
}

onKey("/", () => {
  const box = /** @type {HTMLInputElement | null} */ (find("#q"));
  box?.focus();
  box?.select();
});
onKey("?", help);
onKey("t", nextTheme);
onKey("Y", () => copy(location.href, "Link"));
onKey("g t", () => go("/traces"));
onKey("g m", () => go("/map"));
onKey("g l", () => go("/live"));
onKey("g s", () => go("/sampling"));
onKey("g d", () => go("/diagnostics"));

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.removeAttribute("hidden");
  button.addEventListener("click", () => {
    const from = find(button.getAttribute("data-copy") ?? "");
    if (from) copy(from.textContent ?? "", "Text");
  });
}
const themeButton = find("#theme");
if (themeButton) {
  themeButton.removeAttribute("hidden");
  themeButton.addEventListener("click", nextTheme);
  showTheme();
}
find("#help")?.addEventListener("click", (event) => {
  event.preventDefault();
  help();
});
const off = find("#keys-off");
if (off instanceof HTMLInputElement) bindSwitch(off);
// Another time is chosen: the list follows at once.
find("#w")?.addEventListener("change", () => {
  const form = find("#filter");
  if (form instanceof HTMLFormElement) form.requestSubmit();
});
