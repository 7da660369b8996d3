// A page of another origin, and a name that a stranger's DNS points here: refused, whatever they try.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { browser, console_, open, PATIENCE, tracePath } from "./harness.mjs";

const xrc = await console_();
const port = xrc.address.split(":").pop();
// As after an attack by DNS: the stranger's name means this machine.
const chromium = await browser([`--host-resolver-rules=MAP evil.example 127.0.0.1`]);
const shop = await xrc.shop(5);
const trace = tracePath(shop[0]);

/** The stranger's own server. */
const server = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>evil</title><body>evil"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
after(() => server.close());
const elsewhere = `http://localhost:${server.address().port}`;

/** A window without the harness's rules, for here the page does ask another host. */
async function stranger(t) {
  const context = await chromium.newContext();
  context.setDefaultTimeout(PATIENCE);
  t.after(() => context.close());
  return context.newPage();
}

test("a name that is not this machine's own is refused", async (t) => {
  const page = await stranger(t);
  for (const path of ["/", "/traces", "/map", "/live", "/diagnostics", trace]) {
    const answer = await page.goto(`http://evil.example:${port}${path}`);
    assert.equal(answer.status(), 403, path);
    assert.doesNotMatch(await answer.text(), /shop-api|order-service/, path);
  }
  const found = await page.evaluate(async () => (await fetch("/TraceSummaries", { method: "POST", body: "{}" })).status);
  assert.equal(found, 403);
});

test("a page of another origin reads nothing, sends nothing, frames nothing", async (t) => {
  const page = await stranger(t);
  await page.goto(elsewhere);
  const tried = await page.evaluate(async (target) => {
    const status = async (path, options) => {
      try {
        const answer = await fetch(`${target}${path}`, options);
        return answer.type === "opaque" ? "sent, unread" : `read: ${answer.status}`;
      } catch {
        return "refused";
      }
    };
    return {
      page: await status("/traces", {}),
      query: await status("/TraceSummaries", { method: "POST", body: "{}" }),
      stream: await new Promise((resolve) => {
        const source = new EventSource(`${target}/live/events`);
        source.onopen = () => resolve("open");
        source.onerror = () => (source.close(), resolve("refused"));
      }),
    };
  }, xrc.url);
  assert.deepEqual(tried, { page: "refused", query: "refused", stream: "refused" });

  // Sent without asking for the answer: it arrives, and has no effect.
  const before = await documents();
  await page.evaluate(async (target) => {
    const body = JSON.stringify({ TraceSegmentDocuments: [JSON.stringify({ name: "planted", id: "00000000000000aa", trace_id: "1-5759e988-bd862e3fe1be46a994272793", start_time: 1, end_time: 2 })] });
    await fetch(`${target}/TraceSegments`, { method: "POST", mode: "no-cors", body });
    await fetch(`${target}/ClearTraces`, { method: "POST", mode: "no-cors", body: "{}" });
  }, xrc.url);
  assert.deepEqual(await documents(), before);

  // A frame shows an error of the browser's, not the page.
  await page.evaluate((target) => {
    const frame = document.createElement("iframe");
    frame.src = `${target}/traces`;
    document.body.append(frame);
    return new Promise((resolve) => (frame.onload = resolve));
  }, xrc.url);
  for (const frame of page.frames().slice(1)) assert.equal(await frame.locator("tr[data-id]").count(), 0);

  // Scripts and styles of the console are nobody else's.
  const script = await page.evaluate(
    (target) =>
      new Promise((resolve) => {
        const script = document.createElement("script");
        script.type = "module";
        script.src = `${target}/assets/base.js`;
        script.onload = () => resolve("ran");
        script.onerror = () => resolve("refused");
        document.head.append(script);
      }),
    xrc.url,
  );
  assert.equal(script, "refused");
});

test("a link on another page leads here, and the page it was on learns nothing", async (t) => {
  const page = await stranger(t);
  await page.goto(elsewhere);
  await page.evaluate((target) => {
    const link = document.createElement("a");
    link.href = `${target}/traces?w=1h`;
    link.textContent = "go";
    document.body.append(link);
  }, xrc.url);
  await page.getByText("go").click();
  await page.waitForURL(`${xrc.url}/traces?w=1h`);
  assert.ok((await page.locator("tr[data-id]").count()) > 0);
  assert.equal(await page.evaluate(() => document.referrer.includes("/traces")), false);
});

test("every answer says what keeps it safe", async () => {
  for (const path of ["/traces", "/map", trace, "/assets/base.js", "/no-such-page"]) {
    const { headers } = await xrc.get(path);
    assert.match(headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/, path);
    assert.doesNotMatch(headers["content-security-policy"], /unsafe/, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "same-origin", path);
    assert.equal(headers["access-control-allow-origin"], undefined, path);
  }
});

/** How many traces there are. */
async function documents() {
  const query = { StartTime: 0, EndTime: Date.now() / 1000 + 60 };
  const answer = await fetch(`${xrc.url}/TraceSummaries`, { method: "POST", body: JSON.stringify(query) });
  return (await answer.json()).TracesProcessedCount;
}
