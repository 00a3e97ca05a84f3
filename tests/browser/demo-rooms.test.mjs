// The game room in real tabs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  LINE_IS_DOWN, NO_TRACES, SCRIPT, namesEverything, picture, reaches, runLine, shows, startHub, startTabs, startWire, stopAll, traces, until,
} from "./demos.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  hub = await startHub();
});
after(stopAll);

/** Opens a room; its page, whose address is the link to join by. */
async function create(name, address = hub.address) {
  const page = await tabs.open(`${address}/demo/rooms/`);
  await page.fill("#create-name", name);
  await page.click("#create button");
  await reaches(page, "open");
  return page;
}
async function join(name, host) {
  const page = await tabs.open(host.url());
  await page.fill("#join-name", name);
  await page.click("#join button");
  await reaches(page, "open");
  await shows(host, "#players li[data-connected]", name);
  return page;
}
async function say(page, text, to = "everybody") {
  await page.selectOption("#to", { label: to });
  await page.fill("#message", text);
  await page.click("#speak button");
}
/** Says all of this before the page does anything else, so that the hub hears much of it in one millisecond. */
const sayAtOnce = (page, texts) =>
  page.evaluate((texts) => {
    for (const text of texts) {
      document.getElementById("message").value = text;
      document.getElementById("speak").requestSubmit();
    }
  }, texts);
const said = (page, text) => shows(page, "#chat li[data-id] .said", text);
const chat = (page) => page.locator("#chat li[data-id] .said").allTextContents();
const close = (...pages) => Promise.all(pages.map((page) => page.close()));

