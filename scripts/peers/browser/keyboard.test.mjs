// The same way and more without a mouse.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, open, waterfall } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
await xrc.shop(100);

/** What has the focus, in a few words. */
const focused = (page) => page.evaluate(() => `${document.activeElement?.tagName} ${document.activeElement?.id} ${document.activeElement?.className?.baseVal ?? document.activeElement?.className}`);

test("filter, list, trace, details and back by keys alone", async (t) => {
  const page = await open(t, chromium);
  const { keyboard } = page;
  await page.goto(`${xrc.url}/traces?w=1h`);
  await page.locator("tr[data-id]").first().waitFor();

  await keyboard.press("/");
  await page.waitForFunction(() => document.activeElement?.id === "q");
  await keyboard.type("fault");
  await keyboard.press("Enter");
  await page.waitForURL(/q=fault/);
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll("tr[data-id]")];
    return rows.length > 0 && rows.every((row) => row.getAttribute("data-mark") === "fault");
  });

  await keyboard.press("Escape");
  await keyboard.press("j");
  await page.waitForFunction(() => document.activeElement?.closest("tr[data-id]") !== null);
  await keyboard.press("Enter");
  await page.waitForURL(/\/t\/1-/);
  await waterfall(page);

  await keyboard.press("j");
  await page.waitForFunction(() => document.activeElement?.closest("[role=treegrid]") !== null);
  await keyboard.press("j");
  await keyboard.press("Enter");
  await page.locator("#detail:not([hidden])").waitFor();
  await page.waitForURL(/sel=/);
  await keyboard.press("Escape");
  await page.locator("#detail").waitFor({ state: "hidden" });

  await keyboard.press("g");
  await keyboard.press("m");
  await page.waitForURL(/\/map/);
  await keyboard.press("g");
  await keyboard.press("t");
  await page.waitForURL(/\/traces/);
});

test("rows are opened and closed, faults found, by the keys the help names", async (t) => {
  const page = await open(t, chromium);
  const { keyboard } = page;
  await page.goto(`${xrc.url}/traces?w=1h&q=fault`);
  await page.locator('tr[data-mark="fault"] a[href^="/t/"]').first().click();
  const rows = page.locator("[role=treegrid] [role=row][aria-level]");
  await waterfall(page);
  const all = await rows.count();
  await keyboard.press("[");
  await page.waitForFunction((all) => document.querySelectorAll("[role=row][aria-level]").length < all, all);
  await keyboard.press("]");
  await page.waitForFunction((all) => document.querySelectorAll("[role=row][aria-level]").length === all, all);
  await keyboard.press("e");
  await page.waitForFunction(() => document.activeElement?.closest("[role=row]")?.querySelector("[aria-label=fault]") !== null);

  await keyboard.press("?");
  const help = page.getByRole("dialog");
  await help.waitFor();
  for (const key of ["/", "j", "g t", "g m", "[", "]", "e", "Esc"]) {
    assert.ok((await help.innerText()).includes(key), `the help names ${key}`);
  }
  await keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
});

test("the map: by Tab to a node, its panel, and back to the node", async (t) => {
  const page = await open(t, chromium);
  const { keyboard } = page;
  await page.goto(`${xrc.url}/map?w=1h`);
  await page.locator("#map-drawing").waitFor();
  let steps = 0;
  while (!/node/.test(await focused(page))) {
    assert.ok(++steps < 80, `no node after ${steps} steps, but ${await focused(page)}`);
    await keyboard.press("Tab");
  }
  await keyboard.press("Enter");
  await page.locator("#map-panel").waitFor();
  assert.match(await focused(page), /node/, "the focus stays");
  await keyboard.press("Escape");
  await page.locator("#map-panel").waitFor({ state: "detached" });
  assert.match(await focused(page), /node/, "the focus stays");
  const before = await page.locator("#map-drawing").getAttribute("viewBox");
  await keyboard.press("w");
  assert.notEqual(await page.locator("#map-drawing").getAttribute("viewBox"), before);
  await keyboard.press("0");
  assert.equal(await page.locator("#map-drawing").getAttribute("viewBox"), before);
});

test("single keys can be switched off, and do nothing while one types", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/traces?w=1h`);
  await page.keyboard.press("/");
  await page.keyboard.type("gm?t");
  assert.equal(new URL(page.url()).pathname, "/traces");
  assert.equal(await page.locator("#q").inputValue(), "gm?t");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  const box = page.getByRole("dialog").getByRole("checkbox");
  await box.check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  assert.notEqual(await page.evaluate(() => document.activeElement?.id), "q");
});
