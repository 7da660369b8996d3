// The way everybody goes: the list, a filter, a trace, and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, open, segment, waterfall } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
await xrc.shop(100);

/** The traces that are listed. */
const listed = (page) => page.locator("tr[data-id]");

test("list, filter, open, back", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/traces?w=1h`);
  await listed(page).first().waitFor();
  const all = await listed(page).count();
  assert.ok(all >= 20, `${all} traces listed`);

  await page.locator("#q").fill('service("api.stripe.com") { fault }');
  await page.locator("#q").press("Enter");
  await page.waitForURL(/q=service/);
  await page.waitForFunction((all) => document.querySelectorAll("tr[data-id]").length < all, all);
  // Of a hundred requests of the shop three fail at Stripe: one with all, one is tried again, one goes on without.
  assert.equal(await listed(page).count(), 3);
  const list = page.url();
  assert.match(await page.locator("#command").innerText(), /^xrc traces 'service\("api\.stripe\.com"\) \{ fault \}' --since 1h$/);

  const failed = page.locator('tr[data-mark="fault"] a[href^="/t/"]').first();
  const id = await failed.evaluate((link) => new URL(link.href).pathname);
  await failed.click();
  await page.waitForURL((url) => url.pathname === id);
  await waterfall(page);
  assert.match(await page.locator("h1").innerText(), /POST \/orders.*FAULT/s);
  assert.match(await page.title(), /FAULT/);

  await page.goBack();
  await page.waitForURL(list);
  await listed(page).first().waitFor();
  assert.equal(await listed(page).count(), 3);
  assert.equal(await page.locator("#q").inputValue(), 'service("api.stripe.com") { fault }');
});

test("a filter that is none says where and why, and leaves what was there", async (t) => {
  const page = await open(t, chromium, { allow: [/400/] });
  await page.goto(`${xrc.url}/traces?w=1h`);
  await listed(page).first().waitFor();
  await page.locator("#q").fill("responsetme > 1");
  await page.locator("#q").press("Enter");
  const error = page.locator("#filter-error");
  await error.getByText("responsetime").first().waitFor();
  assert.match(await error.locator("pre").innerText(), /^responsetme > 1\n\^/);
  assert.ok((await listed(page).count()) > 0, "the old list stays");
});

test("what is typed is completed", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/traces?w=1h`);
  await page.locator("#q").pressSequentially("respo");
  const words = page.getByRole("option", { name: /responsetime/ });
  await words.first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#q").inputValue(), /^responsetime/);
});

test("dragging over the histogram limits the whole of a filter with OR", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/traces?w=1h&q=${encodeURIComponent("(fault) OR(ok)")}`);
  const { x, y, width, height } = await page.locator("#histogram svg").boundingBox();
  for (const [from, to] of [[0.1, 0.9], [0.2, 0.8]]) {
    const before = page.url();
    await page.mouse.move(x + width * from, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * to, y + height / 2, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL((url) => url.href !== before);
    assert.match(new URL(page.url()).searchParams.get("q"), /^\(fault OR ok\) AND responsetime >= [\d.]+ AND responsetime < [\d.]+$/);
    await page.waitForFunction(() => document.querySelector("#view")?.dataset.command?.includes(document.querySelector("#q").value));
  }
});

test("what comes in does not take the place of a filter that is on its way", async (t) => {
  const other = await console_();
  const looked = segment("looked-at");
  await other.put([looked, segment("failed", { fault: true })]);
  // The console goes first when the test is done.
  const page = await open(t, chromium, { allow: [/ERR_INCOMPLETE|ERR_CONNECTION/] });
  let go = () => {};
  const held = new Promise((resolve) => (go = resolve));
  const failed = [];
  page.on("requestfailed", (request) => failed.push(request.url()));
  await page.route(/part=list.*q=fault|q=fault.*part=list/, async (route) => (await held, route.continue()));
  const stream = page.waitForRequest((request) => request.resourceType() === "eventsource");
  await page.goto(`${other.url}/traces?w=1h`);
  await stream;
  await page.locator(".chip", { hasText: "fault" }).click();
  // Each is told in a message of its own: when the second is seen, the first has had its effect.
  for (const name of ["once", "twice"]) {
    await other.put([segment("another"), { ...looked, name }]);
    await page.locator("tr[data-id]", { hasText: name }).waitFor();
  }
  go();
  await page.waitForURL(/q=fault/);
  await page.waitForFunction(() => document.querySelectorAll("tr[data-id]").length === 1);
  assert.equal(await page.locator("#q").inputValue(), "fault");
  assert.deepEqual(failed.filter((url) => url.includes("part=list")), []);
});

test("the address alone makes the same list", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/traces?w=1h&q=throttle`);
  await listed(page).first().waitFor();
  assert.equal(await listed(page).count(), 2);
  assert.equal(await page.locator("#q").inputValue(), "throttle");
  assert.equal(await page.locator("#w").inputValue(), "1h");
});

test("sampling: what the rules would have made of the requests that are here", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/sampling`);
  await page.getByText(/Of the 100 requests that are here these rules would sample about 100 \(100\.0 %\)/).waitFor();
  assert.deepEqual((await page.locator("#rules tbody tr td").allInnerTexts()).slice(-2), ["100", "100"]);
});
