// Traces as large as anybody has: 10,000 and 50,000 subsegments.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, id, now, open, segment, tracePath } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();

/** Most elements of the whole page. */
const ELEMENTS = 400;
/** Bytes for each 10,000 rows, compressed. Source: the pages' budget. */
const BYTES = 120_000;

/** A segment and so many subsegments, in documents as small as those a program streams. */
function large(count) {
  const root = segment("import", { start_time: now() - 60, end_time: now() - 1 });
  const documents = [root];
  const names = ["SELECT rows", "PUT item", "validate", "api.partner.example", "render"];
  for (let first = 0; first < count; first += 100) {
    const start = root.start_time + (59 * first) / count;
    const row = (at) => ({ name: names[(first + at) % names.length], id: id(), start_time: start + at / 1e3, end_time: start + (at + 1 + (at % 7)) / 1e3, ...(at === 50 ? { fault: true } : {}) });
    documents.push({
      name: `batch ${first / 100}`, id: id(), trace_id: root.trace_id, parent_id: root.id, type: "subsegment",
      start_time: start, end_time: start + 0.11, subsegments: Array.from({ length: 99 }, (_, at) => row(at)),
    });
  }
  return documents;
}

for (const count of [10_000, 50_000]) {
  test(`${count} subsegments: few elements, bytes under budget, scrolls`, async (t) => {
    const documents = large(count);
    await xrc.put(documents);
    const path = tracePath(documents[0]);
    const zipped = { "accept-encoding": "gzip" };
    const html = (await xrc.get(path, zipped)).body.length;
    const columns = (await xrc.get(`${path}?part=columns`, zipped)).body.length;
    t.diagnostic(`${count} rows: ${html} bytes of HTML, ${columns} bytes of columns`);
    assert.ok(html <= 15_000, `${html} bytes of HTML`);
    assert.ok(columns <= (BYTES * count) / 10_000, `${columns} bytes of columns`);

    const page = await open(t, chromium);
    const began = Date.now();
    await page.goto(`${xrc.url}${path}`);
    // The script has all rows.
    await page.locator(`[role=treegrid][aria-rowcount="${count + 2}"]`).waitFor();
    await page.locator("[role=row][aria-level]").first().waitFor();
    const loaded = Date.now() - began;
    const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
    const most = [await elements()];

    await page.locator("[role=treegrid]").hover();
    const { frames, last } = await page.evaluate(scroll);
    most.push(await elements());
    frames.sort((a, b) => a - b);
    const at = (share) => frames[Math.min(frames.length - 1, Math.floor(frames.length * share))].toFixed(1);
    t.diagnostic(`${count} rows: shown after ${loaded} ms; ${frames.length} frames, p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms; ${most} elements`);
    assert.ok(last > 0, "it scrolled");

    await page.locator("#find").fill("batch 77");
    await page.getByText(/1 \/ 1|1 of 1|1 match/).first().waitFor();
    most.push(await elements());
    assert.ok(Math.max(...most) < ELEMENTS, `${most} elements`);
  });
}

/** Scrolls from the top to the end in 60 steps, one a frame; in the page. Gives the frames' times and where it ended. */
async function scroll() {
  const row = document.querySelector("[role=row][aria-level]");
  let box = row?.parentElement ?? null;
  while (box && !(box.scrollHeight > box.clientHeight + 50 && /auto|scroll/.test(getComputedStyle(box).overflowY))) box = box.parentElement;
  const target = box ?? document.scrollingElement;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const frames = [];
  let before = await frame();
  for (let step = 1; step <= 60; step++) {
    target.scrollTop = ((target.scrollHeight - target.clientHeight) * step) / 60;
    const after = await frame();
    frames.push(after - before);
    before = after;
  }
  return { frames, last: target.scrollTop };
}
