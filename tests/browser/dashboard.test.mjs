// The dashboard in a real browser: what it shows is what the server counts, and it comes back by itself.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join as beside } from "node:path";
import { after, before, test } from "node:test";
import { History, SECONDS } from "../../src/web/dashboard/history.js";
import { bytes, count, micros, perSecond, span, text } from "../../src/web/dashboard/format.js";
import { LINE_IS_DOWN, PATIENCE, startBrowser, startServer, startServerAt } from "./house.mjs";

// What Node has of its own from version 22 on is undici's.
const WebSocket = globalThis.WebSocket ?? (await import("undici")).WebSocket;
const SCREENSHOTS = new URL("../../target/screenshots/", import.meta.url).pathname;
/** What the browser says of a key that is refused. */
const NOT_THE_KEY = /401 \(Unauthorized\)/;

let browser;
const running = new Set();

before(async () => {
  browser = await startBrowser();
  mkdirSync(SCREENSHOTS, { recursive: true });
});

after(async () => {
  await browser?.stop();
  await Promise.all([...running].map((end) => end()));
});

async function serve(...flags) {
  const server = await startServer(...flags);
  running.add(() => server.kill());
  return server;
}

const state = (page, wanted) => page.waitForSelector(`#state[data-state="${wanted}"]`);
const live = (page) => state(page, "open").then(() => page.waitForFunction(() => document.querySelector("#apps tbody tr")));

async function watch(server) {
  const page = await browser.open(server.address);
  await live(page);
  return page;
}

/** A WebSocket that is open. */
async function join(server, path) {
  const socket = new WebSocket(server.address.replace("http", "ws") + path);
  running.add(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`${path} does not open`));
  });
  return socket;
}

/** A listener that never reads, and that the server knows of. */
async function joinSilently(server) {
  const upgrades = async () => (await metrics(server)).get('roomcast_http_requests_total{route="/ws",status="101"}') ?? 0;
  const before = await upgrades();
  const { hostname, port } = new URL(server.address);
  const socket = connect(Number(port), hostname).pause();
  running.add(() => socket.destroy());
  socket.on("error", () => {});
  socket.write(
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await until(async () => (await upgrades()) > before);
}

async function until(holds) {
  const deadline = Date.now() + PATIENCE;
  while (!(await holds())) assert.ok(Date.now() < deadline, `it never comes true: ${holds}`);
}

async function publish(server, payload) {
  const body = JSON.stringify({ type: "demo:hello", payload });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${server.address}/api/v1/events`, { method: "POST", headers, body });
  assert.equal(answer.status, 202, await answer.text());
}

async function create(server, number) {
  const body = JSON.stringify({ repository: "roomcast", title: `number ${number}` });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${server.address}/api/v1/tasks`, { method: "POST", headers, body });
  assert.equal(answer.status, 201, await answer.text());
}

