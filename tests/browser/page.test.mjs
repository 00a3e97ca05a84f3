// The browser client in a real browser, whose network goes away and comes back.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { startBrowser, startServer, startServerAt } from "./house.mjs";

let server;
let browser;
let page;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
  page = await browser.open(server.address);
  await page.evaluate(async () => {
    const { connect, events } = await import("/roomcast.js");
    globalThis.heard = [];
    // Without a question to ask, a line is doubted for what the browser says alone.
    globalThis.feed = connect("/", { app: { ...events(), probe: undefined }, retry: { last: 500 } });
    for (const type of ["open", "message", "close"]) feed.on(type, (detail) => heard.push({ type, detail }));
  });
});

after(async () => {
  await browser?.stop();
  await server?.stop();
});

/** The next event of this type, with this detail, that the page has heard and nobody has waited for yet. */
async function next(type, details = {}) {
  const fits = ([wanted, details]) => {
    const has = ([name, value]) => ({ detail }) => detail[name] === value;
    const all = [(event) => event.type === wanted, ...Object.entries(details).map(has)];
    const index = heard.findIndex((event) => all.every((one) => one(event)));
    return index < 0 ? undefined : heard.splice(index, 1)[0];
  };
  const found = await page.waitForFunction(fits, [type, details]);
  return (await found.jsonValue()).detail;
}

async function publish(text) {
  const answer = await fetch(`${server.address}/api/v1/events`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type: "demo:hello", payload: { text } }),
  });
  assert.equal(answer.status, 202);
}

test("a page hears what is published", async () => {
  assert.deepEqual(await next("open"), { again: false });
  await publish("first");
  assert.deepEqual((await next("message")).payload, { text: "first" });
});

test("it comes back to a hub that was killed and started again", async () => {
  const { host } = new URL(server.address);
  await server.kill();
  const { code, final } = await next("close");
  assert.deepEqual([code, final], [1006, false]);
  server = await startServerAt(host);
  assert.deepEqual(await next("open"), { again: true });
  await publish("second");
  assert.deepEqual((await next("message")).payload, { text: "second" });
});

test("a line of before the network went away is not trusted", async () => {
  await page.context().setOffline(true);
  await page.context().setOffline(false);
  await next("close", { reason: "offline" });
  assert.deepEqual(await next("open"), { again: true });
  await publish("third");
  assert.deepEqual((await next("message")).payload, { text: "third" });
});

test("it leaves when it is told to", async () => {
  await page.evaluate(() => feed.close());
  assert.deepEqual(await next("close", { final: true }), { code: 1000, reason: "", final: true });
  const heard = await page.evaluate(() => {
    heard.length = 0;
    dispatchEvent(new Event("online"));
    return [heard, feed.state];
  });
  assert.deepEqual(heard, [[], "closed"]);
});

test("a page from elsewhere loads it from the hub, where its origin is allowed", async () => {
  const html = `<!doctype html><link rel="icon" href="data:,"><ol id="feed"></ol>
    <script type="module">
      import { connect, events } from "${server.address}/roomcast.js";
      const feed = connect("${server.address}/", { app: events() });
      feed.on("open", () => document.title = "open");
      feed.on("message", ({ payload }) => {
        const row = document.createElement("li");
        row.textContent = payload.text;
        document.getElementById("feed").prepend(row);
      });
    </script>`;
  const site = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(html)).listen(0, "127.0.0.1");
  await once(site, "listening");
  const elsewhere = await browser.open(`http://localhost:${site.address().port}/`);
  await elsewhere.waitForFunction(() => document.title === "open");
  await publish("hello");
  await elsewhere.waitForSelector('#feed li:has-text("hello")');
  await elsewhere.close();
  site.closeAllConnections();
  site.close();
});
