// The README's pictures: the shop of `xrc demo` as list, timeline and map. The shop tells the same story every time; only
// the times of day are others.
//
//     scripts/peers/browser.sh --pictures

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { browser, console_, open, waterfall } from "./harness.mjs";
import { indexed } from "./png.mjs";

/** Bytes of a picture at most. */
const LARGEST = 100_000;

const folder = process.env.PICTURES ?? assert.fail("PICTURES is not set; run scripts/peers/browser.sh --pictures");
const xrc = await console_();
const chromium = await browser();
// Numbered so that one of the last requests is the one that fails at Stripe, and the gateway with it.
const demo = ["--addr", xrc.address, "demo", "--requests", "600", "--seed", "19"];
await promisify(execFile)(process.env.XRC, demo);

const pictures = {
  list: async (page) => {
    await page.goto(`${xrc.url}/traces?w=5m`);
    await page.locator("tr[data-id]").first().waitFor();
  },
  timeline: async (page) => {
    const failed = encodeURIComponent('service("api.stripe.com") { fault } AND fault');
    await page.goto(`${xrc.url}/traces?w=15m&q=${failed}`);
    await page.locator('tr[data-mark="fault"] a[href^="/t/"]').first().click();
    await waterfall(page);
    // The function, whose exception says why.
    await page.locator("[role=row][aria-level]", { hasText: "payment-lambda" }).nth(2).click();
    await page.locator("#detail:not([hidden])").waitFor();
  },
  map: async (page) => {
    await page.goto(`${xrc.url}/map?w=5m`);
    await page.locator("#map-picture a.node", { hasText: "api.stripe.com" }).click();
    await page.locator("#map-panel").waitFor();
  },
};

for (const [name, show] of Object.entries(pictures)) {
  test(name, async (t) => {
    const page = await open(t, chromium, { colorScheme: "light", viewport: { width: 1280, height: 720 } });
    await show(page);
    // Neither focus nor pointer is part of the picture.
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement?.blur());
    const file = path.join(folder, `${name}.png`);
    const picture = indexed(await page.screenshot());
    writeFileSync(file, picture);
    t.diagnostic(`${file}: ${picture.length} bytes`);
    assert.ok(picture.length < LARGEST, `${picture.length} bytes`);
  });
}
