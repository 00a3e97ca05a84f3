// The browser client and the real hub: each app through its adapter, while the hub is killed, drained and started again.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect, events, rooms, sessions, stream, tasks, version } from "../../src/web/roomcast.js";
import { PATIENCE, startServer, startServerAt } from "./house.mjs";
import { wire } from "./wire.mjs";

// What Node has of its own from version 22 on is undici's.
const undici = await import("undici");
const WebSocket = globalThis.WebSocket ?? undici.WebSocket;

const running = new Set();
after(() => Promise.all([...running].map((end) => end())));

/** A hub that can be ended and started again where it was. */
async function hub(...flags) {
  let server = await startServer(...flags);
  const { address } = server;
  const house = {
    address,
    kill: () => server.kill(),
    drain: () => server.stop(),
    async start() {
      server = await startServerAt(new URL(address).host, ...flags);
    },
    async call(path, body, headers = {}) {
      const answer = await fetch(address + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const said = await answer.json();
      assert.ok(answer.ok, JSON.stringify(said));
      return said;
    },
  };
  running.add(() => server.kill());
  return house;
}

/** A connection, and a way to wait for what it says. */
function join(house, app, options = {}) {
  const client = connect(`${house.address}/`, { app, WebSocket, retry: { last: 500 }, ...options });
  running.add(() => client.close());
  const heard = [];
  const waiting = new Set();
  for (const type of ["open", "message", "notice", "lagged", "resumed", "gap", "dropped", "close", "state"]) {
    client.on(type, (detail) => {
      heard.push({ type, detail });
      waiting.forEach((look) => look());
    });
  }
  /** The next event of this type, and of this kind, that nobody has waited for yet. */
  const next = (type, fits = () => true) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const index = heard.findIndex((event) => event.type === type && fits(event.detail));
        if (index < 0) return;
        clearTimeout(timer);
        waiting.delete(look);
        resolve(heard.splice(index, 1)[0].detail);
      };
      const timer = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`no ${type} that fits came; heard were ${JSON.stringify(heard)}`));
      }, PATIENCE);
      waiting.add(look);
      look();
    });
  return { client, next, heard };
}

/** A wire to the hub, which counts as the hub's address. */
async function wired(house) {
  const between = await wire(house.address);
  running.add(() => between.end());
  return between;
}

/** The hub of an open line is killed and started again; the line comes back. */
async function killAndStart(house, line) {
  await line.next("open");
  await house.kill();
  const { code, final } = await line.next("close");
  assert.deepEqual([code, final], [1006, false]);
  await line.next("state", ({ state }) => state === "waiting");
  await house.start();
  assert.deepEqual(await line.next("open"), { again: true });
}

test("the file that the hub serves is the one that is tested, and says its version", async () => {
  const house = await hub();
  const source = await (await fetch(`${house.address}/roomcast.js`)).text();
  const served = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  assert.equal(served.version, version);
  assert.equal(served.connect.toString(), connect.toString());
  const types = await (await fetch(`${house.address}/roomcast.d.ts`)).text();
  assert.match(types, /export function connect</);
});

test("events: the next broadcast comes after the hub was killed", async () => {
  const house = await hub();
  const line = join(house, events());
  assert.equal((await line.next("notice")).payload.status, "connected");
  await killAndStart(house, line);
  await line.next("notice");
  await house.call("/api/v1/events", { type: "chat:said", payload: { text: "back" } });
  assert.deepEqual((await line.next("message")).payload, { text: "back" });
});

test("tasks: the subscriptions of before are there after the hub was killed, and no others", async () => {
  const house = await hub("--key", "k");
  const line = join(house, tasks({ repositories: ["a"], key: "k" }));
  assert.deepEqual((await line.next("notice")).data.repositories, ["a"]);
  line.client.replace("b", "c");
  assert.deepEqual((await line.next("notice")).data.repositories, ["b", "c"]);
  line.client.unsubscribe("c");
  assert.deepEqual((await line.next("notice")).data.repositories, ["b"]);
  await killAndStart(house, line);
  assert.deepEqual((await line.next("notice")).data.repositories, ["b"]);
  const key = { "X-API-Key": "k" };
  await house.call("/api/v1/tasks", { repository: "c", title: "not ours" }, key);
  await house.call("/api/v1/tasks", { repository: "b", title: "ours" }, key);
  const { type, data } = await line.next("message");
  assert.deepEqual([type, data.task.title], ["task.created", "ours"]);
});

