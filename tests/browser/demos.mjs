// What the tests of the demos share: a hub and pages of it, pictures of them, and a tab that stands still.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { LINE_IS_DOWN, PATIENCE, startBrowser, startServer, startServerAt } from "./house.mjs";
import { startPrefix } from "./prefix.mjs";
import { wire } from "./wire.mjs";

const PICTURES = "target/screenshots";
/** Each page as it is looked at. 360 pixels are a small phone. */
const LOOKS = [
  { look: "light", colorScheme: "light", width: 1200, height: 900 },
  { look: "dark", colorScheme: "dark", width: 1200, height: 900 },
  { look: "phone", colorScheme: "light", width: 360, height: 740 },
  { look: "phone-dark", colorScheme: "dark", width: 360, height: 740 },
];
export { LINE_IS_DOWN };
/** Would set `ran`, if it were anything but text. */
export const SCRIPT = '<img src=x onerror="ran=1"><script>ran=1</script>';

const running = new Set();

/** A hub, to be ended and started again where it was. */
export async function startHub(...flags) {
  let server = await startServer(...flags);
  const { address } = server;
  const hub = {
    address,
    kill: () => server.kill(),
    async start() {
      server = await startServerAt(new URL(address).host, ...flags);
    },
    /** What the hub answers, which must be no error. */
    async call(method, path, body) {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(address + path, { method, headers, body: body && JSON.stringify(body) });
      const said = await answer.text();
      assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${said}`);
      return said.startsWith("{") ? JSON.parse(said) : said;
    },
  };
  running.add(() => server.kill());
  return hub;
}

/** A browser, whose `errors` are those that its pages logged. */
export async function startTabs() {
  const browser = await startBrowser();
  running.add(browser.stop);
  /** Takes away the errors that a test has asked for: the browser itself logs calls and connections that were refused. */
  const forgive = (...patterns) => {
    const rest = browser.errors.filter((error) => !patterns.some((pattern) => pattern.test(error)));
    browser.errors.splice(0, browser.errors.length, ...rest);
  };
  return { ...browser, forgive };
}

/** A wire between a page and the hub, for a test to cut or hold. */
export async function startWire(hub) {
  const line = await wire(hub.address);
  running.add(line.end);
  return line;
}

/** A proxy between a page and the hub that takes this prefix off, and knows what was asked for outside of it. */
export async function startBetween(hub, prefix) {
  const proxy = await startPrefix(hub.address, prefix);
  running.add(proxy.end);
  return proxy;
}

export async function stopAll() {
  for (const stop of running) await stop();
}

/** Waits until the page's connection is in this state. */
export const reaches = (page, state) => page.waitForSelector(`#state[data-state="${state}"]`);

/** Waits until an element that the selector names has this text in it. */
export const shows = (page, selector, text) => page.locator(selector).filter({ hasText: text }).first().waitFor();

/** Runs the line for a shell that the page shows in this element; what the hub answered. */
export async function runLine(page, selector) {
  const line = await page.locator(`${selector} code`).textContent();
  assert.match(line, /^curl /);
  const { stdout } = await promisify(execFile)("sh", ["-c", `${line} --silent --show-error --fail-with-body`]);
  return stdout && JSON.parse(stdout);
}

/** What of a script is there as an element, or has run, though it should be text. */
export async function traces(page, selector) {
  const elements = await page.locator(`${selector} :is(img:not(#qr), script, iframe, b)`).count();
  return { elements, ran: await page.evaluate(() => globalThis.ran) };
}
export const NO_TRACES = { elements: 0, ran: undefined };

/** Takes pictures of a page in every look, in none of which it may be wider than the window. */
export async function picture(page, name) {
  await mkdir(PICTURES, { recursive: true });
  for (const { look, colorScheme, width, height } of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: `${PICTURES}/demo-${name}-${look}.png`, fullPage: true });
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(excess, 0, `${name} is ${excess} pixels too wide in ${look}`);
  }
  await page.setViewportSize({ width: LOOKS[0].width, height: LOOKS[0].height });
}

/** Every field that a page has must have a name, and every button too. */
export async function namesEverything(page) {
  const nameless = await page.evaluate(() => {
    const isNamed = (field) => field.labels?.length || field.getAttribute("aria-label") || field.textContent.trim();
    const fields = [...document.querySelectorAll("input, select, textarea, button")];
    return fields.filter((field) => !isNamed(field)).map((field) => field.outerHTML);
  });
  assert.deepEqual(nameless, []);
}

/** Text that no compression makes much smaller. */
export const dense = (characters) => randomBytes(Math.ceil((characters * 3) / 4)).toString("base64").slice(0, characters);

/** Holds the tab's only thread in the debugger, as one that is busy or asleep is held; returns how to let it go. */
export async function stall(page) {
  const debug = await page.context().newCDPSession(page);
  await debug.send("Debugger.enable");
  const paused = new Promise((resolve) => debug.once("Debugger.paused", resolve));
  const held = debug.send("Runtime.evaluate", { expression: "debugger" });
  await paused;
  return async () => {
    await debug.send("Debugger.resume");
    await held;
    await debug.detach();
  };
}

/** Does `work` again and again, though not for ever, until it gives something; how often it took. */
export async function until(work) {
  const deadline = Date.now() + PATIENCE;
  for (let count = 1; Date.now() < deadline; count += 1) {
    if (await work(count)) return count;
    // A page that has much to catch up with is not given ever more.
    if (count >= 20) await pause(50);
  }
  throw new Error(`it did not come to that: ${work}`);
}

/** Does `publish` until the hub has dropped messages of this app for somebody; how often it took. */
export function untilDropped(hub, app, publish) {
  const dropped = new RegExp(`^roomcast_messages_dropped_total\\{app="${app}"\\} ([1-9]\\d*)$`, "m");
  return until(async (count) => {
    await publish(count);
    return dropped.test(await hub.call("GET", "/metrics"));
  });
}

/** Waits until the hub has so many members in this app, and no more of those who have left. */
export function untilMembers(hub, app, count) {
  const line = `roomcast_connections{app="${app}"} ${count}\n`;
  return until(async () => (await hub.call("GET", "/metrics")).includes(line));
}