test("two players meet by a link, and each reads what the other says, once", async () => {
  const ada = await create("Ada");
  await namesEverything(ada);
  const grace = await join("Grace", ada);
  assert.match(new URL(ada.url()).hash, /^#[A-Z2-9]{6}$/);
  await say(ada, "Hello there");
  await said(grace, "Hello there");
  await say(grace, "Hello yourself");
  for (const page of [ada, grace]) {
    await said(page, "Hello yourself");
    assert.deepEqual(await chat(page), ["Hello there", "Hello yourself"]);
    assert.equal(await page.locator("#chat .pending").count(), 0);
  }
  await grace.close();
  await shows(ada, "#player-count", "1 of 2 here");
  await shows(ada, "#chat .system", "Grace is away");
  await ada.close();
});

test("a code joins too, in either case, and who comes later reads what was said", async () => {
  const ada = await create("Ada");
  await say(ada, "Before you came");
  await said(ada, "Before you came");
  const page = await tabs.open(`${hub.address}/demo/rooms`);
  await picture(page, "rooms-lobby");
  await page.fill("#join-code", (await ada.textContent("#code")).toLowerCase());
  await page.fill("#join-name", "Grace");
  await page.click("#join button");
  await said(page, "Before you came");
  await close(ada, page);
});

test("a name that is taken, and a room that is not there, are explained", async () => {
  const ada = await create("Ada");
  const page = await tabs.open(ada.url());
  await page.fill("#join-name", "ADA");
  await page.click("#join button");
  await shows(page, '#joined[data-kind="bad"]', "409");
  await page.fill("#join-code", "AAAAAA");
  await page.click("#join button");
  await shows(page, '#joined[data-kind="bad"]', "404");
  await close(ada, page);
  tabs.forgive(/status of (404|409)/);
});

test("a message is pending until the hub confirms it", async () => {
  const line = await startWire(hub);
  const ada = await create("Ada", line.address);
  line.hold();
  await say(ada, "Is it on?");
  await shows(ada, "#chat .pending .state", "sending");
  assert.deepEqual(await chat(ada), []);
  line.release();
  await said(ada, "Is it on?");
  assert.equal(await ada.locator("#chat .pending").count(), 0);
  await ada.close();
});

test("a seat is kept over a lost line, and what was said meanwhile is there once", async () => {
  const line = await startWire(hub);
  const ada = await create("Ada", line.address);
  // The other one does not go through that wire.
  const grace = await tabs.open(ada.url().replace(line.address, hub.address));
  await grace.fill("#join-name", "Grace");
  await grace.click("#join button");
  await reaches(grace, "open");
  await say(ada, "One");
  await said(grace, "One");
  // Nothing of the hub's comes through: this is said, and never confirmed.
  line.hold();
  await say(ada, "Two");
  await said(grace, "Two");
  await shows(ada, "#chat .pending .said", "Two");
  line.cut();
  await said(ada, "Two");
  assert.equal(await ada.locator("#chat .pending, #chat .failed").count(), 0);
  await say(ada, "Three");
  for (const page of [ada, grace]) {
    await said(page, "Three");
    assert.deepEqual(await chat(page), ["One", "Two", "Three"]);
    await shows(page, "#player-count", "2 of 2 here");
  }
  await close(ada, grace);
});

test("what the hub did not take is marked, and can be said again", async () => {
  const ada = await create("Ada");
  // More than anybody may say in ten seconds.
  const all = 150;
  await sayAtOnce(ada, Array(all).fill("quick"));
  const failed = ada.locator("#chat .failed");
  await failed.first().waitFor();
  await shows(ada, "#chat .failed .answer", "messages a second");
  await ada.waitForFunction(() => document.querySelectorAll("#chat .pending").length === 0);
  const [confirmed, refused] = [(await chat(ada)).length, await failed.count()];
  assert.equal(confirmed + refused, all);
  await picture(ada, "rooms-refused");
  await failed.first().getByRole("button", { name: "Send again" }).click();
  await ada.waitForFunction((before) => document.querySelectorAll("#chat li[data-id]").length === before + 1, confirmed);
  await ada.close();
});

test("everybody votes, sees the count, and changes their mind", async () => {
  const ada = await create("Ada");
  const grace = await join("Grace", ada);
  await ada.fill("#question", "Pizza tonight?");
  await ada.click("#ask button");
  const poll = (page) => page.getByRole("group", { name: "Pizza tonight?" });
  await poll(ada).getByRole("button", { name: "Yes" }).click();
  await poll(grace).getByRole("button", { name: "No" }).click();
  const count = (page) => poll(page).locator(".choice span").allTextContents();
  for (const page of [ada, grace]) {
    await shows(page, ".poll p", "2 voted");
    assert.deepEqual(await count(page), ["1", "1"]);
  }
  await poll(grace).getByRole("button", { name: "Yes" }).click();
  await ada.waitForFunction(() => document.querySelector(".poll .choice span").textContent === "2");
  assert.deepEqual(await count(ada), ["2", "0"]);
  // Who comes later is told by one of those who are here.
  const linus = await join("Linus", ada);
  await shows(linus, ".poll p", "2 voted");
  assert.deepEqual(await count(linus), ["2", "0"]);
  await close(ada, grace, linus);
});

test("a vote for a number has an average", async () => {
  const ada = await create("Ada");
  await ada.selectOption("#choices", { label: "1 to 5" });
  await ada.click("#ask button");
  await ada.locator(".poll").getByRole("button", { name: "4" }).click();
  await shows(ada, ".poll p", "1 voted, 4.0 on average");
  await ada.close();
});

test("a whisper is read by one and by nobody else, nor by who comes later", async () => {
  const ada = await create("Ada");
  const [grace, linus] = [await join("Grace", ada), await join("Linus", ada)];
  await shows(ada, "#player-count", "3 of 3 here");
  await say(ada, "For Grace alone", "Grace");
  await shows(grace, "#chat .whisper .said", "For Grace alone");
  await shows(grace, "#chat .whisper strong", "Ada, in private");
  await shows(ada, "#chat .whisper strong", "to Grace, in private");
  await say(ada, "For all of you");
  await said(linus, "For all of you");
  assert.deepEqual(await linus.locator("#chat .said").allTextContents(), ["For all of you"]);
  await picture(ada, "rooms");
  await close(ada, grace, linus);
});

test("a seat that is taken in another window says so, and can be taken back", async () => {
  const ada = await create("Ada");
  const kept = await ada.evaluate(() => Object.entries(sessionStorage));
  const other = await tabs.open(`${hub.address}/demo/rooms/`);
  await other.evaluate((kept) => kept.forEach(([name, value]) => sessionStorage.setItem(name, value)), kept);
  await other.goto(ada.url());
  await other.reload();
  await reaches(other, "open");
  await shows(ada, "#notices .notice", "taken in another window");
  await reaches(ada, "closed");
  await picture(ada, "rooms-replaced");
  await ada.click("#again");
  await reaches(ada, "open");
  await reaches(other, "closed");
  assert.equal(await ada.locator("#notices .notice").count(), 0);
  await close(ada, other);
});

test("a reload, or a press on the button, comes back to the same seat", async () => {
  const ada = await create("Ada");
  const grace = await join("Grace", ada);
  await say(grace, "Still here?");
  await said(ada, "Still here?");
  await ada.reload();
  await said(ada, "Still here?");
  await ada.click("#again");
  await reaches(ada, "open");
  await say(ada, "Yes");
  await said(grace, "Yes");
  await shows(grace, "#player-count", "2 of 2 here");
  assert.equal(await grace.locator("#players li").count(), 2);
  await close(ada, grace);
});

test("a script in a name, a message, a whisper or a question stays text", async () => {
  const ada = await create("<b>Ada</b><img src=x>");
  const grace = await join("Grace", ada);
  await say(ada, SCRIPT);
  await said(grace, "<script>ran=1</script>");
  await say(ada, SCRIPT, "Grace");
  await shows(grace, "#chat .whisper .said", "<script>ran=1</script>");
  await ada.fill("#question", SCRIPT);
  await ada.click("#ask button");
  await shows(grace, ".poll h3", "<script>ran=1</script>");
  for (const page of [ada, grace]) assert.deepEqual(await traces(page, "main"), NO_TRACES);
  await close(ada, grace);
});

test("the game speaks by the form and by the line for a shell", async () => {
  const ada = await create("Ada");
  const grace = await join("Grace", ada);
  await ada.click("#game button");
  await shows(ada, "#published", "Queued for 2 players.");
  await ada.fill("#payload", `{"phase": "it's day"}`);
  assert.deepEqual(await runLine(ada, "#curl"), { receivers: 2 });
  for (const page of [ada, grace]) {
    for (const phase of ["night", "it's day"]) await shows(page, "#chat .system", `phase_changed {"phase":"${phase}"}`);
  }
  await close(ada, grace);
});

test("a room that a hub does not know any more leads back to the door, with the reason", async () => {
  const ada = await create("Ada");
  await hub.kill();
  await reaches(ada, "waiting");
  await hub.start();
  await shows(ada, "#notices .notice", "The hub does not know");
  assert.equal(await ada.locator("#lobby").isVisible(), true);
  await ada.close();
  tabs.forgive(LINE_IS_DOWN);
});

test("who leaves is at the door, and comes in again only as somebody else", async () => {
  const ada = await create("Ada");
  await ada.click("#leave");
  assert.equal(await ada.locator("#lobby").isVisible(), true);
  assert.equal(await ada.evaluate(() => sessionStorage.length), 0);
  assert.equal(await ada.locator("#notices .notice").count(), 0);
  await ada.close();
});

test("who leaves is out of the room for the others, and the name is free", async () => {
  const ada = await create("Ada");
  const grace = await join("Grace", ada);
  await grace.click("#leave");
  await shows(ada, "#chat .system", "Grace has left");
  await shows(ada, "#player-count", "1 of 1 here");
  await grace.fill("#join-name", "Grace");
  await grace.click("#join button");
  await shows(ada, "#player-count", "2 of 2 here");
  await close(ada, grace);
});

test("a token is renewed long before it ends, on the line and for the next one", async () => {
  const ada = await tabs.open("about:blank");
  await ada.clock.install();
  await ada.goto(`${hub.address}/demo/rooms/`);
  await ada.fill("#create-name", "Ada");
  await ada.click("#create button");
  await reaches(ada, "open");
  const token = () => ada.evaluate(() => JSON.parse(Object.values(sessionStorage)[0]).token);
  const first = await token();
  await ada.clock.fastForward("01:00:00");
  assert.equal(await token(), first);
  await ada.clock.fastForward("12:00:00");
  await until(async () => (await token()) !== first);
  // What the hub would say against it on the line comes before this.
  await say(ada, "Still here.");
  await ada.reload();
  await reaches(ada, "open");
  await ada.close();
});

test("older messages are fetched a page at a time, in their order", async () => {
  const ada = await create("Ada");
  const first = 15;
  await sayAtOnce(ada, Array.from({ length: first }, (_, index) => `Message ${index + 1}.`));
  for (let number = first + 1; number <= 60; number += 1) {
    await say(ada, `Message ${number}.`);
    // Too fast: once more, until the hub takes it.
    await until(async () => {
      await ada.waitForFunction(() => !document.querySelector("#chat .pending"));
      const again = ada.locator("#chat .failed button");
      if (!(await again.count())) return true;
      await again.click();
      return false;
    });
  }
  await ada.waitForFunction(() => document.querySelectorAll("#chat li[data-id]").length === 60);
  await ada.reload();
  await said(ada, "Message 60.");
  assert.equal((await chat(ada)).length, 50);
  await ada.click("#earlier");
  await said(ada, "Message 1.");
  const numbers = (await chat(ada)).map((text) => Number(/\d+/.exec(text)[0]));
  assert.deepEqual(numbers, Array.from({ length: 60 }, (_, index) => index + 1));
  await ada.close();
});

test("a link that was mangled on its way leads to the door, with what is left of the code", async () => {
  const page = await tabs.open(`${hub.address}/demo/rooms/#ab%`);
  await page.waitForFunction(() => document.getElementById("join-code").value === "AB%");
  await page.fill("#create-name", "Ada");
  await page.click("#create button");
  await reaches(page, "open");
  await close(page);
});

test("no page wrote an error to its console that no test asked for", () => {
  assert.deepEqual(tabs.errors, []);
});