test("tasks: the hub's pings in words are answered and not shown, and keep the line from being doubted", async () => {
  const house = await hub("--set", "tasks.ping_interval=1s");
  let count = 0;
  let third;
  const pinged = new Promise((resolve) => (third = resolve));
  class Spy extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        count += Number(JSON.parse(data).type === "ping");
        if (count === 3) third();
      });
    }
  }
  const line = join(house, tasks(), { silence: 2_500, WebSocket: Spy });
  assert.deepEqual((await line.next("notice")).data.repositories, ["*"]);
  await pinged;
  assert.deepEqual(line.heard.map(({ type }) => type), ["open", "state"]);
});

test("tasks: a line on which nothing comes any more is found out, and made anew", async () => {
  const house = await hub("--set", "tasks.ping_interval=1s");
  const between = await wired(house);
  // A silence, and the wait for an answer behind it, are short; an attempt to connect may take its time.
  const world = { setTimeout: (callback, ms) => setTimeout(callback, ms > 5_000 ? ms : Math.min(ms, 300)) };
  const line = join(between, tasks({ repositories: ["a"] }), { silence: 200, world });
  await line.next("notice");
  between.hold();
  const { code } = await line.next("close", ({ reason }) => reason === "silent");
  assert.equal(code, 1006);
  assert.deepEqual((await line.next("notice")).data.repositories, ["a"]);
});

test("stream: the channels of before are there after the hub was killed, and no others", async () => {
  const house = await hub();
  const line = join(house, stream({ channels: ["newTxs"] }));
  line.client.replace("newBlocks");
  await killAndStart(house, line);
  const block = { height: 1, hash: "0x1", tx_count: 0, timestamp: 1, miner: "m", gas_used: 0 };
  const tx = { hash: "0x2", from_addr: "a", to_addr: null, value_wei: "1", block_height: 1 };
  // Nothing answers a subscription here: publish until it has come.
  const published = setInterval(() => {
    house.call("/v1/txs", tx).then(() => house.call("/v1/blocks", block)).catch(() => {});
  }, 50);
  const message = await line.next("message").finally(() => clearInterval(published));
  assert.deepEqual([message.type, message.data], ["newBlock", block]);
  assert.ok(!line.heard.some(({ detail }) => detail.type === "newTx"));
});

test("sessions: the present status comes after a cut line, and a deleted session ends it", async () => {
  const house = await hub("--key", "k");
  const between = await wired(house);
  const key = { "X-API-Key": "k" };
  const session = await house.call("/api/v1/sessions", {}, key);
  const line = join(between, sessions({ ...session, key: "k" }));
  assert.equal((await line.next("message")).status, "pending");
  await line.next("open");
  between.cut();
  assert.equal((await line.next("close")).final, false);
  await house.call(`/api/v1/sessions/${session.session_id}/status`, { status: "opened" }, key);
  await line.next("open");
  assert.equal((await line.next("message", ({ status }) => status !== "pending")).status, "opened");
  await house.call(`/api/v1/sessions/${session.session_id}/result`, { won: true }, key);
  // It may have come back before the status changed, and was told of both.
  assert.deepEqual((await line.next("message", ({ type }) => type === "completed")).result, { won: true });
  const removed = await fetch(`${house.address}/api/v1/sessions/${session.session_id}`, { method: "DELETE", headers: key });
  assert.equal(removed.status, 204);
  const { code } = await line.next("close", ({ final }) => final);
  assert.equal(code, 1000);
});

test("sessions: a session that the hub has forgotten can be given up", async () => {
  const house = await hub();
  const session = await house.call("/api/v1/sessions", {});
  const line = join(house, sessions(session), { retry: { last: 100, attempts: 4 } });
  await line.next("message");
  await house.kill();
  await house.start();
  const { code } = await line.next("close", ({ final }) => final);
  assert.equal(code, 1006);
});

test("rooms: the room is as it was after a cut line, with what was said meanwhile", async () => {
  const house = await hub();
  const between = await wired(house);
  const room = await house.call("/api/rooms", { display_name: "Ada" });
  const other = await house.call(`/api/rooms/${room.code}/join`, { display_name: "Bob" });
  const [line, bob] = [join(between, rooms(room)), join(house, rooms({ code: room.code, ...other }))];
  await Promise.all([line.next("message"), bob.next("message")]);
  between.cut();
  await line.next("state", ({ state }) => state === "waiting");
  line.client.send({ type: "chat", payload: { message: "from afar" } });
  const isChat = ({ event }) => event === "chat";
  assert.equal((await bob.next("message", isChat)).payload.message, "from afar");
  const { payload } = await line.next("message", ({ event }) => event === "room");
  assert.equal(payload.players.length, 2);
  assert.equal((await line.next("message", isChat)).payload.message, "from afar");
});

