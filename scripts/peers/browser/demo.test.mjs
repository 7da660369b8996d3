// The first thing somebody without traces of their own presses: the button that brings those of the sample shop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, open } from "./harness.mjs";

const chromium = await browser();

for (const javaScriptEnabled of [true, false]) {
  // Outside the test: it ends when the window is closed.
  const xrc = await console_();
  test(`the button brings the shop, ${javaScriptEnabled ? "with" : "without"} script`, async (t) => {
    const page = await open(t, chromium, { javaScriptEnabled });
    await page.goto(`${xrc.url}/traces`);
    await page.getByRole("button", { name: "Send demo traces" }).click();
    await page.locator("tr[data-id]").first().waitFor();
    assert.equal(await page.locator("tr[data-id]").count(), 50);
    assert.equal(new URL(page.url()).pathname, "/traces");
  });
}
