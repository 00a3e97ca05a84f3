// The task board in real tabs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  LINE_IS_DOWN, NO_TRACES, SCRIPT, dense, namesEverything, picture, reaches, runLine, shows, stall, startHub, startTabs, stopAll, traces, until, untilDropped,
} from "./demos.mjs";
import { startServerAt } from "./house.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  hub = await startHub("--queue-messages", "8", "--write-timeout", "60s");
});
after(stopAll);

/** A page that watches these repositories, or all. */
async function open(repositories) {
  const page = await tabs.open(`${hub.address}/demo/tasks/`);
  await reaches(page, "open");
  await shows(page, "#watching", "all repositories");
  if (repositories) await watch(page, repositories);
  return page;
}
async function watch(page, repositories) {
  await page.fill("#repositories", repositories);
  await page.click("#filter button");
  await shows(page, "#watching", `changes of ${repositories}.`);
}
const card = (page, title) => page.locator(".card").filter({ has: page.locator("h4", { hasText: title }) });
const inColumn = (page, status, title) => shows(page, `[data-status="${status}"] .card h4`, title);
const isGone = (page, title) => card(page, title).waitFor({ state: "detached" });
const create = (repository, title, fields = {}) => hub.call("POST", "/api/v1/tasks", { repository, title, ...fields });
const close = (...pages) => Promise.all(pages.map((page) => page.close()));

test("what one page creates, moves, edits and deletes the other shows", async () => {
  const [writer, reader] = [await open(), await open()];
  await namesEverything(writer);
  await writer.fill("#title", "Paint the fence");
  await writer.fill("#description", "White, as before");
  await writer.selectOption("#priority", "high");
  await writer.click("#create button");
  for (const page of [writer, reader]) await inColumn(page, "pending", "Paint the fence");
  await shows(reader, ".card .badge", "high");
  await card(writer, "Paint the fence").getByRole("combobox").selectOption("in_progress");
  for (const page of [writer, reader]) await inColumn(page, "in_progress", "Paint the fence");
  await card(reader, "Paint the fence").getByRole("button", { name: "Edit" }).click();
  await reader.fill("#edit-title", "Paint the gate");
  await reader.selectOption("#edit-priority", "low");
  await reader.click("#edit button[type=submit]");
  for (const page of [writer, reader]) await inColumn(page, "in_progress", "Paint the gate");
  assert.equal(await reader.locator("#editor").isVisible(), false);
  await card(writer, "Paint the gate").getByRole("button", { name: "Delete" }).click();
  for (const page of [writer, reader]) await isGone(page, "Paint the gate");
  assert.deepEqual(await reader.locator("#log strong").allTextContents(), ["deleted", "changed", "changed", "created"]);
  await close(writer, reader);
});

test("a card is moved with the keyboard alone, and stays under the hand", async () => {
  const page = await open();
  await create("keys", "Move me");
  await card(page, "Move me").getByRole("combobox").focus();
  await page.keyboard.press("ArrowDown");
  await inColumn(page, "in_progress", "Move me");
  const held = await page.evaluate(() => document.activeElement.closest(".card")?.querySelector("h4").textContent);
  assert.equal(held, "Move me");
  await close(page);
});

test("a change of one card leaves the others as they are", async () => {
  const page = await open();
  await create("r", "Stays put", { priority: "high" });
  const moved = await create("r", "Moves on", { priority: "high" });
  await inColumn(page, "pending", "Moves on");
  const stays = await card(page, "Stays put").elementHandle();
  await hub.call("PATCH", `/api/v1/tasks/${moved.id}`, { status: "in_progress" });
  await inColumn(page, "in_progress", "Moves on");
  await hub.call("PATCH", `/api/v1/tasks/${moved.id}`, { status: "pending", priority: "low" });
  await inColumn(page, "pending", "Moves on");
  assert.ok(await stays.evaluate((element) => element.isConnected));
  const titles = await page.locator('[data-status="pending"] .card h4').allTextContents();
  assert.ok(titles.indexOf("Stays put") < titles.indexOf("Moves on"), titles.join());
  assert.equal(await card(page, "Moves on").count(), 1);
  await close(page);
});

test("a card is moved by dragging it", async () => {
  const page = await open();
  await create("mouse", "Drag me");
  await card(page, "Drag me").locator("h4").dragTo(page.locator('[data-status="completed"]'));
  await inColumn(page, "completed", "Drag me");
  await close(page);
});

