// What every browser test needs: the real server on a free port, the real browser, and an end to both.

import { spawn } from "node:child_process";
import { mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const BIN = process.env.ROOMCAST_BIN ?? "target/debug/roomcast";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** How long anything may take before a test gives up on it: waits end with what they wait for. */
export const PATIENCE = 120_000;
/** What the browser itself says of a line that it cannot have: nobody listens, or who did was killed meanwhile. */
export const LINE_IS_DOWN = /ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)|WebSocket connection to/;
/** How long the browser may take to end by itself. */
const LAST_MS = 30_000;
const ADDRESS = /listening on (http:\/\/\S+)/;

/** Starts the server on a free port; resolves to its address and two ways to end it. */
export function startServer(...flags) {
  return startServerAt("127.0.0.1:0", ...flags);
}

/** The same on a port of the test's choice: the one that another server has left. */
export async function startServerAt(listen, ...flags) {
  // A busy machine is no reason to refuse anybody. Nothing is kept, as hubs beside each other would share one file; a flag
  // beats that.
  const env = { ...process.env, ROOMCAST_LOOP_LAG_LIMIT: "10m", ROOMCAST_DATA: "off" };
  const child = spawn(BIN, ["--listen", listen, ...flags], { env, stdio: ["ignore", "ignore", "pipe"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const said = [];
  const address = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const found = ADDRESS.exec(line);
      if (found) resolve(found[1]);
    });
    exited.then((code) => reject(new Error(`the server ended with ${code}:\n${said.join("\n")}`)));
  });
  const end = (signal) => {
    child.kill(signal);
    return exited;
  };
  return { address, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

/** Starts the browser; pages of it fail the test when their console has an error. */
export async function startBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "roomcast-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    timeout: PATIENCE,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // A name by which this machine looks like another one.
      "--host-resolver-rules=MAP hub.example 127.0.0.1",
    ],
  });
  context.setDefaultTimeout(PATIENCE);
  const errors = [];
  /** Opens a page, once it has been prepared. */
  const open = async (url, prepare = async () => {}) => {
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await prepare(page);
    await page.goto(url);
    return page;
  };
  const stop = async () => {
    // Its profile names the machine and the process; one that hangs would keep the tests from ending.
    const owner = await readlink(join(profile, "SingletonLock"));
    const end = setTimeout(() => process.kill(Number(owner.split("-").at(-1)), "SIGKILL"), LAST_MS);
    await context.close();
    clearTimeout(end);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { open, errors, stop };
}
