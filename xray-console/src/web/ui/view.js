// @ts-check
// How somebody looks at a trace: the fields above the rows, and the page's address, as trace/view.rs reads it.

/** @typedef {import("./rows.js").Span} Span */

/** Fields, what they are in the address, and their value there. */
const BOXES = /** @type {const} */ ([["only", "only", "1"], ["critical", "critical", "1"], ["unfolded", "fold", "0"]]);

/** @template {HTMLElement} T @param {string} id @returns {T} */
export function field(id) {
  return /** @type {T} */ (document.getElementById(id));
}

const input = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (field(id));

export class View {
  constructor() {
    /** Microseconds. @type {Span | null} */
    this.zoom = null;
    /** Every row is closed, but those that were opened since. */
    this.allClosed = false;
    /** The address's ids of the rows that are closed, or open where all are closed. */
    this.ids = "";
    this.read();
  }

  get text() {
    return input("find").value.trim();
  }

  /** Microseconds. */
  get least() {
    return (Number(input("min").value) || 0) * 1e3;
  }

  /** @param {"only" | "critical" | "unfolded"} id */
  isOn(id) {
    return input(id).checked;
  }

  read() {
    const asked = new URL(location.href).searchParams;
    const zoom = (asked.get("z") ?? "").split(",").map(Number);
    this.zoom = zoom.length === 2 && zoom[0] < zoom[1] ? { from: zoom[0] * 1e6, to: zoom[1] * 1e6 } : null;
    this.allClosed = asked.get("closed") === "all";
    this.ids = asked.get(this.allClosed ? "open" : "closed") ?? "";
    input("find").value = asked.get("find") ?? "";
    input("min").value = asked.get("min") ?? "";
    for (const [id, name, value] of BOXES) input(id).checked = asked.get(name) === value;
  }

  /** The address of this page as it is now. */
  address() {
    const url = new URL(location.href);
    /** @param {string} name @param {string} value */
    const put = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
    const seconds = (/** @type {number} */ micros) => String(Number((micros / 1e6).toPrecision(9)));
    put("z", this.zoom ? `${seconds(this.zoom.from)},${seconds(this.zoom.to)}` : "");
    put("closed", this.allClosed ? "all" : this.ids);
    put("open", this.allClosed ? this.ids : "");
    put("find", this.text);
    put("min", this.least > 0 ? String(this.least / 1e3) : "");
    for (const [id, name, value] of BOXES) put(name, this.isOn(id) ? value : "");
    put("first", "");
    url.hash = "";
    return url;
  }

  /** A part of the page that is data. @param {Record<string, string>} asked @returns {Promise<any>} */
  async ask(asked) {
    const url = this.address();
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }
}
