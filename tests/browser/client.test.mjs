// The browser client alone, on fake sockets and a fake clock: when it comes back, when it does not, and what it leaves
// behind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, events, rooms, sessions, stream, tasks } from "../../src/web/roomcast.js";
import { fake } from "./fakes.mjs";

/** The pauses before each of so many failing attempts. */
function pauses(house, count, code = 1006) {
  const delays = [];
  for (let index = 0; index < count; index += 1) {
    house.socket.drop(index === 0 ? code : 1006);
    assert.equal(house.client.state, "waiting");
    delays.push(house.client.status.delay);
    house.pass(house.client.status.delay);
    assert.equal(house.client.state, "connecting");
  }
  return delays;
}

/** A connection that is open, and has been for long enough to count. */
function opened(options, url) {
  const house = fake(options, url);
  house.socket.open();
  house.pass(10_000);
  return house;
}

test("pauses double from 100 ms to 30 s, and are drawn from all of it", () => {
  const ceilings = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000];
  for (const value of [0, 0.25, 0.999]) {
    const house = fake();
    house.chance.value = value;
    assert.deepEqual(pauses(house, ceilings.length), ceilings.map((ceiling) => ceiling * value));
  }
});

test("the bounds of pauses can be given", () => {
  const house = fake({ retry: { first: 10, last: 25 } });
  assert.deepEqual(pauses(house, 4), [5, 10, 12.5, 12.5]);
});

test("no attempt is made before the pause is over, and one when it is", () => {
  const house = fake();
  house.socket.drop();
  house.pass(49);
  assert.equal(house.sockets.length, 1);
  house.pass(1);
  assert.equal(house.sockets.length, 2);
  house.pass(10_000);
  assert.equal(house.sockets.length, 2);
});

test("a line that lasted begins the pauses anew, one that did not goes on with them", () => {
  const house = fake();
  pauses(house, 5);
  house.socket.open();
  house.pass(4_999);
  house.socket.drop();
  assert.equal(house.client.status.delay, 1600);
  house.pass(1600);
  house.socket.open();
  house.pass(5_000);
  house.socket.drop();
  assert.equal(house.client.status.delay, 50);
});

for (const code of [1001, 1012, 1013]) {
  test(`after ${code} the way back is spread over a window, until the hub is there again`, () => {
    const house = opened();
    house.chance.value = 0.9;
    assert.deepEqual(pauses(house, 8, code), [...Array(6).fill(4500), 5760, 11_520]);
    house.socket.open();
    house.pass(5_000);
    house.socket.drop();
    assert.equal(house.client.status.delay, 90);
  });
}

test("the window can be given", () => {
  const house = opened({ retry: { spread: 60_000 } });
  house.socket.drop(1001);
  assert.equal(house.client.status.delay, 30_000);
});

for (const code of [4401, 4403, 4404, 4409]) {
  test(`after ${code} it does not come back, whatever happens`, () => {
    const house = opened();
    house.socket.drop(code, "why");
    assert.deepEqual(house.client.status, { state: "closed", code, reason: "why" });
    assert.deepEqual(house.of("close"), [{ code, reason: "why", final: true }]);
    house.window.tell("online");
    house.window.tell("pageshow");
    house.document.tell("visibilitychange");
    house.pass(1e9);
    assert.equal(house.sockets.length, 1);
  });
}

for (const code of [1000, 1005, 1006, 1008, 1009, 1011, 4408]) {
  test(`after ${code} it comes back`, () => {
    const house = opened();
    house.socket.drop(code, "why");
    assert.deepEqual(house.of("close"), [{ code, reason: "why", final: false, delay: 50 }]);
    house.pass(50);
    assert.equal(house.sockets.length, 2);
  });
}

test("an app has final codes of its own: a session that is deleted is over", () => {
  const house = opened({ app: sessions({ session_id: "s" }) });
  house.socket.drop(1000);
  assert.equal(house.client.state, "closed");
});

test("it gives up after as many losses in a row as it is told to", () => {
  const house = fake({ retry: { attempts: 3 } });
  pauses(house, 2);
  house.socket.drop();
  assert.equal(house.client.state, "closed");
  assert.equal(house.of("close").at(-1).final, true);
});

