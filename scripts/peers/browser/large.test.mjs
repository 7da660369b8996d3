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
  // Numbers without a pattern that would compress better than anybody's: Park and Miller's generator.
  let state = count;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const names = ["SELECT rows", "PUT item", "validate", "api.partner.example", "render"];
  for (let first = 0; first < count; first += 100) {
    const start = root.start_time + (59 * first) / count;
    const row = () => {
      const at = start + random() * 0.1;
      const name = random() < 0.2 ? `row ${Math.floor(random() * count)}` : names[Math.floor(random() * names.length)];
      return { name, id: id(), start_time: at, end_time: at + random() ** 3 * 0.1, ...(random() < 0.01 ? { fault: true } : {}) };
    };
    documents.push({
      name: `batch ${first / 100}`, id: id(), trace_id: root.trace_id, parent_id: root.id, type: "subsegment",
      start_time: start, end_time: start + 0.2, subsegments: Array.from({ length: 99 }, row),
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
    // The script has all rows, and draws those in sight.
    await page.locator("#trace.windowed [role=row][aria-level]").first().waitFor();
    assert.equal(await page.locator("[role=treegrid]").getAttribute("aria-rowcount"), String(count + 2));
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
  const target = document.querySelector("#rows");
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
