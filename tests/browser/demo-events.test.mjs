// The event feed in a real browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  LINE_IS_DOWN, NO_TRACES, SCRIPT, dense, namesEverything, picture, reaches, runLine, shows, stall, startHub, startTabs, stopAll, traces, until, untilDropped, untilMembers,
} from "./demos.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  // Small queues, so that a tab that stands still is soon behind; patience, so that it is not given up meanwhile.
  hub = await startHub("--queue-messages", "8", "--write-timeout", "60s");
});
after(stopAll);

async function open(count, path = "/demo/events/") {
  const pages = await Promise.all(Array.from({ length: count }, () => tabs.open(hub.address + path)));
  await Promise.all(pages.map((page) => reaches(page, "open")));
  // The hub may not have seen yet that the pages of the test before are gone.
  await untilMembers(hub, "events", count);
  return pages;
}
const close = (pages) => Promise.all(pages.map((page) => page.close()));
const publish = (payload) => hub.call("POST", "/api/v1/events", { type: "demo:test", payload });

test("what one page publishes both show, and it says to how many it went", async () => {
  const [writer, reader] = await open(2);
  await namesEverything(writer);
  await writer.selectOption("#example", "stream:created");
  await writer.fill("#payload", '{"projectId":"p","streamId":"s","name":"from a page"}');
  await writer.click("#publish button");
  for (const page of [writer, reader]) await shows(page, "#feed li", "from a page");
  await shows(writer, "#answer", "Queued for 2 connections.");
  assert.equal(await reader.textContent("#count"), "1");
  await close([writer, reader]);
});

test("the line for a shell does the same, with an apostrophe too", async () => {
  const [page, other] = await open(2, "/demo/events");
  await page.fill("#payload", `{"text": "it's from a shell"}`);
  assert.equal((await runLine(page, "#curl")).receivers, 2);
  for (const each of [page, other]) await shows(each, "#feed li", "it's from a shell");
  await close([page, other]);
});

test("every example is one that the hub takes", async () => {
  const [page] = await open(1);
  for (const type of await page.locator("#example option").allTextContents()) {
    await page.selectOption("#example", type);
    await page.click("#publish button");
    await shows(page, "#feed li strong", type);
  }
  await picture(page, "events");
  await page.close();
});

test("a script stays text", async () => {
  const [page] = await open(1);
  await publish({ text: SCRIPT });
  await shows(page, "#feed li", "<script>ran=1</script>");
  assert.deepEqual(await traces(page, "main"), NO_TRACES);
  await page.close();
});

test("what the hub refuses is said in its words", async () => {
  const [page] = await open(1);
  await page.fill("#type", "connection:fake");
  await page.click("#publish button");
  await shows(page, '#answer[data-kind="bad"]', "reserved");
  await page.fill("#payload", "{");
  await page.click("#publish button");
  await shows(page, '#answer[data-kind="bad"]', "the body");
  await page.close();
  tabs.forgive(/status of 400/);
});

test("a tab that stood still is told how much it missed", async () => {
  const [page] = await open(1);
  const resume = await stall(page);
  const text = dense(400_000);
  try {
    await untilDropped(hub, "events", (number) => publish({ number, text }));
  } finally {
    await resume();
  }
  // The hub says it before the next message that this tab gets, which is not before it has caught up.
  const notice = page.locator("#notices .notice");
  await until(async () => {
    await publish({ text: "after" });
    return notice.count();
  });
  assert.match(await notice.textContent(), /has missed (1 message|\d+ messages) that the hub no longer has/);
  await shows(page, "#feed .gap", /^This tab was too slow: [1-9]\d* messages? skipped here, and asked for$/);
  await shows(page, "#feed .gap", /^Gap: [1-9]\d* messages? lost here$/);
  assert.ok((await page.locator("#feed code").last().textContent()).length < 1_000, "a long payload is shown whole");
  await picture(page, "events-lagged");
  await notice.getByRole("button").click();
  assert.equal(await notice.count(), 0);
  await page.close();
});

