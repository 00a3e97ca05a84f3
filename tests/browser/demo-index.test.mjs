// The list of demos, and that every page of them is where somebody would look for it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { picture, startHub, startTabs, stopAll } from "./demos.mjs";

let tabs;
let hub;

before(async () => {
  tabs = await startTabs();
  hub = await startHub();
});
after(stopAll);

test("the list of demos leads to each, and every page has a way back", async () => {
  const page = await tabs.open(`${hub.address}/demo/`);
  await picture(page, "index");
  const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  assert.deepEqual(links.toSorted(), ["events", "rooms", "sessions", "stream", "tasks"].map((name) => `${name}/`));
  for (const link of links) {
    for (const path of [link, link.slice(0, -1)]) {
      const answer = await page.goto(`${hub.address}/demo/${path}`);
      assert.equal(answer.status(), 200, path);
      assert.equal(await page.locator('nav a[href="../"]').count(), 1, path);
    }
  }
  await page.close();
});

test("no page wrote an error to its console", () => {
  assert.deepEqual(tabs.errors, []);
});
