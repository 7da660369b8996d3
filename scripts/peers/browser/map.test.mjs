// The map: panels, links, the same numbers as a table, and moving about.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, open } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
await xrc.shop(100);

const node = (page, name) => page.locator("#map-picture a.node", { hasText: name }).first();

test("a node's panel, its faults as a list, and back", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h`);
  await node(page, "api.stripe.com").click();
  const panel = page.locator("#map-panel");
  await panel.waitFor();
  await page.waitForURL(/sel=/);
  const selected = page.url();
  for (const text of ["p50", "p90", "p99", "requests", "rate"]) assert.ok((await panel.innerText()).includes(text), text);
  assert.ok((await panel.locator("svg.histogram rect").count()) > 3);
  await panel.getByRole("link", { name: "3 fault" }).click();
  await page.waitForURL(/\/traces\?/);
  assert.equal(new URL(page.url()).searchParams.get("q"), 'service("api.stripe.com") { fault }');
  assert.equal(await page.locator("tr[data-id]").count(), 3);
  await page.goBack();
  await page.waitForURL(selected);
  await panel.waitFor();
  await page.goBack();
  await panel.waitFor({ state: "detached" });
});

test("an edge's panel, and the queue's wait", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h`);
  await page.locator("#map-picture a.label", { hasText: "messages from orders-queue to shipping" }).click();
  const panel = page.locator("#map-panel");
  await panel.waitFor();
  assert.match(await panel.innerText(), /waited/);
  assert.match(await panel.innerText(), /4m12s/);
  await panel.getByRole("link", { name: "orders-queue", exact: true }).click();
  await page.locator("#map-panel h2", { hasText: /^orders-queue$/ }).waitFor();
});

test("picture and table tell the same", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h`);
  const drawn = await page.locator("#map-picture a[data-key]").evaluateAll((links) => links.map((link) => link.getAttribute("data-key")).sort());
  const listed = await page.locator("#map-tables a[data-key]").evaluateAll((links) => links.map((link) => link.getAttribute("data-key")).sort());
  assert.deepEqual(listed, drawn);
  const row = page.locator("#map-tables tr", { hasText: "api.stripe.com" }).first();
  assert.match(await row.innerText(), /99\s.*97\.0 %\s+0\s+0\s+3\.0 %/s);
});

test("a filter makes the map of what it means", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h&q=${encodeURIComponent("throttle")}`);
  assert.match(await page.locator("#map-size").innerText(), /2 traces/);
  assert.equal(await node(page, "api.stripe.com").count(), 0);
  assert.match(await page.locator("#command").innerText(), /^xrc map throttle --since 1h$/);
  await page.goto(`${xrc.url}/map?w=1h&q=${encodeURIComponent('service("nobody")')}`);
  await page.getByText("No trace of this time matches").waitFor();
});

test("it is moved and enlarged by mouse and wheel, and a drag is no click", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h`);
  const svg = page.locator("#map-drawing");
  const view = async () => (await svg.getAttribute("viewBox")).split(" ").map(Number);
  const all = await view();
  const box = await node(page, "order-service").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + 20];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 50, y + 30, { steps: 4 });
  await page.mouse.up();
  const moved = await view();
  assert.ok(moved[0] < all[0] && moved[1] < all[1], `${moved}`);
  assert.ok(!page.url().includes("sel="), "a drag selects nothing");
  await page.getByRole("button", { name: "Zoom in" }).click();
  assert.ok((await view())[2] < all[2]);
  await page.getByRole("button", { name: "All" }).click();
  assert.deepEqual(await view(), all);
  await page.keyboard.down("Control");
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -100);
  await page.keyboard.up("Control");
  await page.waitForFunction((width) => Number(document.querySelector("#map-drawing").getAttribute("viewBox").split(" ")[2]) < width, all[2]);
});
