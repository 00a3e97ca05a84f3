// The browser client alone, on fake lines: from where it resumes, what it hands on and in which order, and what it says
// is lost; by WebSocket, and by Server-Sent Events where none comes through.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, events, rooms, sessions, stream, tasks } from "../../src/web/roomcast.js";
import { fake } from "./fakes.mjs";

const P = (number, epoch = "0000000a") => `${epoch}-${number}`;
const status = (position, resumed) => ({ type: "connection:status", payload: { status: "connected", resumed }, timestamp: "", position });
const event = (number, epoch) => ({ type: "a:b", payload: { number }, timestamp: "", position: P(number, epoch) });
const lagged = (missed, since) => ({ type: "connection:lagged", payload: { missed, since }, timestamp: "" });
const outcome = (sent, missed, position) => ({ type: "connection:resumed", payload: { sent, missed }, timestamp: "", position });
const room = { code: "ABC234", player_id: "p", token: "t" };

/** What each app says: first, as a message, and as an outcome at the door. */
const DIALECTS = {
  events: { app: () => events(), first: status, message: event },
  tasks: {
    app: () => tasks({ repositories: ["r"] }),
    first: (position, resumed) => ({ type: "subscribed", timestamp: "", data: { repositories: ["r"], resumed, position } }),
    message: (number, epoch) => ({ type: "task.deleted", timestamp: "", data: { task_id: "t", repository: "r" }, position: P(number, epoch) }),
  },
  stream: {
    app: () => stream(),
    first: (position, resumed = { sent: 0, missed: 0 }) => ({ type: "resumed", data: { ...resumed, position } }),
    message: (number, epoch) => ({ type: "newBlock", data: {}, position: P(number, epoch) }),
  },
  rooms: {
    app: () => rooms(room),
    first: (position, resumed) => ({ type: "state", event: "room", payload: { players: [], messages: [], resumed, position } }),
    message: (number, epoch) => ({ type: "event", event: "vote", payload: {}, position: P(number, epoch) }),
  },
};

/** A connection that is open. */
function opened(options, url) {
  const house = fake({ app: events(), ...options }, url);
  house.socket.open();
  return house;
}
/** Loses the line, and lets the next one open. */
function cut(house) {
  house.socket.drop();
  house.pass(10_000);
  house.socket.open();
}
/** Since when the line was asked, in its address or first of all. */
function since(socket) {
  const said = socket.said[0];
  return new URL(socket.url).searchParams.get("since") ?? said?.since ?? said?.data?.since;
}
const numbers = (house) => house.of("message").map(({ position }) => Number(position?.split("-")[1]));

for (const [name, { app, first, message }] of Object.entries(DIALECTS)) {
  test(`${name}: after a cut it asks for what came behind the newest, and says how it went`, () => {
    const house = opened({ app: app() });
    assert.equal(since(house.socket), name === "stream" ? "now" : undefined);
    house.socket.say(first(P(3)));
    assert.equal(house.client.position, P(3));
    cut(house);
    assert.equal(since(house.socket), P(3));
    const answer = first(P(3), { sent: 2, missed: 0 });
    [answer, message(4), message(5)].forEach((one) => house.socket.say(one));
    assert.deepEqual(house.of("resumed"), [{ sent: 2, missed: 0, position: P(3) }]);
    assert.deepEqual(house.of("gap"), []);
    assert.deepEqual(numbers(house).filter(Number.isInteger), [4, 5]);
    cut(house);
    assert.equal(since(house.socket), P(5));
  });

  test(`${name}: what is lost for good is a gap, a number of messages or nobody knows how many`, () => {
    const house = opened({ app: app() });
    [first(P(3)), message(4)].forEach((one) => house.socket.say(one));
    cut(house);
    house.socket.say(first(P(9), { sent: 0, missed: 5 }));
    cut(house);
    assert.equal(since(house.socket), P(9));
    house.socket.say(first(P(2, "0000000b"), { sent: 0, missed: null }));
    assert.deepEqual(house.of("gap"), [{ missed: 5, since: P(4) }, { missed: null, since: P(9) }]);
    assert.equal(house.client.position, P(2, "0000000b"));
  });

  test(`${name}: a hub that knows no positions leaves everything as it was, but for what nobody can know`, () => {
    const house = opened({ app: app() });
    const plain = (one) => JSON.parse(JSON.stringify({ ...one, position: undefined }));
    const old = { ...plain(message(1)) };
    if (name !== "stream") house.socket.say(plain(first()));
    house.socket.say(old);
    assert.deepEqual(house.of("message").at(-1), old);
    cut(house);
    assert.ok([undefined, "now"].includes(since(house.socket)));
    house.socket.say(old);
    assert.deepEqual(house.of("message").at(-1), old);
    assert.deepEqual(house.of("gap"), [{ missed: null, since: null }]);
    assert.deepEqual([house.of("resumed"), house.client.position], [[], undefined]);
  });

  test(`${name}: an older hub in the place of a newer one is found out`, () => {
    const house = opened({ app: app() });
    house.socket.say(first(P(3)));
    cut(house);
    const error = { type: "error", timestamp: "", error: "data.since: unknown field" };
    const plain = name === "tasks" ? error : name === "stream" ? { type: "newTx", data: {} } : first();
    house.socket.say(plain);
    assert.deepEqual(house.of("gap"), [{ missed: null, since: P(3) }]);
    assert.equal(house.client.position, undefined);
    // Tasks are not subscribed to yet.
    if (name === "tasks") assert.deepEqual(house.socket.said.at(-1), { type: "subscribe", data: { repositories: ["r"] } });
    const { length } = house.of("gap");
    house.socket.say(plain);
    assert.equal(house.of("gap").length, length, "that is said once");
  });
}

