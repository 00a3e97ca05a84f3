// What the dashboard shows of what is kept: by a hub that has a file, and, because no test can make a disk full, and well again,
// when it likes, by one that has none, into whose reports a store is put on their way.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bytes, text, trouble } from "../../src/web/dashboard/format.js";
import { History } from "../../src/web/dashboard/history.js";
import { startBrowser, startServer } from "./house.mjs";

const SCREENSHOTS = new URL("../../target/screenshots/", import.meta.url).pathname;
const FULL = { sentence: "the disk is full (Insertion failed because database is full)", since: "2026-11-20T08:40:56.887Z", is_now: true };
const KEPT = { commits: 1000, failures: 0, bytes: 3 << 20, waiting: 0, waiting_bytes: 0, trouble: null };

let browser;
let server;
/** What is told of the store from the next report on; `undefined` is nothing. */
let told;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  [browser, server] = await Promise.all([startBrowser(), startServer()]);
});

after(async () => {
  await Promise.all([browser?.stop(), server?.kill()]);
});

const store = (change = {}) => ({ ...KEPT, commit: { count: 1000, sum_micros: 160_000, recent: 20, p50_micros: 160, p99_micros: 430 }, ...change });

/** The dashboard of a hub that tells this of its store. */
const open = () =>
  browser.open(server.address, (page) =>
    page.routeWebSocket(/\/api\/v1\/stats\/ws/, (line) => {
      line.connectToServer().onMessage((message) => line.send(JSON.stringify({ ...JSON.parse(message), store: told })));
    }),
  );

/** Resolves when another report has been shown. */
async function another(page) {
  const uptime = await page.textContent("#uptime");
  await page.waitForFunction((uptime) => document.getElementById("uptime").textContent !== uptime, uptime);
}

const tiles = (page) =>
  page.evaluate(() => {
    const shown = (tile) => [...tile.querySelectorAll(".value, .note:not([hidden])")].map((element) => element.textContent);
    return Object.fromEntries([...document.querySelectorAll("#store .tile")].map((tile) => [tile.querySelector("h3").textContent, shown(tile)]));
  });

/** A report of which only this is told. */
function report(uptime_ms, store) {
  const spans = { p50_micros: null, p99_micros: null };
  const process = { start_micros: 1, cpu_micros: 0 };
  return { uptime_ms, apps: [], loop_turn: spans, publish_to_write: spans, process, http_requests: [], store };
}

test("rates of what is kept are those of the last second, and nothing where nothing is kept", () => {
  const history = new History();
  const [first, second, third] = [store(), store({ commits: 1030, failures: 2, waiting: 7 }), undefined].map((store, index) =>
    history.add(report(1000 + 2000 * index, store), 1 + 2 * index),
  );
  assert.deepEqual([first.commits, first.commitFailures, first.commitP50, first.storeBytes], [null, null, 160, 3 << 20]);
  assert.deepEqual([second.commits, second.commitFailures, second.commitP99, second.waiting], [15, 1, 430, 7]);
  const names = ["commits", "commitFailures", "commitP50", "commitP99", "waiting", "storeBytes"];
  assert.deepEqual(names.map((name) => third[name]), names.map(() => null));
});

test("a trouble is said with its time, and whether it is over", () => {
  const moment = (time) => time.slice(11, 16);
  assert.equal(trouble({ trouble: null }, moment), "No error since the start.");
  const sentence = "the disk is full";
  assert.equal(trouble({ trouble: { ...FULL, sentence } }, moment), "Nothing can be kept since 08:40: the disk is full.");
  assert.equal(trouble({ trouble: { ...FULL, sentence, is_now: false } }, moment), "All is kept. Last error, 08:40: the disk is full.");
});

test("of a hub that keeps nothing there is no panel of what it keeps", async () => {
  told = undefined;
  const page = await open();
  await another(page);
  assert.ok(await page.isHidden("#store"));
  assert.ok(await page.isVisible("#apps"));
  await page.close();
});

