// The WebSocket of a real Chromium: the scenarios run in a page, as any page's script would.
//
// The page is one of the hub's own addresses, so that its origin is allowed; its modules are handed to it on the way.

import { readFile } from "node:fs/promises";
import { startBrowser } from "../../browser/house.mjs";

const http = process.env.ROOMCAST_URL;
const browser = await startBrowser();
try {
  const page = await browser.open(`${http}/healthz`);
  for (const name of ["scenarios.mjs", "chromium_page.mjs"]) {
    const body = await readFile(new URL(name, import.meta.url), "utf8");
    await page.route(`${http}/${name}`, (route) => route.fulfill({ body, contentType: "text/javascript" }));
  }
  await page.exposeFunction("report", console.log);
  await page.evaluate(() => import("/chromium_page.mjs"));
} finally {
  await browser.stop();
}