test("a message of another epoch replaces the position, whatever its number", () => {
  const house = opened();
  [status(P(90)), event(91), event(2, "0000000b")].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(2, "0000000b"));
});

test("numbers are compared as numbers", () => {
  const house = opened();
  [status(P(9)), event(10), event(100), lagged(3, P(98)), outcome(1, 0, P(98)), event(99)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(100));
});

test("after lagged it asks for the gap on the same line, and hands the refill on in the order in which it comes", () => {
  const house = opened();
  [status(P(0)), event(1), lagged(3, P(1)), event(5)].forEach((one) => house.socket.say(one));
  assert.deepEqual(house.socket.said, [{ type: "resume", since: P(1) }]);
  assert.deepEqual(house.of("lagged"), [{ missed: 3, since: P(1) }]);
  [event(6), outcome(2, 1, P(2)), event(3)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(3), "what is lost is not asked for again");
  [event(4), event(7)].forEach((one) => house.socket.say(one));
  assert.deepEqual(numbers(house), [1, 5, 6, 3, 4, 7]);
  assert.deepEqual(house.of("resumed"), [{ sent: 2, missed: 1, position: P(2) }]);
  assert.deepEqual(house.of("gap"), [{ missed: 1, since: P(1) }]);
  assert.equal(house.client.position, P(7), "the newest counts");
});

test("tasks and stream ask for a gap by subscribing again to the same, rooms by a message of their own", () => {
  const cases = [
    [tasks({ repositories: ["a", "b"] }), { type: "lagged", timestamp: "", data: { missed: 1, since: P(1) } }, { type: "subscribe", data: { repositories: ["a", "b"], since: P(1) } }],
    [stream(), { type: "lagged", data: { missed: 1, since: P(1) } }, { action: "subscribe", channels: ["newBlocks", "newTxs"], since: P(1) }],
    [rooms(room), { type: "state", event: "lagged", payload: { missed: 1, since: P(1) } }, { type: "resume", correlation_id: "roomcast.js resume", payload: { since: P(1) } }],
  ];
  for (const [app, notice, asked] of cases) {
    const house = opened({ app });
    house.socket.say(notice);
    assert.deepEqual(house.socket.said.at(-1), asked);
  }
});

test("a line that is cut in the middle of a refill resumes from the gap, and nothing is handed on twice", () => {
  const house = opened();
  [status(P(0)), event(1), lagged(3, P(1)), event(5), outcome(3, 0, P(1)), event(2)].forEach((one) => house.socket.say(one));
  cut(house);
  assert.equal(since(house.socket), P(2));
  [status(P(2), { sent: 5, missed: 0 }), ...[3, 4, 5, 6, 7].map((number) => event(number))].forEach((one) => house.socket.say(one));
  assert.deepEqual(numbers(house), [1, 5, 2, 3, 4, 6, 7]);
  assert.equal(house.client.position, P(7));
  cut(house);
  assert.equal(since(house.socket), P(7));
});

