// Documents of somebody who means harm: what they hold is shown as text on every page, and nothing of it is executed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, console_, id, now, open, segment, tracePath, waterfall } from "./harness.mjs";
import { CONTROLS, MARKUP, WORST } from "./hostile.mjs";

const xrc = await console_();
const chromium = await browser();

/** Every place of a document that takes any text. */
function hostile(text) {
  const start = now() - 1;
  const part = (more) => ({ name: "part", id: id(), start_time: start, end_time: start + 0.1, ...more });
  return segment("victim", {
    start_time: start,
    fault: true,
    origin: text,
    user: text,
    http: { request: { method: text, url: `https://shop.example/${text}`, user_agent: text, client_ip: text }, response: { status: 500 } },
    annotations: { key: text, other: text },
    metadata: { default: { [text]: text, nested: { [text]: [text, { [text]: text }] } }, [text]: text },
    service: { version: text },
    aws: { operation: text, account_id: text, ec2: { instance_id: text, availability_zone: text } },
    cause: {
      working_directory: text,
      exceptions: [{ id: id(), type: text, message: text, stack: [{ path: text, line: 7, label: text }] }],
    },
    subsegments: [
      part({ namespace: "aws", aws: { operation: text, table_name: text, queue_url: text, region: text, request_id: text } }),
      part({ namespace: "remote", name: "db", sql: { url: text, database_type: text, sanitized_query: text, user: text } }),
      part({ namespace: "remote", name: "peer.example", http: { request: { method: "GET", url: text }, response: { status: 200 } } }),
      part({ namespace: "aws", name: "SNS", aws: { operation: "Publish", topic_arn: text } }),
    ],
  });
}

const documents = [...MARKUP, CONTROLS, WORST].map(hostile);
await xrc.put(documents);
// Names that X-Ray does not take are refused, and shown with the refusals.
for (const text of [...MARKUP, CONTROLS]) {
  const body = JSON.stringify({ TraceSegmentDocuments: [JSON.stringify(segment(text))] });
  await fetch(`${xrc.url}/TraceSegments`, { method: "POST", body });
}

/** Looks at the page that is open: nothing of a document is an element, and nothing invisible is in its text. */
async function looksClean(page, what) {
  const found = await page.evaluate(() => {
    const strange = [...document.querySelectorAll("script:not([src]), img, iframe, animate, [onload], [onerror], [onmouseover], [onbegin], [srcdoc], a[href^='javascript:' i], foreignObject")];
    const shown = [];
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node instanceof Text) shown.push(node.data);
      // What a field holds is what somebody typed, to the letter.
      else for (const { name, value } of node.attributes) if (name !== "value") shown.push(`${name}=${value}`);
    }
    const invisible = shown.filter((text) => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/.test(text)).map((text) => JSON.stringify(text).slice(0, 120));
    return { strange: strange.map((element) => element.outerHTML.slice(0, 120)), invisible };
  });
  assert.deepEqual(found, { strange: [], invisible: [] }, what);
}

test("lists, map, live, sampling, diagnostics", async (t) => {
  const page = await open(t, chromium);
  for (const path of ["/traces?w=1h", "/map?w=1h", "/live", "/sampling", "/diagnostics"]) {
    await page.goto(`${xrc.url}${path}`);
    await page.locator("main").waitFor();
    if (path.startsWith("/traces")) await page.locator("tr[data-id]").first().waitFor();
    await looksClean(page, path);
    // What hover and focus would start.
    for (const link of (await page.locator("main a:visible").all()).slice(0, 12)) await link.focus();
    await looksClean(page, path);
  }
});

for (const [at, document] of documents.entries()) {
  test(`the trace with ${JSON.stringify([...MARKUP, CONTROLS, "all"][at]).slice(0, 60)}`, async (t) => {
    const page = await open(t, chromium);
    await page.goto(`${xrc.url}${tracePath(document)}`);
    await waterfall(page);
    await looksClean(page, "waterfall");
    for (const part of [document, ...document.subsegments]) {
      await page.goto(`${xrc.url}${tracePath(document)}?sel=${part.id}`);
      await page.locator("#detail:not([hidden])").waitFor();
      for (const closed of await page.locator("#detail details:not([open]) > summary").all()) await closed.click();
      await looksClean(page, `details of ${part.name}`);
    }
    if (at < MARKUP.length) {
      await page.goto(`${xrc.url}${tracePath(document)}?sel=${document.id}`);
      assert.ok((await page.locator("#detail").innerText()).includes(MARKUP[at]), "it is shown as it is");
    }
  });
}

test("panels of nodes that callers made up", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/map?w=1h`);
  const keys = await page.locator("#map-picture a.node").evaluateAll((links) => links.map((link) => link.getAttribute("data-key")));
  assert.ok(keys.length > 20, `${keys.length} nodes`);
  for (const key of keys) {
    await page.goto(`${xrc.url}/map?w=1h&sel=${encodeURIComponent(key)}`);
    await page.locator("#map-panel").waitFor();
    await looksClean(page, key);
  }
});

test("addresses somebody else wrote: every parameter is text", async (t) => {
  const page = await open(t, chromium, { allow: [/404/, /400/, /414/] });
  const evil = encodeURIComponent(WORST);
  for (const path of ["/traces", "/map", "/live", "/sampling", "/diagnostics", tracePath(documents[0]), `/t/${evil}`, `/${evil}`]) {
    const names = ["q", "w", "from", "to", "sort", "sel", "z", "fold", "min", "find", "at", "health", "path", "host", "method", "service"];
    // All together are too long an address, which is told with a page too.
    for (const some of [names, names.slice(0, 8), names.slice(8), ["q"], ["find"]]) {
      await page.goto(`${xrc.url}${path}?${some.map((name) => `${name}=${evil}`).join("&")}`);
      await page.locator("main").waitFor();
      await looksClean(page, path);
    }
  }
});

test("live: what comes while one looks is text too", async (t) => {
  const page = await open(t, chromium);
  await page.goto(`${xrc.url}/live`);
  const document = hostile(WORST);
  await xrc.put([document]);
  await page.locator(`tr[data-id="${document.trace_id}"]`).waitFor();
  await looksClean(page, "live");
});