test("an attempt that nobody answers is given up and made again", () => {
  const house = fake();
  house.pass(19_999);
  assert.equal(house.client.state, "connecting");
  house.pass(1);
  assert.equal(house.client.state, "waiting");
  assert.equal(house.sockets[0].closed.length, 1);
  assert.equal(house.sockets[0].isHeard, false);
});

test("an attempt that failed without a close is over at once, and one that failed with it only once", () => {
  const house = fake();
  house.socket.fail();
  house.pass(0);
  assert.deepEqual(house.of("close"), [{ code: 1006, reason: "", final: false, delay: 50 }]);
  house.pass(50);
  house.socket.fail();
  house.socket.drop(1006, "no");
  house.pass(0);
  assert.deepEqual(house.of("close").slice(1), [{ code: 1006, reason: "no", final: false, delay: 100 }]);
  house.pass(100);
  assert.equal(house.sockets.length, 3);
});

test("an error of a socket that is given up, or open, changes nothing", () => {
  const house = opened();
  house.socket.onerror({});
  house.pass(0);
  assert.equal(house.client.state, "open");
  const [old] = house.sockets;
  house.socket.drop();
  house.pass(50);
  old.onerror({});
  house.pass(0);
  assert.equal(house.client.state, "connecting");
});

test("a socket that cannot be made later is a failed attempt, and one that cannot be made at first an error", () => {
  const house = fake();
  house.refuses = true;
  house.socket.drop();
  house.pass(50);
  assert.equal(house.client.state, "waiting");
  house.refuses = false;
  house.pass(100);
  assert.equal(house.client.state, "connecting");
  assert.throws(() => connect("ws://hub/", { WebSocket: class { constructor() { throw new SyntaxError("no"); } } }), SyntaxError);
});

for (const [who, type] of [["window", "online"], ["window", "pageshow"], ["document", "visibilitychange"], ["document", "resume"]]) {
  test(`${type} ends a pause at once, and only once`, () => {
    const house = fake();
    pauses(house, 9);
    house.socket.drop();
    house[who].tell(type);
    assert.equal(house.client.state, "connecting");
    assert.equal(house.sockets.length, 11);
    house[who].tell(type);
    house.window.tell("pageshow");
    assert.equal(house.sockets.length, 11);
    house.socket.open();
    house.pass(60_000);
    assert.equal(house.sockets.length, 11, "the pause that was cut short has left no timer");
  });
}

test("a page that is hidden is not woken", () => {
  const house = fake();
  house.socket.drop();
  house.document.visibilityState = "hidden";
  house.document.tell("visibilitychange");
  assert.equal(house.client.state, "waiting");
});

test("after the network was away, earlier failures are forgotten", () => {
  const house = fake();
  pauses(house, 9);
  house.socket.drop();
  house.window.tell("online");
  house.socket.drop();
  assert.equal(house.client.status.delay, 50);
});

test("an attempt that was made before the network came back is made anew, unless it has just begun", () => {
  const house = fake();
  house.pass(999);
  house.window.tell("online");
  assert.equal(house.sockets.length, 1);
  house.pass(1);
  house.window.tell("online");
  assert.deepEqual([house.sockets.length, house.sockets[0].isHeard, house.sockets[0].closed.length], [2, false, 1]);
  assert.deepEqual(house.client.status, { state: "connecting", attempt: 1 });
  house.pass(19_999);
  assert.equal(house.client.state, "connecting", "it has all its time");
  house.socket.open();
  assert.deepEqual(house.of("open"), [{ again: false }]);
});

test("an attempt that the machine slept over is made anew when the page is looked at", () => {
  const house = fake();
  house.document.tell("visibilitychange");
  house.sleep(19_999);
  house.document.tell("visibilitychange");
  assert.equal(house.sockets.length, 1);
  house.sleep(1);
  house.document.tell("visibilitychange");
  house.window.tell("pageshow");
  assert.equal(house.sockets.length, 2);
  assert.equal(house.sockets[0].isHeard, false);
});