test("the numbers are those of the metrics of a hub that has a file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roomcast-store-"));
  const keeper = await startServer("--data", join(folder, "roomcast.db"));
  try {
    const page = await browser.open(keeper.address);
    await page.waitForSelector("#store:visible");
    for (let number = 0; number < 5; number += 1) {
      const body = JSON.stringify({ repository: "r", title: `${number}` });
      const answer = await fetch(`${keeper.address}/api/v1/tasks`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      assert.equal(answer.status, 201);
    }
    const metrics = await (await fetch(`${keeper.address}/metrics`)).text();
    const of = (name) => Number(new RegExp(`^roomcast_store_${name} (\\d+)$`, "m").exec(metrics)[1]);
    assert.equal(of("commit_seconds_count"), of("commits_total"));
    assert.ok(of("commits_total") >= 5, metrics);
    await another(page);
    const shown = await tiles(page);
    assert.equal(shown.Commits[1], `${of("commits_total")} since the start, 0 failed`);
    assert.equal(shown["Changes waiting"][0], "0");
    assert.equal(shown.File[0], text(bytes(of("bytes"))));
    await page.close();
  } finally {
    await keeper.kill();
    await rm(folder, { recursive: true });
  }
});

test("it is shown what is kept, and what went wrong with it", async () => {
  told = store();
  const page = await open();
  await page.waitForSelector("#store:visible");
  assert.equal(await page.textContent("#trouble"), "No error since the start.");
  told = store({ commits: 1_000_000, failures: 3, waiting: 1234, waiting_bytes: 5 << 20, trouble: FULL });
  await page.waitForSelector("#trouble.alarm");
  assert.match(await page.textContent("#trouble"), /^Nothing can be kept since .*2026.*: the disk is full/);
  const { Commits, ...others } = await tiles(page);
  assert.match(Commits[0], / \/s$/);
  assert.equal(Commits[1], "1M since the start, 3 failed");
  assert.deepEqual(others, {
    "Commit time": ["160 µsp50", "430 µsp99"],
    "Changes waiting": ["1,234", "5 MiB of memory"],
    File: ["3 MiB", "on disk"],
  });
  assert.equal(await page.locator("#store .tile.alarm h3").textContent(), "Commits");
  told = store({ commits: 1_000_000, failures: 3, trouble: { ...FULL, is_now: false } });
  await page.waitForSelector("#trouble:not(.alarm)");
  assert.match(await page.textContent("#trouble"), /^All is kept\. Last error, /);

  // The next hub at this address keeps nothing.
  told = undefined;
  await page.waitForSelector("#store", { state: "hidden" });
  await page.close();
});

test("it is readable in the light, in the dark and on a phone", async () => {
  let commits = 0;
  told = undefined;
  const page = await open();
  // A dozen seconds in which something is kept, and in the last ones nothing can be.
  for (let second = 0; second < 12; second += 1) {
    commits += 400 + Math.round(300 * Math.sin(second));
    const waiting = second < 9 ? 3 * (second % 4) : 1900 * (second - 8);
    told = store({ commits, failures: Math.max(0, second - 9), waiting, waiting_bytes: waiting * 700, trouble: second < 9 ? null : FULL });
    await another(page);
  }
  await page.click("#pause");
  const papers = new Set();
  const wide = { width: 1280, height: 900 };
  const phone = { width: 360, height: 740 };
  for (const [scheme, size, name] of [
    ["light", wide, "light"],
    ["dark", wide, "dark"],
    ["light", { width: 768, height: 1024 }, "tablet"],
    ["light", phone, "phone"],
    ["dark", phone, "phone-dark"],
  ]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize(size);
    papers.add(await page.evaluate(() => getComputedStyle(document.querySelector("#trouble")).color));
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= size.width, `${name}: ${width} pixels are wider than ${size.width}`);
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll("#store p, #store h2, #store h3")]
        .filter((element) => element.offsetParent && element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.textContent),
    );
    assert.deepEqual(cut, [], `${name}: nothing is cut`);
    await page.screenshot({ path: `${SCREENSHOTS}dashboard-store-${name}.png`, fullPage: true });
  }
  assert.equal(papers.size, 2, "an alarm in the light and in the dark");
  await page.evaluate(() => {
    for (const number of document.querySelectorAll("#store .figure")) number.textContent = "19,000";
  });
  const [needed, there] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(needed <= there, `large numbers need ${needed} pixels of ${there}`);
  await page.close();
});

test("no page wrote an error to its console", () => {
  assert.deepEqual(browser.errors, []);
});
