// JavaScript is switched off: lists, details, the map and the filter work as pages; what needs it says so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, everyPage, open, tracePath } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
const shop = await xrc.shop(100);

const without = { javaScriptEnabled: false };

test("the filter is a form, the list links to traces, a trace to its details", async (t) => {
  const page = await open(t, chromium, without);
  await page.goto(`${xrc.url}/traces?w=1h`);
  await page.locator("#q").fill("fault");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.waitForURL(/q=fault/);
  assert.equal(await page.locator("tr[data-id]").count(), 1);
  await page.locator('tr[data-id] a[href^="/t/"]').click();
  await page.waitForURL(/\/t\//);
  const row = page.locator("[role=row]", { hasText: "api.stripe.com" });
  assert.ok((await row.locator("svg.bar rect").count()) > 0, "bars are drawn");
  await row.first().getByRole("link").first().click();
  await page.waitForURL(/sel=/);
  assert.match(await page.locator("#detail").innerText(), /https:\/\/api\.stripe\.com\/v1\/charges/);
});

test("a trace is found in, folded and paged by links and forms", async (t) => {
  const page = await open(t, chromium, without);
  const failed = shop.find((document) => document.fault && !document.parent_id);
  await page.goto(`${xrc.url}${tracePath(failed)}`);
  const rows = page.locator("[role=row][aria-level]");
  const all = await rows.count();
  await page.locator("#find").fill("stripe");
  await page.locator("#only").check();
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/find=stripe/);
  assert.ok((await rows.count()) < all);
});

test("the map is drawn, and nodes and edges lead to panels", async (t) => {
  const page = await open(t, chromium, without);
  await page.goto(`${xrc.url}/map?w=1h`);
  await page.locator("#map-picture a.node", { hasText: "api.stripe.com" }).click();
  await page.waitForURL(/sel=/);
  assert.match(await page.locator("#map-panel").innerText(), /p99/);
  await page.locator("#map-panel").getByRole("link", { name: /fault/ }).click();
  await page.waitForURL(/\/traces/);
  assert.equal(await page.locator("tr[data-id]").count(), 3);
  await page.goBack();
  await page.getByRole("link", { name: /Close/ }).click();
  assert.equal(await page.locator("#map-panel").count(), 0);
});

test("every page says something, and none offers what does not work", async (t) => {
  const page = await open(t, chromium, { ...without, allow: [/404/, /400/] });
  for (const [name, path] of Object.entries(everyPage(shop))) {
    await page.goto(`${xrc.url}${path}`);
    const said = await page.locator("main, #filter-error").allInnerTexts();
    assert.ok(said.join("").length > 20, name);
    for (const button of await page.locator("button:visible").all()) {
      const type = await button.evaluate((button) => (button.form ? button.type : "alone"));
      assert.equal(type, "submit", `${name}: ${await button.innerText()}`);
    }
  }
  await page.goto(`${xrc.url}/live`);
  assert.match(await page.locator("main").innerText(), /JavaScript/);
});