test("a refill that is lagged itself leaves open what has not come", () => {
  const house = opened();
  [status(P(0)), event(1), lagged(3, P(1)), event(5), outcome(3, 0, P(1)), event(2)].forEach((one) => house.socket.say(one));
  [lagged(4, P(2)), event(8), outcome(4, 0, P(2)), event(3)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(3));
  [event(4), event(6), event(7)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(8));
  assert.deepEqual(numbers(house), [1, 5, 2, 8, 3, 4, 6, 7]);
  assert.deepEqual(house.of("gap"), []);
});

test("two gaps that one answer fills are not asked for in vain", () => {
  const house = opened();
  [status(P(0)), event(1), lagged(1, P(1)), event(3), lagged(1, P(3)), event(5)].forEach((one) => house.socket.say(one));
  assert.deepEqual(house.socket.said.map((said) => said.since), [P(1), P(3)]);
  [outcome(2, 0, P(1)), event(2), event(4), outcome(0, 0, P(5)), event(6)].forEach((one) => house.socket.say(one));
  assert.deepEqual(house.of("gap"), []);
  assert.equal(house.client.position, P(6));
});

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
/** A connection that was told of two gaps, 11 to 50 and 52 to 79, and has asked for both. */
function behindTwice() {
  const house = opened();
  const says = [status(P(10)), lagged(40, P(10)), event(51), lagged(28, P(51)), event(80)];
  says.forEach((one) => house.socket.say(one));
  assert.deepEqual(house.socket.said.map((said) => said.since), [P(10), P(51)]);
  return house;
}

for (const [sent, missed] of [[40, 0], [1, 39], [0, 40]]) {
  test(`an answer leaves the gaps open that it was not asked for, if it sends ${sent}`, () => {
    const house = behindTwice();
    [outcome(sent, missed, P(50 - sent)), ...range(51 - sent, 50).map((number) => event(number))].forEach((one) => house.socket.say(one));
    assert.equal(house.client.position, P(51));
    cut(house);
    assert.equal(since(house.socket), P(51));
    house.socket.say(status(P(80), { sent: 0, missed: 28 }));
    assert.deepEqual(house.of("gap").at(-1), { missed: 28, since: P(51) });
    assert.equal(house.client.position, P(80));
  });
}

test("what was skipped of a refill is open until it is answered itself", () => {
  const house = behindTwice();
  [outcome(40, 0, P(10)), ...range(11, 20).map((number) => event(number)), lagged(30, P(20))].forEach((one) => house.socket.say(one));
  house.socket.say(outcome(0, 28, P(80)));
  assert.equal(house.client.position, P(20));
  house.socket.say(outcome(0, 30, P(80)));
  assert.equal(house.client.position, P(80));
});

test("two lagged with nothing in between leave both gaps open", () => {
  const house = opened();
  [status(P(10)), lagged(20, P(10)), lagged(20, P(30))].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(10));
  [event(51), outcome(20, 0, P(10)), ...range(11, 30).map((number) => event(number))].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(30));
});

test("what was skipped in the middle of a refill is a gap of its own", () => {
  const house = opened();
  const events = (first, last) => range(first, last).map((number) => event(number));
  [status(P(10)), lagged(40, P(10)), event(51), outcome(40, 0, P(10)), ...events(11, 20)].forEach((one) => house.socket.say(one));
  [lagged(10, P(20)), ...events(31, 40)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(20));
  cut(house);
  assert.equal(since(house.socket), P(20));
  const { length } = numbers(house);
  [status(P(20), { sent: 32, missed: 0 }), ...events(21, 52)].forEach((one) => house.socket.say(one));
  assert.deepEqual(numbers(house).slice(length), [...range(21, 30), ...range(41, 50), 52]);
  assert.equal(house.client.position, P(52));
});

test("a refill that is skipped up to the next gap leaves both open", () => {
  const house = behindTwice();
  const events = (first, last) => range(first, last).map((number) => event(number));
  [outcome(68, 0, P(10)), ...events(11, 20), lagged(39, P(20)), ...events(61, 79), outcome(0, 0, P(80))].forEach((one) => house.socket.say(one));
  cut(house);
  assert.equal(since(house.socket), P(20));
  const { length } = numbers(house);
  [status(P(20), { sent: 60, missed: 0 }), ...events(21, 80)].forEach((one) => house.socket.say(one));
  assert.deepEqual(numbers(house).slice(length), [...range(21, 50), ...range(52, 60)]);
});

