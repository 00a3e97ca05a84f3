// The live feed in two windows of a real browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startServer } from "./house.mjs";

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
});

after(async () => {
  await browser?.stop();
  await server?.stop();
});

const connected = (page) => page.waitForSelector('#state[data-state="connected"]');
const shown = (page, text) => page.waitForSelector(`#feed li:has-text("${text}")`);

async function publish(type, payload) {
  const body = JSON.stringify({ type, payload });
  const answer = await fetch(`${server.address}/api/v1/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  assert.equal(answer.status, 202, await answer.text());
}

test("an event that is published by a back-end is shown in both windows", async () => {
  const pages = await Promise.all([browser.open(`${server.address}/feed`), browser.open(`${server.address}/feed`)]);
  await Promise.all(pages.map(connected));
  await publish("stream:created", { projectId: "p", streamId: "s", name: "from a back-end" });
  await Promise.all(pages.map((page) => shown(page, "from a back-end")));
  await Promise.all(pages.map((page) => page.close()));
});

test("the form publishes to everybody and says to how many", async () => {
  const [writer, reader] = await Promise.all([browser.open(`${server.address}/feed`), browser.open(`${server.address}/feed`)]);
  await Promise.all([connected(writer), connected(reader)]);
  await writer.fill("#payload", '{"text": "from the form"}');
  await writer.click("button");
  await shown(reader, "from the form");
  await writer.waitForSelector('#answer:has-text("queued for 2")');
  assert.match(await writer.textContent("#curl"), /^curl -d '\{"type":"demo:hello"/);
  await Promise.all([writer.close(), reader.close()]);
});

test("a script in a payload stays text", async () => {
  const page = await browser.open(`${server.address}/feed`);
  await connected(page);
  await publish("demo:script", { text: "<img src=x onerror=alert(1)><script>alert(2)</script>" });
  await shown(page, "<script>alert(2)</script>");
  assert.equal(await page.locator("#feed img, #feed script").count(), 0);
  await page.close();
});

test("a refused event is explained on the page", async () => {
  const page = await browser.open(`${server.address}/feed`);
  await connected(page);
  await page.fill("#type", "connection:fake");
  const errors = browser.errors.length;
  await page.click("button");
  await page.waitForFunction(() => document.getElementById("answer").textContent.includes("reserved"));
  // The browser itself logs the 400 as an error; that one is expected.
  browser.errors.length = errors;
  await page.close();
});

test("no page wrote an error to its console", () => {
  assert.deepEqual(browser.errors, []);
});