test("a network that came back makes an open line doubtful", () => {
  const [without, having] = [opened(), opened({ app: tasks() })];
  without.window.tell("online");
  assert.equal(without.client.state, "waiting");
  having.window.tell("online");
  assert.deepEqual(having.socket.said.at(-1), { type: "ping" });
  having.pass(4_999);
  assert.equal(having.client.state, "open");
  having.pass(1);
  assert.equal(having.client.state, "waiting");
  assert.deepEqual(having.of("close"), [{ code: 1006, reason: "offline", final: false, delay: 50 }]);
});

test("a doubt is one question, which is not put off by another doubt, and each line has its own", () => {
  const house = opened({ app: tasks() });
  const asked = () => house.socket.said.filter(({ type }) => type === "ping").length;
  house.window.tell("online");
  house.pass(3_000);
  house.window.tell("online");
  assert.equal(asked(), 1);
  house.pass(2_000);
  assert.equal(house.client.state, "waiting");
  house.pass(50);
  house.socket.open();
  house.window.tell("online");
  assert.equal(asked(), 1);
});

test("any word clears a doubt", () => {
  const house = opened({ app: tasks() });
  house.window.tell("online");
  house.socket.say({ type: "task.deleted" });
  house.pass(6_000);
  assert.equal(house.client.state, "open");
  assert.equal(house.sockets.length, 1);
});

test("a page that is looked at again asks an app that answers, unless it has just been heard", () => {
  const house = opened({ app: rooms({ code: "A", player_id: "p", token: "t" }) });
  house.socket.say({ type: "state", event: "room", payload: {} });
  house.document.tell("visibilitychange");
  assert.equal(house.socket.sent.length, 0);
  house.pass(5_000);
  house.document.tell("visibilitychange");
  house.window.tell("pageshow");
  assert.equal(house.socket.sent.length, 1, "one question at a time");
  const [{ correlation_id }] = house.socket.said;
  house.socket.say({ type: "error", event: "unsupported_type", payload: {}, correlation_id });
  assert.equal(house.of("message").length, 1, "the answer is not the user's business");
  house.pass(60_000);
  assert.equal(house.client.state, "open");
});

test("an app that gives no sign of life is left alone by a look at the page, and by silence", () => {
  const house = opened({ app: sessions({ session_id: "a" }) });
  house.pass(3_600_000);
  house.document.tell("visibilitychange");
  assert.equal(house.sockets.length, 1);
  assert.equal(house.client.state, "open");
});

test("after the machine slept, the line is made anew", () => {
  for (const wakes of [(house) => house.document.tell("visibilitychange"), (house) => house.pass(15_000)]) {
    const house = opened({ app: sessions({ session_id: "a" }) });
    house.sleep(120_000);
    wakes(house);
    assert.deepEqual(house.of("close").map(({ reason }) => reason), ["asleep"]);
    assert.equal(house.sockets[0].isHeard, false);
  }
});

test("where nothing may be published, the hub is asked for a sign of life after a minute, and nobody hears of it", () => {
  const cases = [
    [events(), { type: "ping" }, { type: "connection:pong", payload: {}, timestamp: "" }],
    [stream({ channels: [] }), { action: "ping" }, { type: "pong" }],
  ];
  for (const [app, ping, pong] of cases) {
    const house = fake({ app });
    house.socket.open();
    const { length } = house.heard;
    for (const round of [1, 2]) {
      house.pass(60_000);
      assert.deepEqual(house.socket.said, Array(round).fill(ping));
      house.socket.say(pong);
    }
    assert.equal(house.heard.length, length);
    house.pass(65_000);
    assert.deepEqual(house.of("close").map(({ reason }) => reason), ["silent"]);
  }
});

test("a page whose timers are held back for a minute is not asleep", () => {
  const house = opened({ app: events() });
  house.sleep(70_000);
  house.pass(0);
  assert.equal(house.client.state, "open");
});

test("silence that was said to be too long ends a line", () => {
  const house = fake({ silence: 40_000 });
  house.socket.open();
  house.pass(30_000);
  house.socket.say("1");
  house.pass(39_999);
  assert.equal(house.client.state, "open");
  house.pass(1);
  assert.deepEqual(house.of("close").map(({ reason }) => reason), ["silent"]);
});

