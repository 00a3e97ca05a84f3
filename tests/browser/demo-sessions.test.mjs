// A session's life in two real tabs: one that waits, and the phone's.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import jsQR from "jsqr";
import {
  LINE_IS_DOWN, NO_TRACES, SCRIPT, namesEverything, picture, reaches, runLine, shows, startHub, startTabs, stopAll, traces,
} from "./demos.mjs";
import { startServerAt } from "./house.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  hub = await startHub();
});
after(stopAll);

/** A page that waits for a session, and the link for the phone. */
async function wait(purpose) {
  const page = await tabs.open(`${hub.address}/demo/sessions/`);
  if (purpose) await page.fill("#purpose", purpose);
  await page.click("#create button");
  await reaches(page, "open");
  await step(page, "Pending");
  return { page, link: await page.inputValue("#link") };
}
async function pair(purpose) {
  const { page, link } = await wait(purpose);
  const phone = await tabs.open(link);
  await step(phone, "Pending");
  return [page, phone];
}
const step = (page, name) => shows(page, '#steps [aria-current="step"]', name);
const close = (...pages) => Promise.all(pages.map((page) => page.close()));

test("the page that waits is told of each step that the phone takes", async () => {
  const [page, phone] = await pair("Open the gate");
  await Promise.all([page, phone].map(namesEverything));
  await shows(phone, "#purpose", "Open the gate");
  await phone.click("#opened");
  await step(page, "Opened");
  await phone.click("#started");
  await step(page, "Action started");
  await picture(page, "sessions");
  await picture(phone, "sessions-phone");
  await phone.fill("#note", "by the book");
  await phone.click("#finish button");
  await step(page, "Completed");
  for (const each of [page, phone]) {
    const result = JSON.parse(await each.locator("#outcome pre").textContent());
    assert.deepEqual(result, { decision: "approved", note: "by the book" });
  }
  const heard = await page.locator("#log strong").allTextContents();
  assert.deepEqual(heard, ["status_update", "status_update", "status_update", "completed"]);
  await picture(page, "sessions-completed");
  await close(page, phone);
});

test("what is declined is told so", async () => {
  const [page, phone] = await pair();
  await phone.click("#finish button.danger");
  await shows(page, "#outcome pre", "declined");
  await close(page, phone);
});

test("both screens show the same code and pattern, and another session has others", async () => {
  const [[page, phone], other] = [await pair(), await wait()];
  const code = (page) => page.textContent("#code");
  const pattern = (page) => page.getAttribute("#tile path", "d");
  for (const look of [code, pattern]) {
    assert.equal(await look(page), await look(phone));
    assert.notEqual(await look(page), await look(other.page));
  }
  await close(page, phone, other.page);
});

