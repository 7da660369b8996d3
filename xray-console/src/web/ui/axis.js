// @ts-check
// Moments as places on the screen, and as text; and what is drawn of the axis itself: times above the rows, gaps behind
// them, and what the minimap shows of the zoom.

import { find } from "./base.js";

/** @typedef {import("./rows.js").Span} Span */

/** A fold's share of the width, as timeline/axis.rs has it. */
const FOLD = 0.08;
/** Pixels between two times, at least. */
const APART = 80;

/** From moments to shares of the width and back. The same as timeline/axis.rs. */
export class Axis {
  /** @param {number} length @param {Span[]} folds */
  constructor(length, folds) {
    const folded = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
    const active = length - folded;
    const fold = Math.min(FOLD, 0.75 / Math.max(folds.length, 1));
    const rest = 1 - folds.length * fold;
    this.folds = folds;
    /** Microseconds to one width, outside of folds. */
    this.scale = rest > 0 ? active / rest : active;
    /** Moments and shares between which it is even. @type {[number, number][]} */
    this.points = [[0, 0]];
    let gone = 0;
    folds.forEach(({ from, to }, place) => {
      const share = (active > 0 ? ((from - gone) / active) * rest : 0) + place * fold;
      this.points.push([from, share], [to, share + fold]);
      gone += to - from;
    });
    this.points.push([length, active > 0 || folds.length ? 1 : 0]);
  }

  /** @param {number} moment */
  share(moment) {
    return between(this.points, moment, 0, 1);
  }

  /** @param {number} share */
  moment(share) {
    return between(this.points, share, 1, 0);
  }
}

/** @param {[number, number][]} points @param {number} value @param {0 | 1} from @param {0 | 1} to */
function between(points, value, from, to) {
  let last = points[0];
  for (const point of points) {
    if (value <= point[from]) {
      const width = point[from] - last[from];
      return width > 0 ? last[to] + ((Math.max(value, last[from]) - last[from]) / width) * (point[to] - last[to]) : point[to];
    }
    last = point;
  }
  return last[to];
}

/** Three digits at least, as text/format.rs writes them. @param {number} micros @returns {string} */
export function duration(micros) {
  const round = Math.round;
  /** @param {number} small @param {number} ratio @param {[string, string]} names */
  const pair = (small, ratio, names) => {
    const count = round(micros / (small * 1e6));
    return `${Math.floor(count / ratio)}${names[0]}${String(count % ratio).padStart(2, "0")}${names[1]}`;
  };
  if (micros < 0) return `-${duration(-micros)}`;
  if (micros < 1) return "0ms";
  if (micros < 1e3) return `${round(micros)}µs`;
  if (micros < 9995) return `${(round(micros / 10) / 100).toFixed(2)}ms`;
  if (micros < 99950) return `${(round(micros / 100) / 10).toFixed(1)}ms`;
  if (micros < 999500) return `${round(micros / 1e3)}ms`;
  if (micros < 59999500) return `${(round(micros / 1e3) / 1e3).toFixed(3)}s`;
  if (micros < 3599500000) return pair(1, 60, ["m", "s"]);
  if (micros < 86370000000) return pair(60, 60, ["h", "m"]);
  return pair(3600, 24, ["d", "h"]);
}

/** The part of an axis that is in sight. */
export class Scale {
  /** @param {Axis} axis @param {Span | null} zoom */
  constructor(axis, zoom) {
    const from = zoom ? axis.share(zoom.from) : 0;
    const of = zoom ? axis.share(zoom.to) - from : 1;
    const isNone = of < 1e-9;
    this.axis = axis;
    /** The share of the axis that is out of sight to the left, and the one in sight. */
    this.from = isNone ? 0 : from;
    this.of = isNone ? 1 : of;
  }

  /** Hundredths of the width. @param {number} moment */
  percent(moment) {
    return ((this.axis.share(moment) - this.from) / this.of) * 100;
  }

  /** @param {Element} rect @param {number} from @param {number} to */
  lay(rect, from, to) {
    const left = this.percent(from);
    const right = this.percent(to);
    const inside = right >= 0 && left <= 100;
    const x = Math.max(left, -1);
    rect.setAttribute("x", inside ? `${x.toFixed(3)}%` : "-10%");
    // What is of no width would not be drawn at all.
    rect.setAttribute("width", inside ? `${Math.max(0.05, Math.min(right, 101) - x).toFixed(3)}%` : "0");
  }
}

/** @param {string} name @param {Record<string, string>} [attributes] */
export function svg(name, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** @param {Scale} scale @param {number} start @param {number} end the moments in sight */
export function drawRuler(scale, start, end) {
  const ruler = find("#ruler");
  if (!ruler) return;
  const { axis } = scale;
  const wanted = axis.scale * scale.of * Math.max(0.05, APART / (ruler.clientWidth || 600));
  const parts = [];
  /** @param {number} moment */
  const tick = (moment) => {
    const x = `${scale.percent(moment).toFixed(3)}%`;
    const text = svg("text", { x, y: "12" });
    text.textContent = duration(moment);
    parts.push(svg("line", { x1: x, x2: x, y1: "14", y2: "20" }), text);
  };
  if (start <= 0) tick(0);
  if (wanted > 0 && Number.isFinite(wanted)) {
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = ([1, 2, 5, 10].find((times) => times * power >= wanted) ?? 10) * power;
    let moment = start <= 0 ? step : Math.ceil(start / step) * step;
    for (let round = 0; round < 60 && moment < end; round++) {
      const fold = axis.folds.find(({ from, to }) => from <= moment && moment < to);
      if (fold) moment = (Math.floor(fold.to / step) + 1) * step;
      else {
        tick(moment);
        moment += step;
      }
    }
  }
  for (const { from, to } of axis.folds) {
    const rect = svg("rect", { class: "fold", y: "0", height: "24" });
    scale.lay(rect, from, to);
    const text = svg("text", { x: `${scale.percent(from).toFixed(3)}%`, y: "12" });
    text.textContent = `╱╱ ${duration(to - from)}`;
    parts.push(rect, text);
  }
  ruler.replaceChildren(...parts);
}

/** @param {Scale} scale */
export function drawFolds(scale) {
  const folds = find("#folds");
  if (!(folds instanceof SVGElement)) return;
  const ruler = find("#ruler");
  folds.style.width = ruler ? `${ruler.clientWidth}px` : "";
  const rects = scale.axis.folds.map(({ from, to }) => {
    const rect = svg("rect", { class: "fold", y: "0", height: "100%" });
    scale.lay(rect, from, to);
    return rect;
  });
  folds.replaceChildren(...rects);
}

/** @param {Scale} scale */
export function drawWindow(scale) {
  const map = find("#minimap");
  if (!(map instanceof SVGSVGElement)) return;
  let window = map.querySelector(".window");
  if (scale.of === 1) return window?.remove();
  if (!window) window = map.appendChild(svg("rect", { class: "window", y: "0", height: "32" }));
  const width = map.viewBox.baseVal.width;
  window.setAttribute("x", String(scale.from * width));
  window.setAttribute("width", String(scale.of * width));
}