async function metrics(server) {
  const text = await (await fetch(`${server.address}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

/** The tables as they are shown: for each row its cells by the heads of their columns. */
const tables = (page, id) =>
  page.evaluate((id) => {
    const table = document.querySelector(`#${id} table`);
    const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    return [...table.tBodies[0].rows].map((row) => Object.fromEntries([...row.cells].map((cell, index) => [heads[index], cell.textContent])));
  }, id);

const tile = (page, title) =>
  page.evaluate((title) => {
    const found = [...document.querySelectorAll(".tile")].find((tile) => tile.querySelector("h3").textContent === title);
    return [...found.querySelectorAll(".value, .note")].map((element) => element.textContent);
  }, title);

const plain = (shown) => Number(shown.replaceAll(",", ""));

test("it shows the numbers of the metrics", async () => {
  const server = await serve("--queue-messages", "4", "--write-timeout", "5m", "--memory-budget", "64MiB");
  const page = await watch(server);
  await Promise.all([join(server, "/ws"), join(server, "/ws"), join(server, "/v1/stream")]);
  const leaver = await join(server, "/ws");
  await new Promise((resolve) => {
    leaver.onclose = resolve;
    leaver.close();
  });
  await joinSilently(server);
  const dropped = async () => (await metrics(server)).get('roomcast_messages_dropped_total{app="events"}');
  while ((await dropped()) < 3) await publish(server, { pad: "x".repeat(500_000) });

  // Everything is quiet now but for the dashboard itself, which counts under ops.
  let counted;
  const compared = async () => {
    counted = await metrics(server);
    const rows = await tables(page, "apps");
    return rows.filter(({ App }) => App !== "ops").map((row) => {
      const of = (name) => counted.get(`roomcast_${name}{app="${row.App}"}`);
      return [
        [row.Connections, of("connections")],
        [row.Rooms, of("rooms")],
        [row.Delivered, of("messages_delivered_total")],
        [row.Dropped, of("messages_dropped_total")],
        [row.Evicted, of("evictions_total")],
      ].map(([shown, number]) => [plain(shown), number]);
    });
  };
  await until(async () => (await compared()).flat().every(([shown, number]) => shown === number));
  const rows = await compared();
  assert.equal(rows.length, 5, JSON.stringify(rows));

  const sum = (name) => [...counted].filter(([key]) => key.startsWith(`roomcast_${name}{`)).reduce((all, [, value]) => all + value, 0);
  assert.equal(plain((await tile(page, "Connections"))[0]), sum("connections"));
  assert.equal(plain((await tile(page, "Rooms"))[0]), sum("rooms"));
  await until(async () => (await tile(page, "Drops"))[0] === "0 /s");
  assert.equal((await tile(page, "Drops"))[1], `${sum("messages_dropped_total")} since the start`);
  // The system may still take some of what waits, and has taken as much as it likes: a mebibyte is left, or less.
  await until(async () => {
    const held = (await metrics(server)).get("roomcast_queue_bytes");
    const [number, unit] = (await tile(page, "Queue memory"))[0].split(/\s/);
    const shown = Number(number.replace(",", "")) * { KiB: 1 << 10, MiB: 1 << 20 }[unit];
    return Math.abs(shown - held) <= 0.06 * held;
  });
  assert.match((await tile(page, "Queue memory"))[1], /^of 64 MiB, /);
  await until(async () => {
    const waiting = (await metrics(server)).get("roomcast_queue_messages");
    const backlogs = await tables(page, "backlogs");
    return backlogs.length === 1 && backlogs[0].App === "events" && plain(backlogs[0].Messages) === waiting && waiting > 0;
  });
  const room = (await tables(page, "rooms"))[0];
  assert.deepEqual(room, { Room: "events", App: "events", Members: "3" });
  const requests = await tables(page, "requests");
  const publishes = requests.find(({ Route }) => Route === "/api/v1/events");
  assert.equal(plain(publishes.Answered), counted.get('roomcast_http_requests_total{route="/api/v1/events",status="202"}'));
  const [close] = await tables(page, "closes");
  assert.equal(close.App, "events");
  assert.equal(counted.get(`roomcast_closes_total{app="events",code="${close.Code}"}`), plain(close.Ended));
  await page.close();
});

test("rates and graphs follow what happens, and can be looked back at", async () => {
  const server = await serve();
  const page = await watch(server);
  await join(server, "/ws");
  await page.waitForFunction(() => {
    const [connections] = document.querySelectorAll(".tile svg");
    return / last 2, lowest 1, highest 2$/.test(connections.getAttribute("aria-label"));
  });
  const highest = () => {
    const graph = [...document.querySelectorAll(".tile svg")].find((svg) => svg.getAttribute("aria-label").startsWith("Messages out"));
    return Number(/highest ([\d.]+) \/s$/.exec(graph.getAttribute("aria-label"))?.[1] ?? 0) > 5;
  };
  // So many for each report, until one tells of enough: a busy machine may spread them over several.
  await until(async () => {
    const uptime = await page.textContent("#uptime");
    await Promise.all(Array.from({ length: 20 }, (_, number) => publish(server, { number })));
    await page.waitForFunction((uptime) => document.getElementById("uptime").textContent !== uptime, uptime);
    return page.evaluate(highest);
  });
  await page.click("#pause");
  const seen = new Set();
  await page.focus("#ago");
  for (let ago = 1; ago <= 8; ago += 1) {
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.textContent("#moment"), `${ago} s ago`);
    seen.add((await tile(page, "Messages out"))[0]);
  }
  assert.ok(seen.size >= 2, `the numbers of earlier are shown: ${[...seen]}`);
  await page.click("#pause");
  await page.close();
});