test("it comes back to a hub that was killed and started again, and says that something may be missing", async () => {
  const pages = await open(2);
  await hub.kill();
  await Promise.all(pages.map((page) => reaches(page, "waiting")));
  await pages[0].click("#publish button");
  await shows(pages[0], "#answer", "The hub does not answer.");
  await hub.start();
  await Promise.all(pages.map((page) => reaches(page, "open")));
  for (const page of pages) await shows(page, "#feed .gap", "Gap: nobody can tell how much is missing here");
  await pages[0].click("#publish button");
  for (const page of pages) await shows(page, "#feed strong", "demo:hello");
  await close(pages);
  tabs.forgive(LINE_IS_DOWN);
});

/** What the feed shows, oldest first: numbers of events, and sentences. */
async function rows(page) {
  const all = await page.locator("#feed li").evaluateAll((items) => {
    const number = (item) => JSON.parse(item.querySelector("code").textContent).number;
    return items.map((item) => (item.matches(".gap, .told") ? item.textContent : number(item)));
  });
  return all.reverse();
}

/** The page is open; then its line is cut, ten are published, and it comes back. */
async function cutAndComeBack(hub) {
  const page = await tabs.open(`${hub.address}/demo/events/`);
  await reaches(page, "open");
  const publish = (number) => hub.call("POST", "/api/v1/events", { type: "demo:test", payload: { number } });
  await publish(0);
  await shows(page, "#count", "1");
  await page.getByRole("button", { name: "Cut the line" }).click();
  await shows(page, '#state[data-state="waiting"]', "cut");
  await untilMembers(hub, "events", 0);
  await picture(page, "events-cut");
  for (let number = 1; number <= 10; number += 1) await publish(number);
  await page.getByRole("button", { name: "Come back" }).click();
  await reaches(page, "open");
  await publish(11);
  await shows(page, "#feed code", '"number":11');
  return page;
}

test("a line that is cut comes back, and ten that were published meanwhile are there, once and in order", async () => {
  const page = await cutAndComeBack(await startHub());
  assert.deepEqual(await rows(page), [0, "Resumed: 10 messages to come that had been missed", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.equal(await page.locator("#notices .notice").count(), 0);
  await picture(page, "events-resumed");
  await page.close();
});

test("what the hub has no more of is a gap, and what it still has comes", async () => {
  const page = await cutAndComeBack(await startHub("--set", "events.history_messages=3"));
  assert.deepEqual(await rows(page), [0, "Resumed: 3 messages to come that had been missed", "Gap: 7 messages lost here", 8, 9, 10, 11]);
  await shows(page, "#notices .notice", "This tab has missed 7 messages that the hub no longer has.");
  await picture(page, "events-gap");
  await page.close();
});

test("a hub that is full is said to be, until it has a place", async () => {
  const full = await startHub("--max-connections", "1");
  const open = async () => tabs.open(`${full.address}/demo/events/`);
  const first = await open();
  await reaches(first, "open");
  const second = await open();
  await shows(second, "#state", "the hub is full");
  await first.close();
  await reaches(second, "open");
  assert.equal(await second.textContent("#state"), "connected");
  await second.close();
  tabs.forgive(/WebSocket connection|status of 503/);
});

test("a hub with keys is asked with one, which is kept in this tab and shown nowhere", async () => {
  const guarded = await startHub("--key", "a-secret-key");
  const page = await tabs.open(`${guarded.address}/demo/events/`);
  await reaches(page, "open");
  await page.click("#publish button");
  await shows(page, "#key-panel", "This hub asks for a key");
  await page.fill("#key", "clé");
  await page.click("#key-panel button");
  await shows(page, "#key-panel .answer", "ASCII");
  await page.fill("#key", "wrong");
  await page.click("#key-panel button");
  await page.click("#publish button");
  await shows(page, "#key-panel .answer", "does not know this key");
  await picture(page, "key");
  await page.fill("#key", "a-secret-key");
  await page.keyboard.press("Enter");
  await page.click("#publish button");
  await shows(page, "#feed strong", "demo:hello");
  assert.equal(await page.locator("#key-panel").count(), 0);
  const line = await page.textContent("#curl code");
  assert.match(line, / -H "Authorization: Bearer \$ROOMCAST_KEY" /);
  assert.ok(!(await page.content()).includes("a-secret-key"));
  assert.deepEqual(await page.evaluate(() => [sessionStorage["roomcast.key /"], localStorage.length]), ["a-secret-key", 0]);
  await page.close();
  tabs.forgive(/status of 401/);
});

test("no page wrote an error to its console that no test asked for", () => {
  assert.deepEqual(tabs.errors, []);
});