test("tasks are asked after silence, for the hub pings them in words", () => {
  const house = fake({ app: tasks() });
  house.socket.open();
  for (let round = 0; round < 10; round += 1) {
    house.pass(30_000);
    house.socket.say({ type: "ping", timestamp: "" });
  }
  assert.deepEqual(house.socket.said.slice(1), Array(10).fill({ type: "pong" }));
  house.pass(75_000);
  assert.deepEqual(house.socket.said.at(-1), { type: "ping" });
  house.pass(5_000);
  assert.equal(house.client.state, "waiting");
  assert.equal(house.of("message").length + house.of("notice").length, 0);
});

test("what is subscribed to is said again after every return, as it has become meanwhile", () => {
  const house = opened({ app: tasks({ repositories: ["a", "b"] }) });
  const { client } = house;
  const subscribed = () => house.socket.said.map(({ type, data }) => [type, ...(data?.repositories ?? [])]);
  assert.deepEqual(subscribed(), [["subscribe", "a", "b"]]);
  client.subscribe("c", "a");
  client.unsubscribe("b");
  assert.deepEqual(subscribed().slice(1), [["subscribe", "a", "b", "c"], ["subscribe", "a", "c"]]);
  house.socket.drop();
  client.replace("d");
  client.subscribe("e");
  client.unsubscribe("d");
  house.pass(50);
  house.socket.open();
  assert.deepEqual(subscribed(), [["subscribe", "e"]]);
  client.unsubscribe();
  assert.deepEqual(subscribed().at(-1), ["unsubscribe"]);
  assert.deepEqual(client.subscriptions, []);
  house.socket.drop();
  house.pass(1_000);
  house.socket.open();
  assert.deepEqual(house.socket.sent, []);
});

test("a stream is told only what changes", () => {
  const house = opened({ app: stream({ channels: ["newBlocks"] }) });
  house.client.subscribe("newTxs");
  house.client.replace("newTxs");
  house.client.unsubscribe();
  const said = house.socket.said.map(({ action, channels }) => [action, ...channels]);
  assert.deepEqual(said, [["subscribe", "newBlocks"], ["subscribe", "newTxs"], ["unsubscribe", "newBlocks"], ["unsubscribe", "newTxs"]]);
});

test("where there is nothing to subscribe to, that is an error", () => {
  assert.throws(() => fake({ app: events() }).client.subscribe("a"), /nothing to subscribe to/);
});

test("what is sent while the line is down waits, goes out behind the subscriptions, and is bounded", () => {
  const house = fake({ app: tasks(), queue: 3 });
  const { client } = house;
  assert.deepEqual(["1", { two: 2 }, "3", "4", "5"].map((data) => client.send(data)), [true, true, true, false, false]);
  assert.deepEqual(house.of("dropped"), [{ messages: ["4"], reason: "full" }, { messages: ["5"], reason: "full" }]);
  assert.equal(client.queued, 3);
  house.socket.drop();
  assert.equal(client.queued, 3);
  house.pass(50);
  house.socket.open();
  assert.deepEqual(house.socket.sent.slice(1), ["1", '{"two":2}', "3"]);
  assert.equal(JSON.parse(house.socket.sent[0]).type, "subscribe");
  assert.equal(client.queued, 0);
  house.socket.drop();
  house.pass(1_000);
  house.socket.open();
  assert.equal(house.socket.sent.length, 1, "nothing goes out twice");
});

test("a listener of open speaks behind what has waited", () => {
  const house = fake();
  house.client.send("first");
  house.client.on("open", () => house.client.send("second"));
  house.socket.open();
  assert.deepEqual(house.socket.sent, ["first", "second"]);
});

test("a socket that closes swallows nothing, and one that nobody empties takes no more", () => {
  const house = opened();
  house.socket.readyState = 2;
  assert.equal(house.client.send("kept"), true);
  assert.equal(house.client.queued, 1);
  house.socket.drop();
  house.pass(50);
  house.socket.open();
  assert.deepEqual(house.socket.sent, ["kept"]);
  house.socket.bufferedAmount = 2 ** 20 + 1;
  assert.equal(house.client.send("no"), false);
  assert.deepEqual(house.of("dropped"), [{ messages: ["no"], reason: "full" }]);
});