test("the identifier is in the part of the link that is sent to nobody", async () => {
  const { page, link } = await wait();
  const { pathname, search, hash } = new URL(link);
  assert.deepEqual([pathname, search], ["/demo/sessions/phone", ""]);
  assert.match(hash, /^#[0-9a-f]{32}$/);
  await close(page);
});

/** What a phone reads on the page, in the light and in the dark. */
async function scan(page) {
  const read = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForFunction(() => document.getElementById("qr").complete);
    const picture = (await page.locator("#qr").screenshot()).toString("base64");
    const { width, height, pixels } = await page.evaluate(async (picture) => {
      const image = new Image();
      image.src = `data:image/png;base64,${picture}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
      canvas.drawImage(image, 0, 0);
      const { width, height, data } = canvas.getImageData(0, 0, image.width, image.height);
      return { width, height, pixels: [...data] };
    }, picture);
    read.push(jsQR(Uint8ClampedArray.from(pixels), width, height)?.data);
  }
  return read;
}

test("a phone reads the link in the QR code, and the page says when that leads nowhere", async () => {
  const { page, link } = await wait();
  await page.locator("#qr").waitFor();
  assert.deepEqual(await scan(page), [link, link]);
  assert.equal(await page.locator("#local").isVisible(), true);
  await page.click("#create button");
  await page.waitForFunction((before) => document.getElementById("link").value !== before, link);
  await page.locator("#qr").waitFor();
  const next = await page.inputValue("#link");
  assert.deepEqual(await scan(page), [next, next]);
  await close(page);
});

test("from an address that other machines have, too, nothing more is said of the link", async () => {
  const open = await startHub("--allow-origin", "*");
  const page = await tabs.open(`http://hub.example:${new URL(open.address).port}/demo/sessions/`);
  await page.click("#create button");
  await page.locator("#qr").waitFor();
  const link = await page.inputValue("#link");
  assert.ok(link.startsWith("http://hub.example:"), link);
  assert.deepEqual(await scan(page), [link, link]);
  assert.equal(await page.locator("#local").isVisible(), false);
  await close(page);
});

test("the lines for a shell create a session and go through all its steps", async () => {
  const { page } = await wait();
  assert.equal((await runLine(page, "#curl")).status, "pending");
  for (const next of ["Opened", "Action started", "Completed"]) {
    await runLine(page, "#curl-next");
    await step(page, next);
  }
  assert.equal(await page.locator("#curl-next").isVisible(), false);
  await close(page);
});

test("the phone's own line does its next step", async () => {
  const [page, phone] = await pair();
  await runLine(phone, "#curl");
  await step(page, "Opened");
  await close(page, phone);
});

test("a script in a purpose or a note stays text, on both", async () => {
  const [page, phone] = await pair(SCRIPT);
  await phone.fill("#note", SCRIPT);
  await phone.click("#finish button");
  await shows(page, "#outcome pre", "<script>ran=1</script>");
  await shows(phone, "#purpose", "<script>ran=1</script>");
  for (const each of [page, phone]) assert.deepEqual(await traces(each, "main"), NO_TRACES);
  await close(page, phone);
});

test("a reload goes on waiting, and a session that is over is shown so", async () => {
  const [page, phone] = await pair();
  await phone.click("#opened");
  await step(page, "Opened");
  await page.reload();
  await step(page, "Opened");
  await phone.click("#finish button");
  await step(page, "Completed");
  await page.reload();
  await shows(page, "#outcome pre", "approved");
  await close(page, phone);
});

test("a step that somebody else has already taken is refused, in words, and shown", async () => {
  const [page, phone] = await pair();
  const second = await tabs.open(phone.url());
  await step(second, "Pending");
  await phone.click("#started");
  await step(page, "Action started");
  await second.click("#opened");
  await shows(second, '#answer[data-kind="bad"]', "409");
  await step(second, "Action started");
  await close(page, phone, second);
  tabs.forgive(/status of 409/);
});

test("a session that is deleted ends the waiting, and is unknown to the phone", async () => {
  const [page, phone] = await pair();
  await page.click("#delete");
  await shows(page, "#notices .notice", "The session was deleted.");
  await reaches(page, "closed");
  await phone.click("#opened");
  await shows(phone, "#why", "There is no such session");
  await close(page, phone);
  tabs.forgive(/status of 404/);
});

test("another session in the same page takes the place of the first", async () => {
  const { page, link } = await wait();
  await page.click("#create button");
  await page.waitForFunction((before) => document.getElementById("link").value !== before, link);
  await reaches(page, "open");
  assert.equal(await page.locator("#notices .notice").count(), 0);
  await close(page);
});

test("a link that was mangled on its way is an unknown session, on both pages", async () => {
  const page = await tabs.open(`${hub.address}/demo/sessions/#%zz`);
  await shows(page, "#notices .notice", "404");
  const phone = await tabs.open(`${hub.address}/demo/sessions/phone#%`);
  await shows(phone, "#why", "There is no such session");
  await close(page, phone);
  tabs.forgive(/status of 404/);
});

test("a hub that was started anew does not know the session, and the page says so", async () => {
  const { page } = await wait();
  await hub.kill();
  await reaches(page, "waiting");
  await hub.start();
  await shows(page, "#notices .notice", "does not know this session any more");
  await page.click("#create button");
  await step(page, "Pending");
  await close(page);
  tabs.forgive(LINE_IS_DOWN, /status of 404/);
});

test("with a key the page waits just so, and the key is in no link", async () => {
  const guarded = await startHub("--key", "a-secret-key");
  const page = await tabs.open(`${guarded.address}/demo/sessions/`);
  await page.click("#create button");
  await page.fill("#key", "a-secret-key");
  await page.keyboard.press("Enter");
  await page.click("#create button");
  await reaches(page, "open");
  assert.ok(!(await page.inputValue("#link")).includes("a-secret-key"));
  const phone = await tabs.open(await page.inputValue("#link"));
  await shows(phone, "#key-panel", "This hub asks for a key");
  await phone.fill("#key", "a-secret-key");
  await phone.click("#key-panel button");
  await step(phone, "Pending");
  await phone.click("#opened");
  await step(page, "Opened");
  await close(page, phone);
  tabs.forgive(/status of 401/);
});

test("a key that the hub does not take any more is asked for again, and then it is said what became of the session", async (t) => {
  const guarded = await startHub("--key", "the-old-one");
  const page = await tabs.open(`${guarded.address}/demo/sessions/`);
  await page.click("#create button");
  await page.fill("#key", "the-old-one");
  await page.keyboard.press("Enter");
  await page.click("#create button");
  await reaches(page, "open");
  await guarded.kill();
  await reaches(page, "waiting");
  const again = await startServerAt(new URL(guarded.address).host, "--key", "the-new-one");
  t.after(() => again.kill());
  await shows(page, "#key-panel .answer", "does not know this key");
  await page.fill("#key", "the-new-one");
  await page.keyboard.press("Enter");
  await shows(page, "#notices .notice", "does not know this session any more");
  await reaches(page, "closed");
  await close(page);
  tabs.forgive(LINE_IS_DOWN, /status of 40[14]/);
});

test("no page wrote an error to its console that no test asked for", () => {
  assert.deepEqual(tabs.errors, []);
});