test("a refill that is newer than all that was heard hides no skip behind it", () => {
  const house = opened();
  // The second is of a refill of 6 to 8, and of what was live behind it, 16 and 17.
  [status(P(9)), lagged(6, P(9)), lagged(5, P(5)), outcome(6, 0, P(9))].forEach((one) => house.socket.say(one));
  [...range(10, 15), 18].forEach((number) => house.socket.say(event(number)));
  assert.equal(house.client.position, P(15));
});

test("a gap of which nothing has come yet may be refilled from its middle", () => {
  const house = opened();
  [status(P(22)), lagged(6, P(22)), event(29), lagged(1, P(9)), event(10), event(24)].forEach((one) => house.socket.say(one));
  assert.equal(house.client.position, P(22));
  assert.deepEqual(numbers(house), [29, 24]);
});

test("a message that comes twice is handed on once", () => {
  const house = opened();
  [status(P(3)), event(4), event(4), event(3), lagged(2, P(4)), event(7), outcome(5, 0, P(4))].forEach((one) => house.socket.say(one));
  [event(5), event(5), event(7), event(6), event(6), event(8)].forEach((one) => house.socket.say(one));
  assert.deepEqual(numbers(house), [4, 7, 5, 6, 8]);
  assert.equal(house.client.position, P(8));
});

test("a stream that asks for its position in between closes no gap", () => {
  const house = opened({ app: stream({ channels: ["newBlocks"] }) });
  const { first, message } = DIALECTS.stream;
  [first(P(1)), { type: "lagged", data: { missed: 3, since: P(1) } }, message(5)].forEach((one) => house.socket.say(one));
  house.client.subscribe("newTxs");
  house.socket.say(first(P(5), { sent: 0, missed: 1 }));
  assert.equal(house.client.position, P(5));
  [{ type: "lagged", data: { missed: 3, since: P(5) } }, message(9)].forEach((one) => house.socket.say(one));
  house.socket.say(first(P(9)));
  assert.equal(house.client.position, P(5));
});

test("a lagged that names no position is lost at once", () => {
  const house = opened({ app: rooms(room) });
  house.socket.say({ type: "state", event: "lagged", payload: { missed: 2, since: null } });
  assert.deepEqual([house.of("gap"), house.socket.sent], [[{ missed: 2, since: null }], []]);
});

test("rooms: whispers among what was missed come back to nobody, and are a gap", () => {
  const house = opened({ app: rooms(room) });
  const say = (event, payload) => house.socket.say({ type: "state", event, payload });
  say("lagged", { missed: 5, since: P(1) });
  say("lagged", { missed: 2, since: P(9) });
  say("resumed", { sent: 4, missed: 0, position: P(1) });
  assert.deepEqual(house.of("gap"), []);
  say("resumed", { sent: 1, missed: 1, position: P(9) });
  assert.deepEqual(house.of("gap"), [{ missed: 2, since: P(9) }]);
});

test("rooms: a player who may not even ask is told that nobody knows", () => {
  const house = opened({ app: rooms(room) });
  house.socket.say({ type: "state", event: "lagged", payload: { missed: 5, since: P(1) } });
  house.socket.say({ type: "error", event: "rate_limited", payload: {}, correlation_id: "roomcast.js resume" });
  assert.deepEqual(house.of("gap"), [{ missed: null, since: P(1) }]);
  assert.deepEqual(house.of("message"), []);
});

test("a position that a page has from elsewhere is where it begins", () => {
  const house = opened({ since: P(7) });
  assert.equal(since(house.socket), P(7));
  house.socket.say(status(P(7), { sent: 1, missed: 0 }));
  assert.equal(house.of("resumed").length, 1);
});

test("a stream asks for its position with every channel that is new, and nobody hears of that", () => {
  const house = opened({ app: stream({ channels: ["newBlocks"] }) });
  house.client.subscribe("newTxs");
  assert.deepEqual(house.socket.said.map((said) => [said.channels, said.since]), [[["newBlocks"], "now"], [["newTxs"], "now"]]);
  house.socket.say({ type: "resumed", data: { sent: 0, missed: 0, position: P(4) } });
  house.socket.say({ type: "resumed", data: { sent: 0, missed: 0, position: P(6) } });
  assert.equal(house.client.position, P(6));
  assert.deepEqual([house.of("resumed"), house.of("message"), house.of("notice")], [[], [], []]);
});

test("who wants nothing misses nothing", () => {
  const house = opened({ app: tasks({ repositories: [] }) });
  cut(house);
  assert.deepEqual([house.of("gap"), house.socket.sent], [[], []]);
});