const block = (height, miner = "m") => ({ height, hash: "0x1", tx_count: 0, timestamp: 1, miner, gas_used: 0 });

/** How each app is joined, and how something of a number, and of a length, is published that all its clients get. */
const APPS = {
  async events(house) {
    return {
      app: () => events(),
      publish: (number, text) => house.call("/api/v1/events", { type: "chat:said", payload: { number, text } }),
      number: ({ payload }) => payload.number,
    };
  },
  async tasks(house) {
    return {
      app: () => tasks({ repositories: ["r", "s"] }),
      publish: async (number, description) => {
        await house.call("/api/v1/tasks", { repository: "another", title: "for nobody here" });
        await house.call("/api/v1/tasks", { repository: number % 2 ? "r" : "s", title: String(number), description });
      },
      number: ({ data }) => Number(data.task.title),
    };
  },
  async stream(house) {
    return {
      app: () => stream({ channels: ["newBlocks"] }),
      publish: (height, miner) => house.call("/v1/blocks", block(height, miner)),
      number: ({ data }) => data.height,
    };
  },
  async rooms(house) {
    const room = await house.call("/api/rooms", { display_name: "Ada" });
    return {
      app: () => rooms(room),
      publish: (number, text) => house.call(`/api/rooms/${room.code}/events`, { event: "phase", payload: { number, text } }),
      number: ({ payload }) => payload.number,
    };
  },
};

/** A line to this app that is open and knows its position. */
async function placed(name, ...flags) {
  const house = await hub(...flags);
  const between = await wired(house);
  const { app, publish, number } = await APPS[name](house);
  const line = join(between, app());
  const isCounted = (message) => message.event !== "room";
  const count = async (numbers) => {
    for (const each of numbers) await publish(each);
  };
  const hears = async (numbers) => {
    for (const each of numbers) assert.equal(number(await line.next("message", isCounted)), each);
  };
  // Nothing answers a subscription to a stream but its position.
  while (line.client.position === undefined) await pause(5);
  return { house, between, line, count, hears, publish, number };
}
const TEN = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

for (const name of Object.keys(APPS)) {
  test(`${name}: ten that were published while the line was away come once and in order, and then what is new`, async () => {
    const { line, count, hears } = await placed(name);
    await count([1]);
    await hears([1]);
    line.client.pause();
    await count(TEN);
    line.client.resume();
    const { sent, missed } = await line.next("resumed");
    assert.deepEqual([sent, missed], [10, 0]);
    await count([21]);
    await hears([...TEN, 21]);
    assert.ok(!line.heard.some(({ type }) => type === "gap"));
  });

  test(`${name}: a line that is cut while ten are published misses none of them`, async () => {
    const { between, line, count, hears } = await placed(name);
    await count([1]);
    for (const each of TEN) {
      if (each % 3 === 0) between.cut();
      await count([each]);
    }
    await count([21]);
    await hears([1, ...TEN, 21]);
    assert.ok(!line.heard.some(({ type, detail }) => type === "gap" || (type === "message" && detail.event !== "room")));
  });

  test(`${name}: what the history has no more of is a gap`, async () => {
    const { line, count, hears } = await placed(name, "--set", `${name}.history_messages=3`);
    await count([1]);
    await hears([1]);
    const before = line.client.position;
    line.client.pause();
    await count(TEN);
    line.client.resume();
    const { missed, since } = await line.next("gap");
    assert.equal(since, before);
    if (name === "tasks" || name === "stream") {
      // What is forgotten cannot be looked through for what was wanted.
      assert.equal(missed, null);
      await count([21]);
      await hears([21]);
    } else {
      assert.equal(missed, 7);
      await hears(TEN.slice(7));
    }
  });
}

for (const name of Object.keys(APPS)) {
  test(`${name}: a slow reader asks for what it missed, is answered, and hears all that is not told to be lost`, async () => {
    const flags = ["--on-full", "latest", "--set", `${name}.history_messages=8`, "--deflate", "off", "--write-timeout", "60s"];
    const { house, between, line, publish, number } = await placed(name, ...flags);
    between.hold();
    const large = "x".repeat(100_000);
    const dropped = async () => {
      const text = await (await fetch(`${house.address}/metrics`)).text();
      return Number(new RegExp(`^roomcast_messages_dropped_total\\{app="${name}"\\} (\\d+)$`, "m").exec(text)[1]);
    };
    let last = 0;
    while ((await dropped()) === 0) await publish((last += 1), large);
    between.release();
    const { since } = await line.next("lagged");
    assert.notEqual(since, null);
    const { sent, missed } = await line.next("resumed");
    if (missed !== 0) assert.deepEqual(await line.next("gap"), { missed, since });
    await publish((last += 1));
    const numbers = [];
    while (numbers.at(-1) !== last) numbers.push(number(await line.next("message", ({ event }) => event !== "room")));
    assert.equal(new Set(numbers).size, numbers.length);
    if (missed !== null) assert.equal(numbers.length + missed, last);
    assert.ok(sent > 0 || missed !== 0);
    assert.ok(!line.heard.some(({ type }) => type === "gap" || type === "lagged"));
    // What has come out of order is behind it all the same.
    line.client.pause();
    await publish((last += 1));
    line.client.resume();
    assert.deepEqual([(await line.next("resumed")).sent, number(await line.next("message", ({ event }) => event !== "room"))], [1, last]);
  });
}