test("what waits when it is over is dropped, and so is what comes later", () => {
  const house = fake();
  house.client.send("a");
  house.socket.drop(4401);
  assert.equal(house.client.send("b"), false);
  assert.deepEqual(house.of("dropped"), [{ messages: ["a"], reason: "closed" }, { messages: ["b"], reason: "closed" }]);
});

test("bytes are sent as they are", () => {
  const house = opened();
  const all = [new Uint8Array([1]), new ArrayBuffer(2), new Blob(["x"])];
  all.forEach((data) => house.client.send(data));
  assert.deepEqual(house.socket.sent, all);
});

test("close leaves no timer, no listener and no socket, in whichever state", () => {
  const states = {
    connecting: () => fake(),
    open: () => opened(),
    waiting: () => {
      const house = fake();
      house.socket.drop();
      return house;
    },
    doubtful: () => {
      const house = opened({ app: tasks() });
      house.window.tell("online");
      return house;
    },
  };
  for (const [name, make] of Object.entries(states)) {
    const house = make();
    assert.equal(house.window.listeners.size + house.document.listeners.size, 4, name);
    assert.equal(house.timers.size, 1, name);
    house.client.close(4000, "enough");
    assert.deepEqual(house.client.status, { state: "closed", code: 4000, reason: "enough" });
    assert.equal(house.timers.size, 0, name);
    assert.equal(house.window.listeners.size + house.document.listeners.size, 0, name);
    assert.equal(house.socket.isHeard, false, name);
    assert.deepEqual(house.of("close").at(-1), { code: 4000, reason: "enough", final: true }, name);
    const { length } = house.heard;
    house.client.close();
    assert.equal(house.heard.length, length, "a second time says nothing");
  }
  const house = opened();
  house.client.close();
  assert.deepEqual(house.socket.closed, [[1000, ""]]);
});

test("close with a code that nobody may send changes nothing", () => {
  const house = opened();
  assert.throws(() => house.client.close(1001), /InvalidAccess/);
  assert.equal(house.client.state, "open");
  house.socket.say("1");
  assert.deepEqual(house.of("message"), [1]);
});

test("a listener may close it in any event", () => {
  for (const [type, act] of [
    ["open", (house) => house.socket.open()],
    ["message", (house) => (house.socket.open(), house.socket.say("1"))],
    ["close", (house) => house.socket.drop()],
    ["state", (house) => house.socket.drop()],
    ["state", (house) => house.socket.open()],
  ]) {
    const house = fake();
    house.client.on(type, () => house.client.close());
    act(house);
    assert.equal(house.client.state, "closed", type);
    assert.equal(house.timers.size, 0, type);
    house.pass(1e6);
    assert.equal(house.sockets.length, 1, type);
    assert.equal(house.of("state").filter(({ state }) => state === "closed").length, 1, type);
    assert.equal(house.heard.at(-1)[1].state, "closed", type);
  }
});

test("a listener may close it just before the next attempt", () => {
  const house = fake();
  house.socket.drop();
  house.client.on("state", ({ state }) => state === "connecting" && house.client.close());
  house.pass(50);
  assert.equal(house.sockets.length, 1);
  assert.equal(house.client.state, "closed");
});

test("states are told in their order, with what belongs to them", () => {
  const house = fake();
  house.socket.open();
  house.socket.drop(1011, "oops");
  house.pass(50);
  house.socket.open();
  house.client.close();
  assert.deepEqual(house.heard, [
    ["open", { again: false }],
    ["state", { state: "open" }],
    ["close", { code: 1011, reason: "oops", final: false, delay: 50 }],
    ["state", { state: "waiting", delay: 50, attempt: 1 }],
    ["state", { state: "connecting", attempt: 2 }],
    ["open", { again: true }],
    ["state", { state: "open" }],
    ["close", { code: 1000, reason: "", final: true }],
    ["state", { state: "closed", code: 1000, reason: "" }],
  ]);
});

test("on gives a way to stop, and events are events", () => {
  const house = opened();
  const [details, types] = [[], []];
  const stop = house.client.on("message", (detail) => details.push(detail));
  house.client.addEventListener("message", (event) => types.push(event.type, event.detail), { once: true });
  house.socket.say("1");
  stop();
  house.socket.say("2");
  assert.deepEqual([details, types], [[1], ["message", 1]]);
});