/** A report of which only these numbers are told. */
function report({ uptime_ms, received, requests = 0, start_micros = 1 }) {
  const app = { app: "events", connections: 1, rooms: 1, messages_received: received, messages_published: 0, messages_delivered: 0, messages_dropped: 0, closes: {} };
  const spans = { p50_micros: null, p99_micros: null };
  const process = { start_micros, cpu_micros: uptime_ms * 500 };
  const http_requests = [{ route: "/", status: 404, count: requests }];
  const totals = { queue_bytes: 0, received_bytes: 0, sent_bytes: 0 };
  return { uptime_ms, apps: [app], ...totals, loop_turn: spans, publish_to_write: spans, process, http_requests };
}

test("rates are of the last second, and of one run of the server", () => {
  const history = new History();
  const first = history.add(report({ uptime_ms: 1000, received: 50 }), 1);
  assert.deepEqual([first.connections, first.received, first.cpu], [1, null, null]);
  const second = history.add(report({ uptime_ms: 3000, received: 60, requests: 4 }), 3);
  assert.deepEqual([second.received, second.refused, second.cpu, second.apps[0].received_rate], [5, 2, 50, 5]);
  for (const start_micros of [1, 2]) {
    const restarted = history.add(report({ uptime_ms: 500 * start_micros, received: 3, start_micros }), 3 + start_micros);
    assert.deepEqual([restarted.received, restarted.requests[0].rate], [null, null]);
  }
});

test("two minutes are kept, and found by how long ago they were", () => {
  const history = new History();
  for (let at = 1; at <= 1000; at += 1) history.add(report({ uptime_ms: at * 1000, received: at }), at);
  assert.ok(Math.abs(history.samples.length - SECONDS) <= 4, `${history.samples.length} samples`);
  assert.equal(history.find(1000, 0).report.uptime_ms, 1_000_000);
  assert.equal(history.find(1000, 100).report.uptime_ms, 900_000);
  assert.equal(history.find(1000, SECONDS + 10), undefined);
});

test("numbers are short and have their unit", () => {
  const all = [
    [count, 0, "0"],
    [count, 19_000, "19,000"],
    [count, 1_234_567, "1.2M"],
    [perSecond, 0.25, "0.3 /s"],
    [count, 123_456, "123.5K"],
    [perSecond, 0, "0 /s"],
    [perSecond, 1_234.4, "1,234 /s"],
    [perSecond, 12_345, "12.3K /s"],
    [bytes, 1023, "1,023 B"],
    [bytes, 1536, "1.5 KiB"],
    [bytes, 256 << 20, "256 MiB"],
    [micros, 42, "42 µs"],
    [micros, 1_500, "1.5 ms"],
    [micros, 2_500_000, "2.5 s"],
  ];
  for (const [format, value, shown] of all) assert.equal(text(format(value)), shown);
  const spans = [0, 59_999, 60_000, 3_725_000, 90_000_000].map(span);
  assert.deepEqual(spans, ["0 s", "59 s", "1 min 0 s", "1 h 2 min", "1 d 1 h"]);
});

test("what stands still stays until it may go on", async () => {
  const server = await serve();
  const page = await watch(server);
  await page.click("#pause");
  const uptime = await page.textContent("#uptime");
  const told = () => metrics(server).then((counted) => counted.get('roomcast_messages_delivered_total{app="ops"}'));
  const then = await told();
  await until(async () => (await told()) >= then + 3);
  assert.equal(await page.textContent("#uptime"), uptime);
  await page.click("#pause");
  await page.waitForFunction((uptime) => document.getElementById("uptime").textContent !== uptime, uptime);
  await page.close();
});

test("a room's name is shown as text", async () => {
  const server = await serve();
  const page = await watch(server);
  const socket = await join(server, "/api/v1/tasks/ws?version=1.0");
  const name = "<img src=x onerror=alert(1)>";
  socket.send(JSON.stringify({ type: "subscribe", data: { repositories: [name] } }));
  await page.waitForFunction((name) => document.getElementById("rooms").textContent.includes(name), name);
  assert.equal(await page.locator("#rooms img").count(), 0);
  await page.close();
});

