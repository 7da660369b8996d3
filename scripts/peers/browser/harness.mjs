// A console of its own, Chromium, and pages that are watched: what every test stands on.
//
// Nothing here waits for time to pass; what has to happen is waited for, and what must not happen is looked at when the
// page is closed. A page that asks another host for anything, violates its security policy, logs an error, throws, opens a
// dialog or runs what a document brought fails the test that opened it.
//
// Environment (set by browser.sh): XRC the program, CHROMIUM the browser, PEERS the folder of Node packages,
// SCREENSHOTS where pictures go.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import http from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set; run scripts/peers/browser.sh`);
const require = createRequire(path.join(need("PEERS"), "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Milliseconds after which something that should happen has not: generous, for machines that do other things too. */
export const PATIENCE = 20_000;

/** A console on a free port of this machine, until the tests of the file are done. */
export async function console_(options = []) {
  const child = spawn(need("XRC"), ["up", "--addr", "127.0.0.1:0", "--no-tail", ...options], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH },
  });
  after(() => child.kill());
  const lines = createInterface(child.stderr)[Symbol.asyncIterator]();
  const { value: line } = await lines.next();
  const address = /listening .*tcp (\S+)/.exec(line)?.[1] ?? assert.fail(`the console says: ${line}`);
  return new Console(address, child);
}

class Console {
  constructor(address, child) {
    this.address = address;
    this.child = child;
    this.url = `http://${address}`;
  }

  /** Ends it, as if somebody had. */
  stop() {
    return new Promise((resolve) => (this.child.on("exit", resolve), this.child.kill()));
  }

  /** Puts segment documents; all have to be taken. */
  async put(documents) {
    for (let from = 0; from < documents.length; from += 50) {
      const some = documents.slice(from, from + 50).map((document) => JSON.stringify(document));
      const body = JSON.stringify({ TraceSegmentDocuments: some });
      const answer = await fetch(`${this.url}/TraceSegments`, { method: "POST", body });
      const { UnprocessedTraceSegments: refused } = await answer.json();
      assert.deepEqual(refused ?? [], []);
    }
  }

  /** The sample shop's last so many requests, as `xrc demo` sends them. */
  async shop(requests = 100) {
    const child = spawn(need("XRC"), ["demo", "--print", "--requests", String(requests)], { stdio: ["ignore", "pipe", "inherit"] });
    const documents = [];
    for await (const line of createInterface(child.stdout)) documents.push(JSON.parse(line));
    await this.put(documents);
    return documents;
  }

  /** What a path is answered, as it goes over the wire. */
  get(path, headers = {}) {
    return new Promise((resolve, reject) => {
      const asked = http.get(`${this.url}${path}`, { headers: { accept: "text/html", ...headers } }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
      });
      asked.on("error", reject);
    });
  }
}

/** Chromium, until the tests of the file are done. */
export async function browser(more = []) {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb", ...more];
  const started = await chromium.launch({ executablePath: need("CHROMIUM"), args });
  after(() => started.close());
  return started;
}

/**
 * A page in a window of its own, looked after until the test is done.
 * @param t the test @param options of the window, and `allow`: messages of the browser's console that are expected
 */
export async function open(t, browser, { allow = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const wrong = [];
  const requests = [];
  if (options.javaScriptEnabled !== false) {
    // What a hostile document calls if it is executed.
    await page.exposeFunction("hit", (what) => wrong.push(`executed: ${what}`));
    await page.addInitScript(() =>
      addEventListener("securitypolicyviolation", (event) => console.error(`violates ${event.effectiveDirective}: ${event.blockedURI}`)),
    );
  }
  page.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => wrong.push(`threw: ${error.stack ?? error}`));
  page.on("dialog", (dialog) => (wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("console", (message) => {
    const text = `${message.text()} (${message.location().url})`;
    if (message.type() === "error" && !allow.some((pattern) => pattern.test(text))) wrong.push(`logged: ${text}`);
  });
  page.requests = requests;
  t.after(async () => {
    const home = new URL(page.url()).origin;
    await context.close();
    const foreign = requests.filter((url) => !url.startsWith("data:") && new URL(url).origin !== home);
    assert.deepEqual(foreign, [], "asked another host");
    assert.deepEqual(wrong, []);
  });
  return page;
}

/** Waits until the script of a trace's page has its rows, and draws those in sight. */
export const waterfall = (page) => page.locator("#trace.windowed [role=row][aria-level]").first().waitFor();

/** Every serious or critical thing that axe finds on the page, in words. */
export async function axeFinds(page) {
  // By the debugger's protocol, which the page's security policy does not concern.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, impact, nodes }) =>
      nodes.map((node) => `${impact} ${id}: ${node.target.join(" ")}: ${node.any.concat(node.all, node.none).map((check) => check.message)[0] ?? ""}`),
    );
}

/** A picture for people to look at. */
export const screenshot = (page, name, options = {}) =>
  page.screenshot({ path: path.join(need("SCREENSHOTS"), `${name}.png`), ...options });

/** Seconds since the epoch. */
export const now = () => Date.now() / 1000;

let count = 0;
/** A new id: 16 hex digits. */
export const id = () => (0xa000_0000_0000_0000n + BigInt(++count)).toString(16);
/** A new trace's id, begun at this time. */
export const traceId = (start = now()) =>
  `1-${Math.floor(start).toString(16).padStart(8, "0")}-${(BigInt(process.pid) * 1_000_000n + BigInt(++count)).toString(16).padStart(24, "0")}`;

/** A segment that has ended, unless `more` says otherwise. */
export function segment(name, more = {}) {
  const start = more.start_time ?? now() - 1;
  return { name, id: id(), trace_id: traceId(start), start_time: start, end_time: start + 0.25, ...more };
}

/** The address of a trace's page. */
export const tracePath = (document) => `/t/${document.trace_id}`;

/** Every page there is, for what has to hold on all of them; `shop` is what `console.shop()` gave. */
export function everyPage(shop) {
  const failed = shop.find((document) => document.fault && !document.parent_id);
  return {
    list: "/traces?w=1h",
    filtered: `/traces?w=1h&q=${encodeURIComponent('service("api.stripe.com") { fault }')}`,
    nothing: `/traces?w=1h&q=${encodeURIComponent('service("nobody")')}`,
    wrong: "/traces?w=1h&q=responsetme+%3E+1",
    trace: tracePath(failed),
    detail: `${tracePath(failed)}?sel=${failed.id}`,
    missing: "/t/1-00000000-000000000000000000000000",
    map: "/map?w=1h",
    live: "/live",
    sampling: "/sampling",
    diagnostics: "/diagnostics",
    about: "/about",
  };
}