test("each app says in its own words how many were missed, and what is about the connection", () => {
  const cases = [
    [events(), { type: "connection:lagged", payload: { missed: 7 }, timestamp: "" }, "lagged", { missed: 7, since: null }],
    [events(), { type: "connection:status", payload: { status: "connected" } }, "notice"],
    [events(), { type: "chat:said", payload: {} }, "message"],
    [tasks(), { type: "lagged", timestamp: "", data: { missed: 8 } }, "lagged", { missed: 8, since: null }],
    [tasks(), { type: "subscribed", data: { repositories: ["a"] } }, "notice"],
    [tasks(), { type: "error", error: "no" }, "notice"],
    [tasks(), { type: "task.updated", data: {} }, "message"],
    [stream(), { type: "lagged", data: { missed: 9 } }, "lagged", { missed: 9, since: null }],
    [stream(), { type: "newTx", data: {} }, "message"],
    [rooms({ code: "A" }), { type: "state", event: "lagged", payload: { missed: 3 } }, "lagged", { missed: 3, since: null }],
    [rooms({ code: "A" }), { type: "event", event: "lagged", payload: {} }, "message"],
    [rooms({ code: "A" }), { type: "error", event: "bad_message", payload: {} }, "message"],
    [sessions({ session_id: "s" }), { type: "completed", result: {} }, "message"],
    [undefined, { anything: 1 }, "message"],
    [undefined, "not JSON", "message"],
    [events(), "not JSON", "notice"],
  ];
  for (const [app, message, type, detail = message] of cases) {
    const house = opened({ app });
    const { length } = house.heard;
    house.socket.say(message);
    // What nobody can ask for again is lost.
    const lost = type === "lagged" ? [["gap", { missed: detail.missed, since: null }]] : [];
    assert.deepEqual(house.heard.slice(length), [[type, detail], ...lost]);
  }
});

test("a URL that ends in a slash is the hub's, any other the app's", () => {
  const session = sessions({ session_id: "a/b c", key: "k&" });
  const room = rooms({ code: "ABC234", player_id: "p", token: "t.t" });
  const cases = [
    ["http://hub:8080", events(), "ws://hub:8080/ws"],
    ["https://hub/live/", events(), "wss://hub/live/ws"],
    ["wss://hub/live", events(), "wss://hub/live"],
    ["http://hub/", session, "ws://hub/api/v1/sessions/a%2Fb%20c/ws"],
    ["http://hub/", tasks(), "ws://hub/api/v1/tasks/ws?version=1.0"],
    ["http://hub/?x=1#y", tasks({ key: "k" }), "ws://hub/api/v1/tasks/ws?x=1&version=1.0"],
    ["http://hub/", stream(), "ws://hub/v1/stream"],
    ["http://hub/", room, "ws://hub/ws/rooms/ABC234?player_id=p"],
    ["ws://hub/", undefined, "ws://hub/"],
  ];
  for (const [url, app, expected] of cases) {
    const house = fake({ app }, url);
    assert.equal(house.socket.url, expected);
    assert.equal(house.client.url, expected);
  }
  assert.throws(() => fake({}, "/ws"), TypeError);
});

test("a key or a token is shown as a subprotocol, and in no address", () => {
  const cases = [
    [sessions({ session_id: "a", key: "k&" }), "ayY"],
    [tasks({ key: "a+b/c=" }), "YStiL2M9"],
    [rooms({ code: "ABC234", player_id: "p", token: "\u{fb}\u{ff}>?" }), "w7vDvz4_"],
  ];
  for (const [app, encoded] of cases) {
    const house = fake({ app }, "http://hub/");
    assert.deepEqual(house.socket.offers, ["roomcast", `bearer.${encoded}`]);
    house.socket.drop();
    house.pass(house.client.status.delay);
    assert.deepEqual(house.socket.offers, ["roomcast", `bearer.${encoded}`]);
  }
  for (const app of [events(), stream(), tasks(), sessions({ session_id: "a" })]) {
    assert.deepEqual(fake({ app }, "http://hub/").socket.offers, []);
  }
});

test("where there is no WebSocket, that is said", { skip: Boolean(globalThis.WebSocket) && "there is one here" }, () => {
  assert.throws(() => connect("ws://hub/"), /no WebSocket here/);
});
