// Every page behind a proxy that takes a prefix off: nothing that it asks for may leave the prefix, and all of it works.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { reaches, runLine, shows, startBetween, startHub, startTabs, stopAll } from "./demos.mjs";

const KEY = "a-secret-key";
let tabs;
let hub;
let site;

before(async () => {
  tabs = await startTabs();
  hub = await startHub();
  site = await startBetween(hub, "/inner/hub/");
});
after(stopAll);
afterEach(() => {
  assert.deepEqual(site.astray, []);
  assert.deepEqual(tabs.errors, []);
});

const open = (path) => tabs.open(site.address + path);

test("the dashboard is live, and leads to the demos", async () => {
  const page = await open("");
  await reaches(page, "open");
  await shows(page, "#status", "ready");
  await page.click("#foot a");
  await page.waitForURL(`${site.address}demo/`);
  await page.close();
});

test("with or without its last slash a page is where the slash is, and leads to every other", async () => {
  const page = await open("demo");
  assert.equal(page.url(), `${site.address}demo/`);
  const names = await page.locator("main a").allTextContents();
  assert.equal(names.length, 5);
  for (const name of names) {
    await page.getByRole("link", { name }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    const there = page.url();
    assert.ok(there.endsWith("/"), there);
    await page.goto(`${there.slice(0, -1)}#x`);
    assert.equal(page.url().split("#")[0], there);
    await page.getByRole("link", { name: "roomcast" }).click();
    await page.waitForURL(site.address);
    await page.goto(there);
    await page.getByRole("link", { name: "demos" }).click();
    await page.waitForURL(`${site.address}demo/`);
  }
  await page.close();
  // The session that `#x` names is none.
  tabs.forgive(/status of 404/);
});

test("events: what is published there and from its line for a shell arrives", async () => {
  const page = await open("demo/events/");
  await reaches(page, "open");
  await page.click("#publish button");
  await shows(page, "#count", "1");
  assert.equal((await runLine(page, "#curl")).receivers, 1);
  await shows(page, "#count", "2");
  await page.close();
});

test("sessions: the phone's link and both lines for a shell stay under the prefix", async () => {
  const page = await open("demo/sessions/");
  await page.click("#create button");
  await reaches(page, "open");
  const link = await page.inputValue("#link");
  assert.ok(link.startsWith(`${site.address}demo/sessions/phone#`), link);
  const phone = await tabs.open(link);
  await runLine(phone, "#curl");
  await shows(page, '#steps [aria-current="step"]', "Opened");
  await phone.click("#started");
  await shows(page, '#steps [aria-current="step"]', "Action started");
  await runLine(page, "#curl-next");
  await shows(page, "#outcome pre", "from a shell");
  await Promise.all([page.close(), phone.close()]);
});

test("tasks: the board is listed, told and changed", async () => {
  const page = await open("demo/tasks/");
  await reaches(page, "open");
  const { id } = await runLine(page, "#curl");
  await page.locator(`[data-task="${id}"]`).waitFor();
  await page.close();
});

test("stream: a block that is published there arrives", async () => {
  const page = await open("demo/stream/");
  await reaches(page, "open");
  await runLine(page, "#curl");
  await page.locator("#blocks li").waitFor();
  await page.close();
});

test("rooms: two players talk, and the game speaks to them", async () => {
  const page = await open("demo/rooms/");
  await page.fill("#create-name", "Ada");
  await page.click("#create button");
  await reaches(page, "open");
  const other = await tabs.open(page.url());
  await other.fill("#join-name", "Bob");
  await other.click("#join button");
  await reaches(other, "open");
  await other.fill("#message", "hello from there");
  await other.click("#speak button");
  await shows(page, "#chat", "hello from there");
  assert.equal((await runLine(page, "#curl")).receivers, 2);
  await Promise.all([page.close(), other.close()]);
});

test("a key that one hub was shown is not shown to another of the same origin", async () => {
  const guarded = await startHub("--key", KEY);
  const site = await startBetween(guarded, "/hub/");
  const page = await tabs.open(site.address);
  await page.fill("#key", KEY);
  await page.keyboard.press("Enter");
  await reaches(page, "open");
  await page.goto(`${site.address}demo/tasks/`);
  await reaches(page, "open");
  const kept = await page.evaluate(() => ({ ...sessionStorage }));
  assert.deepEqual(kept, { "roomcast.key /hub/": KEY });
  await page.close();
  assert.deepEqual(site.astray, []);
  tabs.forgive(/status of 401/);
});