test("a session has no positions: it hears how it stands, and nothing is lost", () => {
  const house = opened({ app: sessions({ session_id: "s" }) });
  cut(house);
  assert.deepEqual(house.of("gap"), []);
});

test("pause lets go of the line until resume, whatever happens meanwhile, and then asks for what was missed", () => {
  const house = opened();
  house.socket.say(status(P(3)));
  house.client.pause();
  house.client.pause();
  assert.deepEqual(house.of("close"), [{ code: 1000, reason: "paused", final: false, delay: Infinity }]);
  assert.deepEqual(house.client.status, { state: "waiting", delay: Infinity, attempt: 0 });
  house.window.tell("online");
  house.document.tell("visibilitychange");
  house.pass(1e9);
  assert.deepEqual([house.sockets.length, house.socket.isHeard], [1, false]);
  house.client.resume();
  house.socket.open();
  assert.equal(since(house.socket), P(3));
  house.client.resume();
  assert.equal(house.sockets.length, 2);
  house.client.pause();
  house.client.close();
  house.client.resume();
  assert.equal(house.client.state, "closed");
});

// Server-Sent Events.

/** A connection of which two attempts by WebSocket have failed. */
function refused(options) {
  const house = fake({ app: events(), hasSources: true, ...options }, options?.url ?? "http://hub/");
  house.socket.drop();
  house.pass(1_000);
  house.socket.drop();
  return house;
}

test("after two failures before any open it asks for Server-Sent Events, and says so when they come", () => {
  const house = refused();
  assert.equal(house.sockets.length, 2);
  assert.equal(house.source.url, "http://hub/ws");
  assert.deepEqual([house.client.state, house.client.transport, house.of("transport")], ["connecting", "websocket", []]);
  house.source.open();
  assert.deepEqual([house.client.state, house.client.transport, house.of("transport")], ["open", "sse", ["sse"]]);
  [status(P(0)), event(1)].forEach((one) => house.source.say(one));
  assert.deepEqual([house.of("notice").length, numbers(house)], [1, [1]]);
});

test("a WebSocket that has not opened within four seconds is given up for them", () => {
  const house = fake({ app: events(), hasSources: true });
  house.pass(3_999);
  assert.equal(house.sources.length, 0);
  house.pass(1);
  assert.deepEqual([house.sources.length, house.socket.isHeard, house.socket.closed.length], [1, false, 1]);
});

test("where they do not come either, a WebSocket is tried again", () => {
  const house = refused();
  house.source.drop();
  assert.deepEqual([house.client.state, house.of("close").length], ["waiting", 2]);
  house.pass(1_000);
  assert.equal(house.sockets.length, 3);
  house.socket.open();
  assert.deepEqual([house.client.state, house.of("transport")], ["open", []]);
});

test("where a WebSocket has opened once, they are not asked for", () => {
  const house = fake({ app: events(), hasSources: true });
  house.socket.open();
  for (let round = 0; round < 5; round += 1) {
    house.socket.drop();
    house.pass(30_000);
  }
  assert.deepEqual([house.sources.length, house.sockets.length > 5], [0, true]);
});

test("rooms have none, a dialect of one's own neither, and nobody who wants none", () => {
  for (const options of [{ app: rooms(room) }, { app: {} }, { transport: "websocket" }]) {
    const house = refused(options);
    assert.equal(house.sources.length, 0);
    assert.equal(house.client.state, "waiting");
  }
  assert.throws(() => connect("ws://hub/", { app: rooms(room), transport: "sse", EventSource: class {} }), /no Server-Sent Events/);
});

test("everything that a WebSocket would say or show stands in the address", () => {
  const cases = [
    [events(), {}],
    [sessions({ session_id: "s", key: "k+" }), { api_key: "k+" }],
    [tasks({ repositories: ["a", "b"], key: "k" }), { version: "1.0", repositories: "a,b", api_key: "k" }],
    [tasks({ repositories: ["a", "*"] }), { version: "1.0" }],
    [tasks({ repositories: ["a,b"] }), { version: "1.0" }],
    [tasks({ repositories: [] }), { version: "1.0" }],
    [stream({ channels: ["newTxs"] }), { channels: "newTxs", last_event_id: "now" }],
  ];
  for (const [app, asked] of cases) {
    const house = fake({ app, hasSources: true, transport: "sse" }, "https://hub/");
    assert.deepEqual(house.source.asked, asked);
    assert.match(house.source.url, /^https:/);
    assert.equal(house.sockets.length, 0);
  }
});