test("a key opens Server-Sent Events, too, and a wrong one does not", async () => {
  const house = await hub("--key", "k+/=");
  const key = { "X-API-Key": "k+/=" };
  const session = await house.call("/api/v1/sessions", {}, key);
  const sse = { transport: "sse", EventSource: undici.EventSource };
  const waiting = join(house, sessions({ ...session, key: "k+/=" }), sse);
  assert.equal((await waiting.next("message")).status, "pending");
  const board = join(house, tasks({ repositories: ["a"], key: "k+/=" }), sse);
  assert.deepEqual((await board.next("notice")).data.repositories, ["a"]);
  await house.call("/api/v1/tasks", { repository: "a", title: "ours" }, key);
  assert.equal((await board.next("message")).data.task.title, "ours");
  const wrong = join(house, tasks({ key: "wrong" }), sse);
  assert.deepEqual((await wrong.next("close")).code, 1006);
  await house.drain();
  assert.deepEqual([(await board.next("close")).code, (await waiting.next("close")).code], [1001, 1001]);
});

test("events: over Server-Sent Events a slow reader gets on its next line what is still kept of what it missed", async () => {
  const flags = ["--on-full", "latest", "--set", "events.history_messages=8", "--deflate", "off", "--write-timeout", "60s"];
  const house = await hub(...flags);
  const between = await wired(house);
  const line = join(between, events(), { transport: "sse", EventSource: undici.EventSource });
  await line.next("notice");
  between.hold();
  const publish = (number, text = "") => house.call("/api/v1/events", { type: "chat:said", payload: { number, text } });
  const dropped = async () => /^roomcast_messages_dropped_total\{app="events"\} [1-9]/m.test(await (await fetch(`${house.address}/metrics`)).text());
  let last = 0;
  while (!(await dropped())) await publish((last += 1), "x".repeat(100_000));
  between.release();
  const { since } = await line.next("lagged");
  assert.equal((await line.next("close")).reason, "lagged");
  const { sent, missed } = await line.next("resumed");
  assert.ok(sent > 0);
  if (missed > 0) assert.deepEqual(await line.next("gap"), { missed, since });
  await publish((last += 1));
  const numbers = [];
  while (numbers.at(-1) !== last) numbers.push((await line.next("message")).payload.number);
  assert.equal(numbers.length + missed, last);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), "in order, and each once");
});

test("events: a hub that was killed has begun anew, and says that nobody can tell", async () => {
  const house = await hub();
  const line = join(house, events());
  await line.next("notice");
  await killAndStart(house, line);
  assert.equal((await line.next("gap")).missed, null);
  await house.call("/api/v1/events", { type: "chat:said", payload: {} });
  await line.next("message");
  const { position } = line.client;
  line.client.pause();
  line.client.resume();
  assert.deepEqual(await line.next("resumed", ({ missed }) => missed !== null), { sent: 0, missed: 0, position });
});

for (const [policy, flags] of [
  ["drop", ["--set", "events.history_messages=0", "--queue-messages", "4"]],
  ["latest", ["--set", "events.history_messages=5"]],
]) {
  test(`events: what a slow reader missed is told, and what is still kept of that comes (${policy})`, async () => {
    const house = await hub("--on-full", policy, ...flags, "--deflate", "off", "--write-timeout", "60s");
    const between = await wired(house);
    const line = join(between, events());
    await line.next("notice");
    between.hold();
    const publish = (text) => house.call("/api/v1/events", { type: "chat:said", payload: { text } });
    // Until the kernel's buffers and the queue are full: then the oldest is skipped for each that is published.
    const large = "x".repeat(200_000);
    const dropped = async () => {
      const text = await (await fetch(`${house.address}/metrics`)).text();
      return Number(/^roomcast_messages_dropped_total\{app="events"\} (\d+)$/m.exec(text)[1]);
    };
    let count = 0;
    while ((await dropped()) === 0) {
      assert.equal((await publish(large)).receivers, 1);
      assert.ok((count += 1) < 500, "the hub never drops anything");
    }
    between.release();
    const { missed, since } = await line.next("lagged");
    assert.ok(missed >= 1);
    const { sent, missed: lost } = await line.next("resumed");
    assert.equal(sent + lost, missed);
    assert.ok(policy === "drop" || sent > 0, "nothing was kept");
    if (lost > 0) assert.deepEqual(await line.next("gap"), { missed: lost, since });
    // Nothing comes twice, and nothing is missing but what was told.
    await publish("last");
    const [texts, positions] = [[], new Set()];
    while (texts.at(-1) !== "last") {
      const { payload, position } = await line.next("message");
      texts.push(payload.text);
      positions.add(position);
    }
    assert.deepEqual([positions.size, texts.length], [count + 1 - lost, count + 1 - lost]);
  });
}

