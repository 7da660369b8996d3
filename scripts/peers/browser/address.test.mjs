// Every view has an address that makes it again, in another window.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { PATIENCE, browser, console_, open, tracePath, waterfall } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
const shop = await xrc.shop(100);
const failed = shop.find((document) => document.fault && !document.parent_id);

const names = (page) => page.locator("[role=row][aria-level] .name").allInnerTexts();
const shape = async (page) => ({
  names: await names(page),
  open: await page.locator("[role=row][aria-level]").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-expanded"))),
  ruler: await page.locator("#ruler text").allInnerTexts(),
});

/** Waits until a page has this shape: the rows that an address names are asked for once the page is there. */
async function settles(page, expected) {
  const until = Date.now() + PATIENCE;
  while (!isDeepStrictEqual(await shape(page), expected) && Date.now() < until) await page.waitForTimeout(20);
  assert.deepEqual(await shape(page), expected);
}

/** The same address in a window of its own. */
async function again(t, page, ready) {
  const other = await open(t, chromium);
  await other.goto(page.url());
  await ready(other);
  return other;
}

test("closed rows and the zoom of a trace", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}${tracePath(failed)}`);
  await waterfall(page);
  const steps = await page.evaluate(() => history.length);
  const all = await names(page);

  // One row that has others beneath it, not the first.
  const row = page.locator("[role=row][aria-level][aria-expanded=true]").nth(1);
  await row.locator(".name").click();
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL(/closed=[0-9a-f]{16}/);
  await page.keyboard.press("w");
  await page.waitForURL(/z=[\d.]+%2C/);
  const closed = await shape(page);
  assert.ok(closed.names.length < all.length);
  const other = await again(t, page, waterfall);
  await settles(other, closed);
  assert.equal(await page.evaluate(() => history.length), steps + 1, "the selected row is a step, the rest is not");

  // All closed, and one of them opened.
  await page.keyboard.press("[");
  await page.waitForURL(/closed=all/);
  await page.keyboard.press("l");
  await page.waitForURL(/[?&]open=[0-9a-f]{16}/);
  const opened = await shape(page);
  await settles(await again(t, page, waterfall), opened);
  await page.keyboard.press("]");
  await page.waitForURL((url) => !url.search.includes("closed") && !url.search.includes("open"));
  assert.deepEqual(await names(page), all);
});

test("closed rows without JavaScript", async (t) => {
  const page = await open(t, chromium, { javaScriptEnabled: false });
  await page.goto(`${xrc.url}${tracePath(failed)}?closed=${failed.id}`);
  const beneath = await page.locator("[role=row][aria-level]").count();
  await page.goto(`${xrc.url}${tracePath(failed)}`);
  assert.ok((await page.locator("[role=row][aria-level]").count()) > beneath);
});

test("what of the map is in view", async (t) => {
  const page = await open(t, chromium);
  const drawn = (page) => page.locator("#map-drawing a.node").first().waitFor();
  const view = (page) => page.locator("#map-drawing").getAttribute("viewBox");
  await page.goto(`${xrc.url}/map?w=1h`);
  await drawn(page);
  const all = await view(page);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await page.keyboard.press("d");
  await page.waitForURL(/z=-?\d+%2C-?\d+%2C\d+%2C\d+/);
  const round = (text) => text.split(" ").map((number) => Math.round(Number(number)));
  const other = await again(t, page, drawn);
  assert.deepEqual(round(await view(other)), round(await view(page)));
  // It stays while a node is selected, and can be taken back.
  await other.locator("#map-picture a.node").nth(2).click({ force: true });
  await other.waitForURL(/sel=.*z=|z=.*sel=/);
  await other.getByRole("button", { name: "All" }).click();
  await other.waitForURL((url) => !url.search.includes("z="));
  assert.equal(await view(other), all);
});

test("from a trace to its map and back", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}${tracePath(failed)}`);
  await waterfall(page);
  await page.locator("#trace-head").getByRole("link", { name: "map" }).click();
  await page.waitForURL(/\/map\?trace=/);
  assert.equal(await page.locator("#command").innerText(), `xrc map --trace ${failed.trace_id}`);
  const root = page.locator("#map-picture a.node", { hasText: failed.name }).last();
  await root.click();
  await page.waitForURL(/sel=/);
  await page.locator("#map-panel").getByRole("link", { name: /See all/ }).click();
  await page.waitForURL(new RegExp(`/t/${failed.trace_id}\\?find=`));
  await page.locator("[role=row].found").first().waitFor();
});
