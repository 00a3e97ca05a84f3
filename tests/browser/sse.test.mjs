// The browser client in a real browser behind a proxy that lets no WebSocket through: it reads Server-Sent Events.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startHub, startTabs, stopAll, untilMembers } from "./demos.mjs";
import { startStrict } from "./strict.mjs";

let tabs;
let hub;
let strict;

before(async () => {
  tabs = await startTabs();
  // The stream takes ten new connections a minute from one address.
  hub = await startHub("--set", "stream.connections_per_minute=1000");
  strict = await startStrict(hub.address);
});
after(async () => {
  await strict?.end();
  await stopAll();
});

/** A page that has joined an app, and everything that it has heard. */
async function join(name, options, { address } = strict) {
  const page = await tabs.open(`${address}/demo/`);
  await page.evaluate(
    async ([name, options]) => {
      const client = await import("/roomcast.js");
      globalThis.heard = [];
      globalThis.line = client.connect("/", { app: client[name](options), retry: { last: 200 } });
      for (const type of ["open", "message", "notice", "resumed", "gap", "transport", "close", "dropped"]) {
        line.on(type, (detail) => heard.push({ type, detail }));
      }
    },
    [name, options],
  );
  await page.waitForFunction(() => line.state === "open");
  const of = (type) => page.evaluate((type) => heard.filter((one) => one.type === type).map(({ detail }) => detail), type);
  /** Waits for so many events of a type; all of them. */
  const comes = async (type, count) => {
    await page.waitForFunction(([type, count]) => heard.filter((one) => one.type === type).length >= count, [type, count]);
    return of(type);
  };
  return { page, of, comes };
}

const block = (height) => ({ height, hash: "0x1", tx_count: 0, timestamp: 1, miner: "m", gas_used: 0 });
const APPS = {
  events: {
    publish: (number) => hub.call("POST", "/api/v1/events", { type: "demo:test", payload: { number } }),
    number: ({ payload }) => payload.number,
  },
  tasks: {
    options: { repositories: ["a", "b"] },
    publish: (number) => hub.call("POST", "/api/v1/tasks", { repository: number % 2 ? "a" : "b", title: String(number) }),
    number: ({ data }) => Number(data.task.title),
  },
  stream: {
    options: { channels: ["newBlocks"] },
    publish: (number) => hub.call("POST", "/v1/blocks", block(number)),
    number: ({ data }) => data.height,
  },
};

for (const [name, { options, publish, number }] of Object.entries(APPS)) {
  test(`${name}: it says that it reads events, and ten that it missed come once and in order`, async () => {
    const { page, of, comes } = await join(name, options);
    assert.deepEqual(await of("transport"), ["sse"]);
    assert.equal(await page.evaluate(() => line.transport), "sse");
    await page.waitForFunction(() => line.position !== undefined);
    await publish(1);
    await comes("message", 1);
    strict.shut();
    await page.waitForFunction(() => line.state !== "open");
    for (let next = 2; next <= 11; next += 1) await publish(next);
    strict.open();
    await comes("message", 11);
    await publish(12);
    assert.deepEqual((await comes("message", 12)).map(number), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const [resumed, ...more] = await of("resumed");
    assert.deepEqual([resumed.sent, resumed.missed, more, await of("gap")], [10, 0, [], []]);
    await page.close();
    await untilMembers(hub, name, 0);
  });
}

test("another subscription is another stream of events, in which nothing is missing", async () => {
  const { page, comes } = await join("tasks", { repositories: ["a"] });
  await page.waitForFunction(() => line.position !== undefined);
  await page.evaluate(() => line.subscribe("b,c"));
  await hub.call("POST", "/api/v1/tasks", { repository: "a", title: "1" });
  await hub.call("POST", "/api/v1/tasks", { repository: "b", title: "2" });
  await hub.call("POST", "/api/v1/tasks", { repository: "b,c", title: "3" });
  assert.deepEqual((await comes("message", 2)).map(({ data }) => data.task.title), ["1", "3"]);
  await page.close();
});

test("a session that is deleted is over there, too, and nothing can be said", async () => {
  const { session_id } = await hub.call("POST", "/api/v1/sessions", {});
  const { page, comes } = await join("sessions", { session_id });
  await hub.call("POST", `/api/v1/sessions/${session_id}/status`, { status: "opened" });
  assert.deepEqual((await comes("message", 2)).map(({ status }) => status), ["pending", "opened"]);
  assert.match(await page.evaluate(() => {
    try {
      return String(line.send("x"));
    } catch (error) {
      return error.message;
    }
  }), /read-only over Server-Sent Events/);
  await hub.call("DELETE", `/api/v1/sessions/${session_id}`);
  await page.waitForFunction(() => line.state === "closed");
  assert.equal((await comes("close", 1)).at(-1).code, 1000);
  await page.close();
});

test("an upgrade that nobody answers is not waited for", async () => {
  const mute = await startStrict(hub.address, true);
  const { page, of, comes } = await join("events", undefined, mute);
  assert.deepEqual([await of("transport"), await of("close")], [["sse"], []]);
  await hub.call("POST", "/api/v1/events", { type: "demo:test", payload: { number: 1 } });
  await comes("message", 1);
  await page.close();
  await mute.end();
});

test("the demos work there as far as they only listen", async () => {
  const page = await tabs.open(`${strict.address}/demo/events/`);
  await page.waitForSelector('#state[data-state="open"]');
  await page.locator("#feed .told", { hasText: "reading Server-Sent Events" }).waitFor();
  await page.click("#publish button");
  await page.locator("#feed strong", { hasText: "demo:hello" }).waitFor();
  await page.close();
});

test("no page wrote an error to its console that no test asked for", () => {
  tabs.forgive(/WebSocket connection to/, /ERR_(EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_\w+)/);
  assert.deepEqual(tabs.errors, []);
});
