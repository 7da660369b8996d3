// Every page, light and dark: nothing serious that axe finds, and a picture for people to look at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { axeFinds, browser, console_, everyPage, now, open, screenshot, segment, waterfall } from "./harness.mjs";

const xrc = await console_();
const chromium = await browser();
const shop = await xrc.shop(100);
await xrc.put([segment("running", { start_time: now() - 3, end_time: undefined, in_progress: true })]);
const pages = everyPage(shop);
const [failed] = [pages.trace];

for (const theme of ["light", "dark"]) {
  for (const [name, path] of Object.entries(pages)) {
    test(`${name}, ${theme}`, async (t) => {
      const allow = { missing: [/404/], wrong: [/400/] }[name] ?? [];
      const page = await open(t, chromium, { colorScheme: theme, allow });
      await page.goto(`${xrc.url}${path}`);
      await settled(page, name);
      await screenshot(page, `${name}-${theme}`);
      assert.deepEqual(await axeFinds(page), []);
    });
  }

  test(`a map with a panel, ${theme}`, async (t) => {
    const page = await open(t, chromium, { colorScheme: theme });
    await page.goto(`${xrc.url}${pages.map}`);
    await page.locator("#map-picture a.node", { hasText: "api.stripe.com" }).click();
    await page.locator("#map-panel").waitFor();
    await screenshot(page, `map-panel-${theme}`);
    assert.deepEqual(await axeFinds(page), []);
  });

  test(`help, ${theme}`, async (t) => {
    const page = await open(t, chromium, { colorScheme: theme });
    await page.goto(`${xrc.url}/traces`);
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await screenshot(page, `help-${theme}`);
    assert.deepEqual(await axeFinds(page), []);
  });
}

test("narrow windows show all of it without scrolling sideways", async (t) => {
  const page = await open(t, chromium, { viewport: { width: 360, height: 740 }, allow: [/404/, /400/] });
  const wide = [];
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${xrc.url}${path}`);
    await settled(page, name);
    await screenshot(page, `${name}-narrow`);
    const beyond = await page.evaluate(() =>
      document.documentElement.scrollWidth <= innerWidth
        ? []
        : [...document.body.querySelectorAll("*")].filter((element) => element.getBoundingClientRect().right > innerWidth).map((element) => `${element.tagName} ${element.id} ${element.className}`).slice(0, 5),
    );
    wide.push(...beyond.map((element) => `${name}: ${element}`));
  }
  assert.deepEqual(wide, []);
});

test("the theme is chosen by a button, and stays", async (t) => {
  const page = await open(t, chromium, { colorScheme: "light" });
  await page.goto(`${xrc.url}/traces`);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.keyboard.press("t"); // system → light
  assert.equal(await background(), light);
  await page.keyboard.press("t"); // light → dark
  const dark = await background();
  assert.notEqual(dark, light);
  await page.goto(`${xrc.url}${failed}`);
  assert.equal(await background(), dark);
});

/** Until the page's script has drawn what it draws. */
async function settled(page, name) {
  await page.locator("main").waitFor();
  if (name === "trace" || name === "detail") await waterfall(page);
}
