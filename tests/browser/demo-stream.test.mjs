// The block explorer in real tabs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  LINE_IS_DOWN, NO_TRACES, SCRIPT, namesEverything, picture, reaches, runLine, shows, startHub, startTabs, stopAll, traces, until,
} from "./demos.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  // Ten connections a minute are too few for tests.
  hub = await startHub("--set", "stream.connections_per_minute=1000");
});
after(stopAll);

async function open() {
  const page = await tabs.open(`${hub.address}/demo/stream/`);
  await reaches(page, "open");
  return page;
}
const close = (...pages) => Promise.all(pages.map((page) => page.close()));
const tx = (fields = {}) => ({ hash: "0x1", from_addr: "0x2", to_addr: "0x3", value_wei: "0", block_height: 7, ...fields });
const block = (fields = {}) => ({ height: 7, hash: "0x4", tx_count: 0, timestamp: 0, miner: "0x5", gas_used: 0, ...fields });
const publishTxs = (...txs) => hub.call("POST", "/v1/txs", txs);
const count = async (page, id) => Number(await page.textContent(`#${id}`));
const counts = (page, id, number) => page.waitForFunction(([id, number]) => document.getElementById(id).textContent === String(number), [id, number]);

test("what the generator publishes on one page both show", async () => {
  const [writer, reader] = [await open(), await open()];
  await namesEverything(writer);
  await writer.click("#publish");
  const said = await writer.locator('#answer[data-kind="good"]').textContent();
  const [, height, number] = /^Published block (\d+) with (\d+) transactions\.$/.exec(said);
  for (const page of [writer, reader]) {
    await counts(page, "tx-count", number);
    assert.equal(await count(page, "block-count"), 1);
    assert.equal((await page.locator("#blocks strong").textContent()).replaceAll("\u202f", ""), height);
    assert.deepEqual(await page.locator("#rows tr td:last-child").allTextContents(), Array(Number(number)).fill(height));
  }
  await close(writer, reader);
});

test("two pages that publish by turns make one chain", async () => {
  const [one, other] = [await open(), await open()];
  for (const [index, page] of [one, other, one].entries()) {
    await page.click("#publish");
    for (const each of [one, other]) await counts(each, "block-count", index + 1);
  }
  const heights = (await other.locator("#blocks strong").allTextContents()).map((text) => Number(text.replaceAll("\u202f", "")));
  assert.deepEqual(heights, [heights[2] + 2, heights[2] + 1, heights[2]]);
  await picture(other, "stream");
  await close(one, other);
});

test("a channel that is not ticked brings nothing", async () => {
  const page = await open();
  await page.uncheck("#newTxs");
  // No answer tells that the hub has heard it: a block comes behind each transaction, until one comes alone.
  const hears = async () => {
    const [blocks, txs] = [await count(page, "block-count"), await count(page, "tx-count")];
    await publishTxs(tx());
    await hub.call("POST", "/v1/blocks", block());
    await counts(page, "block-count", blocks + 1);
    return (await count(page, "tx-count")) > txs;
  };
  await until(async () => !(await hears()));
  assert.equal(await hears(), false);
  await page.check("#newTxs");
  await until(hears);
  await close(page);
});

test("the table is bounded, and the count is not", async () => {
  const page = await open();
  await publishTxs(...Array.from({ length: 60 }, (_, index) => tx({ block_height: index })));
  await counts(page, "tx-count", 60);
  const heights = await page.locator("#rows td:last-child").allTextContents();
  assert.deepEqual(heights, Array.from({ length: 25 }, (_, index) => String(59 - index)));
  await close(page);
});

test("amounts of wei are exact, whatever their length", async () => {
  const page = await open();
  await publishTxs(tx({ value_wei: "0" }), tx({ value_wei: "1500000000000000000" }), tx({ value_wei: "123456789012345678901234567" }), tx({ value_wei: "9".repeat(2_000) }), tx({ to_addr: null }));
  await counts(page, "tx-count", 5);
  const values = await page.locator("#rows td:nth-child(4)").allTextContents();
  assert.deepEqual(values, ["0.000000", "2000 digits of wei", "123456789.012345", "1.500000", "0.000000"]);
  await shows(page, "#rows tr:first-child td:nth-child(3)", "new contract");
  await picture(page, "stream-odd");
  await close(page);
});

test("the line for a shell publishes the block that it shows", async () => {
  const page = await open();
  assert.deepEqual(await runLine(page, "#curl"), { accepted: 1 });
  await counts(page, "block-count", 1);
  await close(page);
});

test("a script in a hash or an address stays text", async () => {
  const page = await open();
  await publishTxs(tx({ hash: SCRIPT, from_addr: SCRIPT, to_addr: "<b>x</b>" }));
  await hub.call("POST", "/v1/blocks", block({ hash: "<b>x</b>", miner: SCRIPT }));
  await shows(page, "#blocks code", "<b>x</b>");
  await shows(page, "#rows code", "<b>x</b>");
  assert.deepEqual(await traces(page, "main"), NO_TRACES);
  await close(page);
});

test("it goes on by itself until it is told to stop", async () => {
  const page = await open();
  await page.click("#keep");
  await page.waitForFunction(() => Number(document.getElementById("block-count").textContent) >= 2);
  assert.equal(await page.getAttribute("#keep", "aria-pressed"), "true");
  await page.click("#keep");
  assert.equal(await page.getAttribute("#keep", "aria-pressed"), "false");
  await close(page);
});

test("it comes back with the channels that are ticked", async () => {
  const page = await open();
  await page.uncheck("#newBlocks");
  await hub.kill();
  await reaches(page, "waiting");
  await hub.start();
  await reaches(page, "open");
  await page.click("#publish");
  await shows(page, '#answer[data-kind="good"]', "Published");
  await page.waitForFunction(() => document.getElementById("tx-count").textContent !== "0");
  assert.equal(await count(page, "block-count"), 0);
  await close(page);
  tabs.forgive(LINE_IS_DOWN);
});

test("a connection that the hub refuses is tried again, and said", async () => {
  const strict = await startHub("--set", "stream.connections_per_minute=1");
  const first = await tabs.open(`${strict.address}/demo/stream/`);
  await reaches(first, "open");
  const second = await tabs.open(`${strict.address}/demo/stream/`);
  // Both at one time: the pause is short, and then it connects once more.
  await shows(second, '#state[data-state="waiting"]', /^reconnecting/);
  await close(first, second);
  tabs.forgive(LINE_IS_DOWN);
});

test("a hub that is ready but takes no more of this app is said to refuse", async () => {
  const full = await startHub("--set", "stream.max_connections=1");
  const open = () => tabs.open(`${full.address}/demo/stream/`);
  const first = await open();
  await reaches(first, "open");
  const second = await open();
  await shows(second, "#state", "the hub is ready, but refuses this connection");
  await close(first, second);
  // What no WebSocket is given for, no stream of events is given for either.
  tabs.forgive(/WebSocket connection|status of (429|503)/);
});

test("no page wrote an error to its console that no test asked for", () => {
  assert.deepEqual(tabs.errors, []);
});
