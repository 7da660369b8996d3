// What pages weigh, as a browser that takes gzip gets them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { console_, everyPage } from "./harness.mjs";

const xrc = await console_();
const shop = await xrc.shop(600);
const zipped = { "accept-encoding": "gzip" };

/** Bytes, compressed. */
const HTML = 15_000;
const CSS = 12_000;
const JS = 25_000;
const VIEW = 60_000;

test("HTML, styles, scripts and whole views are under budget", async (t) => {
  const assets = new Map();
  const weigh = async (path) => {
    const answer = await xrc.get(path, zipped);
    return { ...answer, bytes: answer.body.length };
  };
  for (const [name, path] of Object.entries(everyPage(shop))) {
    const page = await weigh(path);
    const plain = await xrc.get(path);
    const names = [...plain.body.toString().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
    // Modules ask for others.
    for (const asset of names) {
      if (!assets.has(asset)) {
        const { status, bytes, headers } = await weigh(asset);
        assert.equal(status, 200, asset);
        assert.equal(headers["content-encoding"], "gzip", asset);
        assets.set(asset, bytes);
      }
      if (asset.endsWith(".js")) {
        const source = (await xrc.get(asset)).body.toString();
        for (const [, other] of source.matchAll(/from "\.\/([^"]+)"/g)) if (!names.includes(`/assets/${other}`)) names.push(`/assets/${other}`);
      }
    }
    const view = page.bytes + names.reduce((sum, asset) => sum + assets.get(asset), 0);
    t.diagnostic(`${name}: HTML ${page.bytes}, with ${names.length} assets ${view} bytes`);
    assert.ok(page.bytes <= HTML, `${name}: ${page.bytes} bytes of HTML`);
    assert.ok(view <= VIEW, `${name}: ${view} bytes`);
  }
  const sum = (ending) => [...assets].filter(([name]) => name.endsWith(ending)).reduce((sum, [, bytes]) => sum + bytes, 0);
  t.diagnostic(`CSS ${sum(".css")}, JavaScript ${sum(".js")} bytes; ${[...assets].map(([name, bytes]) => `${name.slice(8)} ${bytes}`).join(", ")}`);
  assert.ok(sum(".css") <= CSS, `${sum(".css")} bytes of CSS`);
  assert.ok(sum(".js") <= JS, `${sum(".js")} bytes of JavaScript`);
});

test("a file that has not changed is not sent again", async () => {
  const first = await xrc.get("/assets/base.css", zipped);
  const again = await xrc.get("/assets/base.css", { ...zipped, "if-none-match": first.headers.etag });
  assert.equal(again.status, 304);
  assert.equal(again.body.length, 0);
});