test("it comes back when the server does", async () => {
  const server = await serve();
  const page = await watch(server);
  await page.waitForFunction(() => document.querySelector(".line").getAttribute("d").includes("L"));
  const errors = browser.errors.length;
  await server.kill();
  await state(page, "waiting");
  await page.locator("#state").getByText("reconnecting: the server is not answering", { exact: true }).waitFor();
  assert.ok(await page.evaluate(() => document.body.classList.contains("stale")));
  const again = await startServerAt(new URL(server.address).host);
  running.add(() => again.kill());
  await live(page);
  await page.waitForFunction(() => /^[1-9]\d? s$/.test(document.getElementById("uptime").textContent));
  const rates = await page.evaluate(() => [...document.querySelectorAll(".figure, td.number")].map((element) => element.textContent));
  assert.ok(rates.every((shown) => !shown.startsWith("-") && !shown.includes("NaN")), rates.join(" "));
  const other = browser.errors.splice(errors).filter((error) => !LINE_IS_DOWN.test(error));
  assert.deepEqual(other, []);
  await page.close();
});

test("a server that is full is said to be, until it has a place", async () => {
  const server = await serve("--max-connections", "1");
  const holder = await join(server, "/ws");
  const errors = browser.errors.length;
  const page = await browser.open(server.address);
  await page.locator("#state").getByText("reconnecting: the server is full", { exact: true }).waitFor();
  await state(page, "waiting");
  holder.close();
  await live(page);
  assert.equal(await page.textContent("#state"), "live");
  const other = browser.errors.splice(errors).filter((error) => !/WebSocket connection to|503 \(Service/.test(error));
  assert.deepEqual(other, []);
  await page.close();
});

test("a server with keys is asked for with one of them, which only this tab keeps", async () => {
  const server = await serve("--key", "the-right-one");
  const errors = browser.errors.length;
  const page = await browser.open(server.address);
  await page.waitForSelector("#gate:visible");
  assert.equal(await page.textContent("#state"), "needs a key");
  assert.deepEqual(await Promise.all(["#board", "#about"].map((part) => page.isHidden(part))), [true, true]);
  assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  await page.screenshot({ path: `${SCREENSHOTS}dashboard-key.png` });

  await page.keyboard.type("a-wrong-one");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#refusal:visible");
  assert.equal(await page.textContent("#refusal"), "That is not one of this server's keys.");
  await page.keyboard.type("the-right-one");
  await page.keyboard.press("Enter");
  await live(page);
  assert.ok(await page.isHidden("#gate"));
  assert.ok(!page.url().includes("right"), page.url());

  await page.reload();
  await live(page);
  assert.ok(await page.isHidden("#gate"));
  const stored = await page.evaluate(() => [Object.values({ ...sessionStorage }), localStorage.length, document.cookie]);
  assert.deepEqual(stored, [["the-right-one"], 0, ""]);
  const another = await browser.open(server.address);
  await another.waitForSelector("#gate:visible");
  await another.close();

  // The same server with another key: what the tab has kept is of no use any more.
  await server.kill();
  await state(page, "waiting");
  const again = await startServerAt(new URL(server.address).host, "--key", "a-new-one");
  running.add(() => again.kill());
  await page.waitForSelector("#gate:visible");
  assert.equal(await page.textContent("#refusal"), "The server does not take this key any more.");
  await page.fill("#key", "a-new-one");
  await page.keyboard.press("Enter");
  await live(page);
  const other = browser.errors.splice(errors).filter((error) => !LINE_IS_DOWN.test(error) && !NOT_THE_KEY.test(error));
  assert.deepEqual(other, []);
  await page.close();
});

test("too many wrong keys are said to be that, and none is taken for right", async () => {
  const server = await serve("--key", "the-right-one", "--guest-calls-per-minute", "3");
  const errors = browser.errors.length;
  const page = await browser.open(server.address);
  await page.waitForSelector("#gate:visible");
  for (const said of ["That is not one of this server's keys.", "Too many wrong keys came from this address"]) {
    await page.fill("#key", "a-wrong-one");
    await page.keyboard.press("Enter");
    await page.waitForFunction((said) => document.querySelector("#refusal").textContent.startsWith(said), said);
  }
  assert.ok(await page.isVisible("#gate"));
  await page.fill("#key", "the-right-one");
  await page.keyboard.press("Enter");
  await live(page);
  const other = browser.errors.splice(errors).filter((error) => !NOT_THE_KEY.test(error) && !/ 429 /.test(error));
  assert.deepEqual(other, []);
  await page.close();
});

test("everything is reached and done with the keyboard", async () => {
  const server = await serve();
  const page = await watch(server);
  const reached = new Set();
  const focused = () => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    return [at === document.body ? "" : at.id || `${at.closest("[id]")?.id} ${at.textContent}`, style.outlineStyle];
  };
  for (let press = 0; press < 100; press += 1) {
    await page.keyboard.press("Tab");
    const [name, outline] = await page.evaluate(focused);
    if (!name || reached.has(name)) break;
    assert.notEqual(outline, "none", `${name} shows that it has the focus`);
    reached.add(name);
  }
  const all = await page.locator("a:visible, button:visible, input:visible").count();
  assert.equal(reached.size, all, [...reached].join(", "));

  const first = async () => (await tables(page, "apps"))[0].App;
  assert.equal(await first(), "ops");
  await page.locator("#apps th button").first().focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#apps th >> nth=0", "aria-sort"), "ascending");
  assert.equal(await first(), "events");
  await page.keyboard.press("Space");
  assert.equal(await page.getAttribute("#apps th >> nth=0", "aria-sort"), "descending");
  assert.equal(await first(), "tasks");
  await page.close();
});

