// Pictures of pages in 256 colours, a third of the bytes: Chromium writes a colour for every shade of every letter's edge.
//
// Reads what Chromium writes (8 bits, RGB or RGBA, not interlaced), and writes an indexed picture. Source: Portable Network
// Graphics (PNG) Specification, W3C, sections 5, 9 and 11.

import assert from "node:assert/strict";
import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Entries of a palette. */
const COLOURS = 256;

/** The same picture in few colours. @param {Buffer} png @returns {Buffer} */
export function indexed(png) {
  const { width, height, pixels } = decoded(png);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const palette = chosen(counts);
  const places = new Map(palette.map((colour, place) => [colour, place]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = pixels[y * width + x];
      if (!places.has(colour)) places.set(colour, nearest(colour, palette));
      rows[y * (width + 1) + 1 + x] = places.get(colour);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap(channels));
  const parts = [chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...parts]);
}

/** Each pixel as 0xRRGGBB. @param {Buffer} png */
function decoded(png) {
  assert.ok(png.subarray(0, 8).equals(SIGNATURE), "no PNG");
  const chunks = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12) {
    chunks.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + png.readUInt32BE(at)) });
  }
  const head = chunks[0].data;
  const [width, height, depth, type] = [head.readUInt32BE(0), head.readUInt32BE(4), head[8], head[9]];
  assert.ok(depth === 8 && (type === 2 || type === 6) && head[12] === 0, "not what Chromium writes");
  const size = type === 2 ? 3 : 4;
  const raw = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data)));
  const bytes = Buffer.alloc(width * height * size);
  const stride = width * size;
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= size ? bytes[at - size] : 0;
      const above = y > 0 ? bytes[at - stride] : 0;
      const corner = x >= size && y > 0 ? bytes[at - stride - size] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      bytes[at] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  const pixels = new Uint32Array(width * height);
  for (let at = 0; at < pixels.length; at++) pixels[at] = bytes.readUIntBE(at * size, 3);
  return { width, height, pixels };
}

function paeth(left, above, corner) {
  const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

/**
 * The colours that are kept: first the commonest of each kind of colour, those far from grey before others, for a mark of
 * a few pixels says by its colour what it is; then the commonest of all.
 * @param {Map<number, number>} counts
 */
function chosen(counts) {
  const common = [...counts].sort((a, b) => b[1] - a[1]);
  const kinds = new Map();
  for (const [colour, count] of common) {
    const parts = channels(colour);
    const kind = parts.map((part) => part >> 5).join();
    const weight = count * (1 + Math.max(...parts) - Math.min(...parts));
    const known = kinds.get(kind);
    if (known) known.weight += weight;
    else kinds.set(kind, { colour, weight });
  }
  const first = [...kinds.values()].sort((a, b) => b.weight - a.weight).slice(0, COLOURS / 2);
  const kept = new Set(first.map(({ colour }) => colour));
  for (const [colour] of common) if (kept.size < COLOURS) kept.add(colour);
  return [...kept];
}

const channels = (colour) => [colour >> 16, (colour >> 8) & 0xff, colour & 0xff];

function nearest(colour, palette) {
  const wanted = channels(colour);
  const distance = (other) => channels(other).reduce((sum, channel, at) => sum + (channel - wanted[at]) ** 2, 0);
  let best = 0;
  for (let place = 1; place < palette.length; place++) if (distance(palette[place]) < distance(palette[best])) best = place;
  return best;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

/** CRC-32 as PNG wants it. */
function crc(bytes) {
  let sum = 0xffff_ffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb8_8320 : 0);
  }
  return ~sum >>> 0;
}
