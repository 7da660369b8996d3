// @ts-check
// The rows of a trace as columns of numbers, with what follows from them: 50,000 are three megabytes, not 50,000 objects.
// Times are microseconds since the trace began. Text comes fit to be shown.

const OPEN = 4;
const CRITICAL = 8;
export const WAIT = 3;
export const ORPHAN = 4;

/**
 * @typedef {object} Columns
 * @property {number} revision
 * @property {number | null} now seconds since the epoch, if open rows are drawn up to now
 * @property {boolean} live
 * @property {number} start seconds since the epoch
 * @property {number} length
 * @property {string[]} labels
 * @property {number[]} label
 * @property {number[]} depth
 * @property {number[]} begin
 * @property {number[]} took
 * @property {number[]} flags
 * @property {[number, number, number][]} idle
 * @property {[number, number][]} folds
 */

/** @typedef {{from: number, to: number}} Span */

/** The rows of a trace, with what follows from them. */
export class Rows {
  /** @param {Columns} columns */
  constructor(columns) {
    const count = columns.label.length;
    this.count = count;
    this.start = columns.start;
    this.length = columns.length;
    this.labels = columns.labels;
    this.label = Uint32Array.from(columns.label);
    this.depth = Uint32Array.from(columns.depth);
    this.flags = Uint8Array.from(columns.flags);
    this.took = Float64Array.from(columns.took);
    this.begin = new Float64Array(count);
    this.parent = new Int32Array(count).fill(-1);
    /** The first row that is not beneath it. */
    this.next = new Uint32Array(count).fill(count);
    this.folds = columns.folds.map(([from, to]) => ({ from, to }));
    /** @type {Map<number, Span>} */
    this.idle = new Map();
    let at = 0;
    /** @type {number[]} */
    const above = [];
    for (let row = 0; row < count; row++) {
      at += columns.begin[row];
      this.begin[row] = at;
      while (above.length > this.depth[row]) this.next[/** @type {number} */ (above.pop())] = row;
      if (above.length) this.parent[row] = above[above.length - 1];
      above.push(row);
    }
    for (const [row, from, long] of columns.idle) this.idle.set(row, { from: this.begin[row] + from, to: this.begin[row] + from + long });
  }

  /** @param {number} row */
  mark(row) {
    return this.flags[row] & 3;
  }

  /** @param {number} row */
  kind(row) {
    return this.flags[row] >> 4;
  }

  /** @param {number} row */
  isOpen(row) {
    return (this.flags[row] & OPEN) !== 0;
  }

  /** @param {number} row */
  isCritical(row) {
    return (this.flags[row] & CRITICAL) !== 0;
  }

  /** @param {number} row */
  hasChildren(row) {
    return this.next[row] > row + 1;
  }

  /** What finds a row again after the trace has changed. @param {number} row */
  key(row) {
    return `${Math.round(this.start * 1e6 + this.begin[row])} ${this.depth[row]} ${this.labels[this.label[row]]}`;
  }
}
