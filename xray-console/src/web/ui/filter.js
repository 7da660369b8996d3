// @ts-check
// Completion in the filter box: words of the language, and names that were seen lately. It opens while one types or by
// Ctrl+Space; arrows choose, Tab or Enter take, Escape leaves the box.

import { find } from "./base.js";

/**
 * @typedef {{keywords: string[], services: string[], urls: string[], users: string[], annotations: Record<string, string[]>}} Words
 * @typedef {{text: string, what: string}} Offer
 */

/** Offers shown at once. */
const MOST = 12;
/** Milliseconds after which names are asked for again. */
const OLD = 30000;

/** @type {Words | null} */
let words = null;
let asked = -OLD;
let asking = Promise.resolve();
/** @type {HTMLUListElement | null} */
let list = null;
/** @type {Offer[]} */
let offers = [];
let chosen = -1;
/** Where the word begins that is completed. */
let from = 0;

const box = /** @type {HTMLInputElement | null} */ (find("#q"));

const quoted = (/** @type {string} */ text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** Who types while they are on their way waits for the same answer. */
function ask() {
  if (performance.now() - asked < OLD) return asking;
  asked = performance.now();
  asking = (async () => {
    try {
      const response = await fetch("/traces?part=words");
      if (response.ok) words = await response.json();
    } catch {
      // The box works without.
    }
  })();
  return asking;
}

/** Keywords whose values are known. @returns {[RegExp, string[], string][]} */
const values = () => [
  [/\b(?:service|edge)\(\s*(?:"(?:[^"\\]|\\.)*"\s*,\s*)?("?[^"(){}]*)$/i, words?.services.map(quoted) ?? [], "service"],
  [/\bhttp\.url\s*(?:=|!=)\s*("?[^"]*)$/i, words?.urls.map(quoted) ?? [], "URL"],
  [/\buser\s*(?:=|!=)\s*("?[^"]*)$/i, words?.users.map(quoted) ?? [], "user"],
  [/\bhttp\.method\s*=\s*("?[^"]*)$/i, ["GET", "POST", "PUT", "PATCH", "DELETE"].map(quoted), "method"],
];

/** What the text before the caret may go on with. @param {string} before @returns {Offer[]} */
function offersFor(before) {
  if (!words) return [];
  for (const [place, known, what] of values()) {
    const begun = place.exec(before)?.[1];
    if (begun !== undefined) return fitting(begun, known, what);
  }
  const annotation = /\bannotation(?:\.([\w.-]+)|\["((?:[^"\\]|\\.)*)"\])\s*(?:=|!=)\s*("?[^"\s]*)$/i.exec(before);
  if (annotation) {
    const key = annotation[1] ?? annotation[2].replace(/\\(["\\])/g, "$1");
    return fitting(annotation[3], Object.hasOwn(words.annotations, key) ? words.annotations[key] : [], `annotation ${key}`);
  }
  // Inside of a text there is nothing to offer.
  if ((before.replace(/\\./g, "").match(/"/g) ?? []).length % 2 === 1) return [];
  const word = /[\w.]*$/.exec(before)?.[0] ?? "";
  const keys = Object.keys(words.annotations).map((key) => (/^[\w.-]+$/.test(key) ? `annotation.${key}` : `annotation[${quoted(key)}]`));
  const afterCondition = /[\w")}\]]\s+[\w.]*$/.test(before) && !/(?:^|[({]|\b(?:AND|OR)|!)\s*[\w.]*$/i.test(before);
  const joins = ["AND", "OR", "CONTAINS", "BEGINSWITH", "ENDSWITH"];
  const all = [
    ...fitting(word, afterCondition ? joins : [], "operator"),
    ...fitting(word, words.keywords.filter((keyword) => !joins.includes(keyword)), "keyword"),
    ...(word.length > 0 ? fitting(word, keys, "annotation") : []),
  ];
  return word === "" && !afterCondition ? all.slice(0, 8) : all;
}

/** @param {string} begun @param {string[]} known @param {string} what @returns {Offer[]} */
function fitting(begun, known, what) {
  const start = begun.toLowerCase();
  const plain = start.replace(/^"/, "");
  const begins = known.filter((word) => word.toLowerCase().startsWith(start) && word.toLowerCase() !== start);
  const holds = known.filter((word) => plain.length > 1 && !begins.includes(word) && word.toLowerCase().includes(plain) && word.toLowerCase() !== start);
  return [...begins, ...holds].map((text) => ({ text, what }));
}

function close() {
  list?.remove();
  list = null;
  offers = [];
  chosen = -1;
  box?.setAttribute("aria-expanded", "false");
  box?.removeAttribute("aria-activedescendant");
}

async function open() {
  await ask();
  if (!box || document.activeElement !== box) return;
  const caret = box.selectionStart ?? box.value.length;
  const before = box.value.slice(0, caret);
  offers = offersFor(before).slice(0, MOST);
  if (offers.length === 0) return close();
  const begun = common(before, offers);
  from = caret - begun;
  list?.remove();
  list = document.createElement("ul");
  list.className = "words";
  list.id = "words";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Completions");
  chosen = -1;
  offers.forEach((offer, index) => {
    const item = document.createElement("li");
    item.id = `word-${index}`;
    item.setAttribute("role", "option");
    const what = document.createElement("span");
    what.textContent = offer.what;
    item.append(offer.text, what);
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      take(index);
    });
    list?.append(item);
  });
  box.after(list);
  box.setAttribute("aria-expanded", "true");
}

/** How many characters before the caret the offers take the place of. @param {string} before @param {Offer[]} offers */
function common(before, offers) {
  const isValue = offers[0]?.text.startsWith('"');
  const begun = isValue ? /"?[^"(){},=]*$/.exec(before)?.[0] : /[\w.-]*$/.exec(before)?.[0];
  return (begun ?? "").trimStart().length;
}

/** @param {number} index */
function choose(index) {
  chosen = (index + offers.length) % offers.length;
  list?.querySelectorAll("li").forEach((item, place) => {
    item.setAttribute("aria-selected", String(place === chosen));
    if (place === chosen) {
      item.scrollIntoView({ block: "nearest" });
      box?.setAttribute("aria-activedescendant", item.id);
    }
  });
}

/** @param {number} index */
function take(index) {
  const offer = offers[index];
  if (!box || !offer) return;
  const caret = box.selectionStart ?? box.value.length;
  const rest = box.value.slice(caret);
  const call = /^(?:service|edge)$/.test(offer.text);
  const text = call ? `${offer.text}("` : offer.text;
  box.value = box.value.slice(0, from) + text + (offer.text.startsWith('"') && rest.startsWith('"') ? rest.slice(1) : rest);
  box.setSelectionRange(from + text.length, from + text.length);
  close();
  if (call) open();
}

if (box) {
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-expanded", "false");
  box.setAttribute("aria-controls", "words");
  box.addEventListener("input", open);
  box.addEventListener("focus", ask);
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      open();
      return;
    }
    if (!list) {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        open();
      }
      return;
    }
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Tab" && !event.shiftKey) take(Math.max(0, chosen));
    else if (event.key === "Enter" && chosen >= 0) take(chosen);
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
}
