// @ts-check
// Counters that go on while one looks: the page is asked for again every two seconds, as long as it is visible.

import { fetchPart, find, localTimes } from "./base.js";

const BETWEEN = 2000;

async function refresh() {
  const view = find("#view");
  // Not under somebody's hands.
  const isUsed = view?.contains(document.activeElement) || String(getSelection()) !== "" || find("details[open]", view ?? document);
  if (document.hidden || isUsed) return;
  try {
    const { ok, nodes, title } = await fetchPart(location.href, "view");
    const fresh = nodes.find((node) => node instanceof Element && node.id === "view");
    if (!ok || !(fresh instanceof Element)) return;
    localTimes(fresh);
    view?.replaceWith(fresh);
    if (title) document.title = title;
  } catch {
    // The console is gone; what is shown stays.
  }
}
setInterval(refresh, BETWEEN);