test("a page sees the repositories that it watches and no others, also after it has changed its mind", async () => {
  const page = await open("red, green");
  await create("blue", "A blue task");
  await create("green", "A green task");
  await create("red", "A red task");
  await inColumn(page, "pending", "A red task");
  assert.deepEqual(await page.locator(".card h4").allTextContents(), ["A green task", "A red task"]);
  await watch(page, "blue");
  await isGone(page, "A red task");
  await inColumn(page, "pending", "A blue task");
  await create("red", "Another red task");
  await create("blue", "Another blue task");
  await inColumn(page, "pending", "Another blue task");
  assert.equal(await card(page, "Another red task").count(), 0);
  await close(page);
});

test("the line for a shell creates the task that the form would", async () => {
  const page = await open();
  await page.fill("#title", "It's from a shell");
  await page.selectOption("#status", "completed");
  await runLine(page, "#curl");
  await inColumn(page, "completed", "It's from a shell");
  await close(page);
});

test("a script in a title, a description or a repository stays text", async () => {
  const page = await open();
  await create(SCRIPT, SCRIPT, { description: SCRIPT });
  await inColumn(page, "pending", "<script>ran=1</script>");
  await shows(page, "#log li", "<script>ran=1</script>");
  assert.deepEqual(await traces(page, "body"), NO_TRACES);
  await picture(page, "tasks");
  await close(page);
});

test("what the hub refuses is said in its words, and nothing is moved", async () => {
  const page = await open();
  const { id } = await create("gone", "Soon gone");
  await inColumn(page, "pending", "Soon gone");
  // Deleted between the look and the hand: the page is told of neither while the hub is asked.
  await page.route(`**/api/v1/tasks/${id}`, (route) => route.continue({ url: `${hub.address}/api/v1/tasks/unknown` }));
  await card(page, "Soon gone").getByRole("combobox").selectOption("completed");
  await shows(page, '#answer[data-kind="bad"]', "404");
  await inColumn(page, "pending", "Soon gone");
  assert.equal(await card(page, "Soon gone").getByRole("combobox").inputValue(), "pending");
  await close(page);
  tabs.forgive(/status of 404/);
});

test("a tab that stood still fetches what it missed", async () => {
  const page = await open("big");
  const resume = await stall(page);
  const { id } = await create("big", "The last word");
  const description = dense(400_000);
  let count;
  try {
    count = await untilDropped(hub, "tasks", (number) => hub.call("PATCH", `/api/v1/tasks/${id}`, { description: `${number} ${description}` }));
    await hub.call("DELETE", `/api/v1/tasks/${id}`);
    await create("big", `After ${count} changes`);
  } finally {
    await resume();
  }
  const notice = page.locator("#notices .notice");
  await until(async (number) => {
    await create("big", `Once more ${number}`);
    return notice.count();
  });
  assert.match(await notice.textContent(), /has missed more than the hub still has, and nobody can tell how much. The board was fetched anew/);
  // The deletion and the creation were dropped for it, and only a new list can tell.
  await inColumn(page, "pending", `After ${count} changes`);
  await isGone(page, "The last word");
  await close(page);
});

test("it comes back to a hub that was killed and started again, with the board of that one", async () => {
  const pages = [await open(), await open()];
  await create("red", "Before");
  for (const page of pages) await inColumn(page, "pending", "Before");
  await hub.kill();
  await Promise.all(pages.map((page) => reaches(page, "waiting")));
  await hub.start();
  await create("red", "After");
  for (const page of pages) {
    await inColumn(page, "pending", "After");
    await isGone(page, "Before");
  }
  await close(...pages);
  tabs.forgive(LINE_IS_DOWN);
});

test("with a key the board asks for it before it connects", async () => {
  const guarded = await startHub("--key", "a-secret-key");
  const page = await tabs.open(`${guarded.address}/demo/tasks`);
  await shows(page, "#key-panel", "This hub asks for a key");
  await page.fill("#key", "a-secret-key");
  await page.click("#key-panel button");
  await reaches(page, "open");
  await page.fill("#title", "With a key");
  await page.click("#create button[type=submit]");
  await inColumn(page, "pending", "With a key");
  await close(page);
  tabs.forgive(/status of 401/);
});

test("a key that the hub does not take any more is asked for again", async (t) => {
  const guarded = await startHub("--key", "the-old-one");
  const page = await tabs.open(`${guarded.address}/demo/tasks/`);
  await page.fill("#key", "the-old-one");
  await page.click("#key-panel button");
  await reaches(page, "open");
  await guarded.kill();
  await reaches(page, "waiting");
  const again = await startServerAt(new URL(guarded.address).host, "--key", "the-new-one");
  t.after(() => again.kill());
  await shows(page, "#key-panel .answer", "does not know this key");
  await page.fill("#key", "the-new-one");
  await page.click("#key-panel button");
  await reaches(page, "open");
  await close(page);
  tabs.forgive(LINE_IS_DOWN, /status of 401/);
});

test("no page wrote an error to its console that no test asked for", () => {
  assert.deepEqual(tabs.errors, []);
});