test("rooms: after the hub was killed the room is gone, which is final", async () => {
  const house = await hub("--secret", "0123456789abcdef0123456789abcdef");
  const room = await house.call("/api/rooms", { display_name: "Ada" });
  const line = join(house, rooms(room));
  assert.equal((await line.next("message")).payload.code, room.code);
  line.client.send({ type: "chat", correlation_id: "c1", payload: { message: "hello" } });
  const { event, correlation_id, payload } = await line.next("message");
  assert.deepEqual([event, correlation_id, payload.message], ["chat", "c1", "hello"]);
  await killAndStart(house, line);
  const { code } = await line.next("close", ({ final }) => final);
  assert.deepEqual([code, line.client.state], [4404, "closed"]);
});

test("rooms: a newer line of the same player ends the older for good, and is not thrown out by it", async () => {
  const house = await hub();
  const room = await house.call("/api/rooms", { display_name: "Ada" });
  const older = join(house, rooms(room));
  await older.next("message");
  const newer = join(house, rooms(room));
  await newer.next("message");
  const { code, final } = await older.next("close");
  assert.deepEqual([code, final], [4409, true]);
  newer.client.send({ type: "chat", payload: { message: "still here" } });
  assert.equal((await newer.next("message")).payload.message, "still here");
});

test("rooms: a bad token is final", async () => {
  const house = await hub();
  const room = await house.call("/api/rooms", { display_name: "Ada" });
  const line = join(house, rooms({ ...room, token: "no" }));
  const { code, final } = await line.next("close");
  assert.deepEqual([code, final, line.client.state], [4401, true, "closed"]);
});

test("rooms: the probe is answered, whatever the network did", async () => {
  const house = await hub();
  const room = await house.call("/api/rooms", { display_name: "Ada" });
  const window = new EventTarget();
  const line = join(house, rooms(room), { world: { window } });
  await line.next("message");
  window.dispatchEvent(new Event("online"));
  // The answer to this comes behind that to the probe.
  line.client.send({ type: "vote", payload: {} });
  assert.equal((await line.next("message")).event, "vote");
  assert.deepEqual(line.heard.map(({ type }) => type), ["open", "state"]);
});

test("a hub that drains says 1001, and the way back is spread", async () => {
  const house = await hub("--drain", "0s");
  const line = join(house, events(), { retry: { spread: 300, last: 500 } });
  await line.next("notice");
  await house.drain();
  const { code, final, delay } = await line.next("close");
  assert.deepEqual([code, final], [1001, false]);
  assert.ok(delay < 300, `${delay}`);
  await house.start();
  assert.deepEqual(await line.next("open", ({ again }) => again), { again: true });
  await house.call("/api/v1/events", { type: "chat:said", payload: {} });
  assert.equal((await line.next("message")).type, "chat:said");
});

test("an upgrade that is refused is tried again", async () => {
  const house = await hub("--key", "k");
  const line = join(house, tasks({ key: "wrong" }));
  assert.equal((await line.next("close")).code, 1006);
  assert.equal((await line.next("close")).final, false);
});

test("a message that was sent while the hub was away arrives", async () => {
  const house = await hub("--echo");
  const echo = connect(`${house.address}/echo`, { WebSocket, retry: { last: 500 } });
  running.add(() => echo.close());
  const opened = () => new Promise((resolve) => echo.addEventListener("open", resolve, { once: true }));
  await opened();
  await house.kill();
  await new Promise((resolve) => echo.addEventListener("close", resolve, { once: true }));
  assert.equal(echo.send({ number: 1 }), true);
  const answered = new Promise((resolve) => echo.on("message", resolve));
  await house.start();
  assert.deepEqual(await answered, { number: 1 });
});