test("they resume by the address too, and a lagged is made good by the next line", () => {
  const house = refused();
  house.source.open();
  [status(P(0)), event(1)].forEach((one) => house.source.say(one));
  house.source.drop();
  assert.equal(house.sources[0].closed, 1, "it shall not come back by itself");
  house.pass(1_000);
  assert.deepEqual([house.sockets.length, house.source.asked], [2, { last_event_id: P(1) }]);
  house.source.open();
  [status(P(1), { sent: 1, missed: 0 }), event(2), lagged(3, P(2))].forEach((one) => house.source.say(one));
  assert.deepEqual(house.of("resumed"), [{ sent: 1, missed: 0, position: P(1) }]);
  assert.equal(house.client.state, "waiting");
  house.pass(1_000);
  assert.deepEqual(house.source.asked, { last_event_id: P(2) });
  house.source.open();
  [status(P(3), { sent: 2, missed: 1 }), event(4), event(5)].forEach((one) => house.source.say(one));
  assert.deepEqual([numbers(house), house.of("gap")], [[1, 2, 4, 5], [{ missed: 1, since: P(2) }]]);
});

test("another subscription is another line, which resumes, and what the address cannot leave out is left out", () => {
  const house = refused({ app: tasks({ repositories: ["a"] }) });
  house.source.open();
  house.source.say({ type: "subscribed", timestamp: "", data: { repositories: ["a"], position: P(5) } });
  house.client.subscribe("x,y");
  assert.deepEqual([house.sources[0].closed, house.sources[0].isHeard], [1, false]);
  assert.deepEqual(house.source.asked, { version: "1.0", last_event_id: P(5) });
  house.source.open();
  house.source.say({ type: "subscribed", timestamp: "", data: { repositories: ["*"], resumed: { sent: 0, missed: 0 }, position: P(5) } });
  const task = (repository, number) => ({ type: "task.deleted", timestamp: "", data: { task_id: "t", repository }, position: P(number) });
  [task("a", 6), task("b", 7), task("x,y", 8)].forEach((one) => house.source.say(one));
  assert.deepEqual(numbers(house), [6, 8]);
});

test("sending is an error there, and what waited to be sent is dropped", () => {
  const house = fake({ app: events(), hasSources: true });
  house.client.send({ type: "ping" });
  house.pass(4_000);
  house.source.open();
  assert.deepEqual(house.of("dropped"), [{ messages: ['{"type":"ping"}'], reason: "read-only" }]);
  assert.throws(() => house.client.send("x"), /read-only over Server-Sent Events/);
  house.client.close();
  assert.equal(house.client.send("x"), false);
});

test("the last event says why it ends, as a close code does", () => {
  const house = refused();
  house.source.open();
  house.source.end(1001, "going away");
  assert.deepEqual(house.of("close").at(-1), { code: 1001, reason: "going away", final: false, delay: 2500 });
  house.pass(5_000);
  house.source.open();
  house.source.end(4401, "no");
  assert.deepEqual(house.client.status, { state: "closed", code: 4401, reason: "no" });
  assert.equal(house.timers.size, 0);
});

test("where they fail as well as WebSockets did, WebSockets are tried first again, and that is said when one opens", () => {
  const house = refused();
  house.source.open();
  house.pass(10_000);
  house.source.drop();
  for (let round = 0; round < 2; round += 1) {
    house.pass(house.client.status.delay);
    house.source.drop();
  }
  house.pass(house.client.status.delay);
  assert.equal(house.sockets.length, 3);
  house.socket.open();
  assert.deepEqual(house.of("transport"), ["sse", "websocket"]);
  assert.equal(house.client.send("x"), true);
});

test("they may be silent, as nobody can be asked there, unless it is said how long", () => {
  const [patient, impatient] = [refused(), refused({ silence: 40_000 })];
  for (const house of [patient, impatient]) {
    house.source.open();
    house.pass(39_000);
    assert.equal(house.client.state, "open");
  }
  impatient.pass(1_000);
  assert.deepEqual(impatient.of("close").at(-1).reason, "silent");
  patient.pass(3_600_000);
  assert.equal(patient.client.state, "open");
  patient.window.tell("online");
  assert.equal(patient.client.state, "waiting");
});

test("close leaves nothing of them", () => {
  const house = refused();
  house.source.open();
  house.client.close();
  assert.deepEqual([house.source.closed, house.source.isHeard, house.timers.size], [1, false, 0]);
});
