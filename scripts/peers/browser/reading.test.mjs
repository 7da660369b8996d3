// The list under somebody's eyes: it does not move, and what is clicked or dragged writes the filter.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, open, segment } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
await xrc.shop(100);

const ids = (page) => page.locator("tr[data-id]").evaluateAll((rows) => rows.map((row) => row.getAttribute("data-id")));

/** The list, followed. */
async function list(t, path) {
  const page = await open(t, chromium);
  const stream = page.waitForRequest((request) => request.resourceType() === "eventsource");
  await page.goto(`${xrc.url}${path}`);
  await stream;
  return page;
}

test("while one reads, what comes is counted and shown on demand", async (t) => {
  const page = await list(t, "/traces?w=1h");
  await page.locator("tr[data-id]").nth(3).hover();
  const before = await ids(page);
  const came = [segment("came-in"), segment("came-in")];
  await xrc.put(came);
  const pill = page.locator("#news");
  await pill.getByText("2 new").waitFor();
  assert.deepEqual(await ids(page), before, "nothing moves");
  await pill.click();
  await page.locator(`tr[data-id="${came[0].trace_id}"]`).waitFor();
  await pill.waitFor({ state: "detached" });
});

test("paused by the space bar, live again by another", async (t) => {
  const page = await list(t, "/traces?w=1h");
  await page.mouse.move(1, 1);
  await page.keyboard.press("Space");
  const came = segment("paused-at");
  await xrc.put([came]);
  await page.locator("#news").getByText("1 new").waitFor();
  assert.ok(!(await ids(page)).includes(came.trace_id));
  await page.keyboard.press("Space");
  await page.locator(`tr[data-id="${came.trace_id}"]`).waitFor();
});

test("dragging over the histogram limits the response time, and Back takes it away", async (t) => {
  const page = await list(t, "/traces?w=1h&q=service(%22shop-api%22)");
  const box = await page.locator("#histogram svg").boundingBox();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.95, box.y + 20);
  await page.mouse.move(box.x + box.width * 1.2, box.y + 20);
  await page.mouse.up();
  await page.waitForURL(/responsetime/);
  assert.match(await page.locator("#q").inputValue(), /^service\("shop-api"\) AND responsetime >= 0\.\d+ AND responsetime < 0\.\d+$/);
  await page.waitForFunction(() => document.querySelectorAll("tr[data-id]").length < 10);
  assert.ok((await ids(page)).length > 0);
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll("tr[data-id]").length > 10);
  assert.equal(await page.locator("#q").inputValue(), 'service("shop-api")');
});

test("chips and refinements are conditions that a second click takes away", async (t) => {
  const page = await list(t, "/traces?w=1h");
  await page.locator("a.chip", { hasText: "throttle" }).click();
  await page.waitForURL(/q=throttle/);
  await page.locator("summary", { hasText: "status" }).click();
  await page.locator(".refine a", { hasText: "429" }).click();
  await page.waitForURL(/http\.status/);
  assert.equal(await page.locator("#q").inputValue(), "throttle AND http.status = 429");
  assert.equal(await page.locator("#command").innerText(), "xrc traces 'throttle AND http.status = 429' --since 1h");
  await page.locator("a.chip", { hasText: "throttle" }).click();
  await page.waitForFunction(() => document.querySelector("#q").value === "http.status = 429");
  for (const name of ["Map", "Live"]) {
    assert.match(await page.locator(".rail a", { hasText: name }).getAttribute("href"), /q=http\.status/);
  }
});

test("live: what comes while one reads waits", async (t) => {
  const page = await list(t, "/live");
  await page.locator("tr[data-id]").nth(2).hover();
  const before = await ids(page);
  const came = segment("waits-for-the-reader");
  await xrc.put([came]);
  await page.locator("#news").getByText("1 new").waitFor();
  assert.deepEqual(await ids(page), before);
  await page.locator("#news").click();
  await page.locator(`tr[data-id="${came.trace_id}"]`).waitFor();
});

test("a theme that was chosen is there from the first byte of the next page", async (t) => {
  const page = await list(t, "/traces?w=1h");
  await page.keyboard.press("t");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  const [response] = await Promise.all([page.waitForResponse(/\/diagnostics/), page.goto(`${xrc.url}/diagnostics`)]);
  assert.match(await response.text(), /<html lang="en" data-theme="dark"/);
});