test("it is readable in the light, in the dark and on a phone", async () => {
  const folder = mkdtempSync(beside(tmpdir(), "roomcast-dashboard-"));
  running.add(() => rmSync(folder, { recursive: true }));
  const server = await serve("--queue-messages", "4", "--write-timeout", "5m", "--echo", "--data", beside(folder, "roomcast.db"));
  const page = await watch(server);
  const wide = { width: 1280, height: 900 };
  await page.setViewportSize(wide);
  await Promise.all(Array.from({ length: 12 }, () => join(server, "/ws")));
  await joinSilently(server);
  const echo = await join(server, "/echo");
  const tasks = await join(server, "/api/v1/tasks/ws?version=1.0");
  const repositories = ["a-repository/with-a-name-that-is-much-longer-than-a-phone-is-wide-in-any-font", "*", "roomcast"];
  tasks.send(JSON.stringify({ type: "subscribe", data: { repositories } }));
  // A dozen seconds in which something happens, counted by the reports that the page has had.
  let number = 0;
  await page.exposeFunction("happen", async () => {
    number += 1;
    for (let one = 0; one < 5 + 4 * Math.sin(number); one += 1) {
      await publish(server, { pad: "x".repeat(120_000) });
      echo.send("hello");
      await create(server, number);
    }
    return number;
  });
  await page.evaluate(async () => {
    const uptime = document.getElementById("uptime");
    await new Promise((resolve) => {
      const observer = new MutationObserver(async () => (await window.happen()) >= 12 && (observer.disconnect(), resolve()));
      observer.observe(uptime, { childList: true, characterData: true, subtree: true });
    });
  });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const papers = new Set();
  for (const [scheme, size, name] of [
    ["light", wide, "light"],
    ["dark", wide, "dark"],
    ["light", { width: 768, height: 1024 }, "tablet"],
    ["light", { width: 360, height: 740 }, "phone"],
    ["dark", { width: 360, height: 740 }, "phone-dark"],
  ]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize(size);
    papers.add(await paper());
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= size.width, `${name}: ${width} pixels are wider than ${size.width}`);
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll(".tile p, .tile h3, td, th")]
        .filter((element) => element.offsetParent && !element.closest(".unseen") && element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.textContent),
    );
    assert.deepEqual(cut, [], `${name}: nothing is cut`);
    await page.screenshot({ path: `${SCREENSHOTS}dashboard-${name}.png`, fullPage: true });
  }
  assert.equal(papers.size, 2);
  await page.click("#pause");
  const widths = await page.evaluate(() => {
    for (const number of document.querySelectorAll(".figure, td.number")) number.textContent = "19,000";
    return [document.documentElement, document.getElementById("apps")].map((part) => [part.scrollWidth, part.clientWidth]);
  });
  for (const [needed, there] of widths) assert.ok(needed <= there, `large numbers need ${needed} pixels of ${there}`);
  await page.close();
});

test("no page wrote an error to its console", () => {
  assert.deepEqual(browser.errors, []);
});
