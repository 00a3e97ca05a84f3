// What the READMEs have for a page, tried in a real browser: `node pages.mjs HUB README...`.
//
// Between the lines `<!-- run -->` and `<!-- end of run -->` a block marked `js` is pasted into the console of the hub's
// own page, and the `text` block behind it is what is logged, in any order; times, positions, identifiers, tokens and
// codes are compared by kind only. A block marked `html` is a page of its own, served on http://localhost: it must show an
// event that is published.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { PATIENCE, startBrowser } from "../../tests/browser/house.mjs";

const [hub, ...files] = process.argv.slice(2);
const REGION = /^<!-- run -->$(.*?)^<!-- end of run -->$/gms;
const BLOCK = /^```(sh|js|html|text|json)\n(.*?)^```$/gms;
const VOLATILE = [
  [/(\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>"],
  [/\b[0-9a-f]{8}-\d+\b/g, "<position>"],
  [/eyJ\w+(\.[\w-]+\.[\w-]+|…)/g, "<token>"],
  [/\b[0-9a-f]{32}\b/g, "<id>"],
  [/\b[A-HJKMNP-Z2-9]{6}\b/g, "<code>"],
];

const normal = (line) => VOLATILE.reduce((text, [pattern, name]) => text.replace(pattern, name), line);
const ours = (text) => text.replaceAll(":8080", `:${new URL(hub).port}`);
const lines = (text) => text.split("\n").filter(Boolean).map(normal).sort();

/** What a block logs in the console of the hub's page. */
async function logged(browser, code, count) {
  const page = await browser.open(`${hub}/`);
  const said = [];
  const enough = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only this was logged:\n${said.join("\n")}`)), PATIENCE);
    page.on("console", (message) => {
      said.push(message.text());
      if (said.length < count) return;
      clearTimeout(timer);
      resolve();
    });
  });
  await page.evaluate(`(async () => { ${ours(code)} })()`);
  await enough;
  await page.close();
  return said.map(normal).sort();
}

/** Whether a page shows what is published. */
async function shows(browser, html) {
  const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html; charset=utf-8").end(ours(html)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const page = await browser.open(`http://localhost:${server.address().port}/`);
  const body = JSON.stringify({ type: "readme:shown", payload: { example: 1 } });
  // The page is connected at some time soon: an event is not kept for it.
  const publish = () => fetch(`${hub}/api/v1/events`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const again = setInterval(publish, 500);
  await page.getByText('readme:shown {"example":1}').first().waitFor();
  clearInterval(again);
  await page.close();
  server.close();
}

const browser = await startBrowser();
let [count, failures] = [0, 0];
for (const file of files) {
  for (const [, region] of readFileSync(file, "utf8").matchAll(REGION)) {
    const blocks = [...region.matchAll(BLOCK)].map(([, kind, text]) => ({ kind, text }));
    for (const [index, { kind, text }] of blocks.entries()) {
      if (kind !== "js" && kind !== "html") continue;
      count += 1;
      try {
        if (kind === "html") await shows(browser, text);
        else {
          const wanted = lines(blocks[index + 1].text);
          const came = await logged(browser, text, wanted.length);
          if (wanted.join("\n") !== came.join("\n")) throw new Error(`wanted:\n${wanted.join("\n")}\nlogged:\n${came.join("\n")}`);
        }
      } catch (error) {
        failures += 1;
        console.log(`${file}: this does something else\n\n${text}\n${error.message}\n`);
      }
    }
  }
}
await browser.stop();
console.log(`readme: ${count} examples for pages, ${failures} failed`);
process.exit(failures ? 1 : 0);
