// Node's ws against the hub: what a service in JavaScript meets with.
//
// Run by scripts/clients.sh, which starts the hub with --key k, --echo and room for messages of a megabyte, and gives
// its address in ROOMCAST_URL.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { on, once } from "node:events";
import test from "node:test";
import WebSocket from "ws";

const HTTP = process.env.ROOMCAST_URL;
const WS = HTTP.replace("http://", "ws://");
const MEGABYTE = 1 << 20;
const PATIENCE = { timeout: 20_000 };

/** An open socket, and its messages as they come: none is lost, whenever it is asked for. */
async function open(path, options) {
  const socket = new WebSocket(WS + path, options);
  const messages = on(socket, "message");
  await once(socket, "open");
  const next = async () => {
    const [data, isBinary] = (await messages.next()).value;
    return isBinary ? data : data.toString();
  };
  return { socket, next, nextJson: async () => JSON.parse(await next()) };
}

/** The status with which an upgrade is refused. */
async function refusal(path, options) {
  const socket = new WebSocket(WS + path, options);
  const [request, response] = await once(socket, "unexpected-response");
  request.destroy();
  return response.statusCode;
}

/** The status and the JSON of an answer. */
async function call(method, path, body, headers = { Authorization: "Bearer k" }) {
  const type = { "Content-Type": "application/json" };
  const options = { method, headers: { ...type, ...headers }, body: body && JSON.stringify(body) };
  const answer = await fetch(HTTP + path, options);
  const text = await answer.text();
  return [answer.status, text && JSON.parse(text)];
}

/** Closes, and gives the code with which the hub agreed. */
async function close(socket) {
  socket.close(1000, "enough");
  const [code] = await once(socket, "close");
  return code;
}

test("a client hears its status and then what is published", PATIENCE, async () => {
  const { socket, nextJson } = await open("/ws");
  const status = await nextJson();
  assert.equal(status.type, "connection:status");
  assert.deepEqual(status.payload, { status: "connected" });

  const payload = { text: "naïve 日本 👩‍🚀" };
  const [code, answer] = await call("POST", "/api/v1/events", { type: "chat:said", payload });
  assert.equal(code, 202);
  assert.equal(answer.receivers, 1);
  assert.deepEqual(await nextJson(), { type: "chat:said", payload, timestamp: answer.timestamp });

  socket.ping("are you there");
  const [pong] = await once(socket, "pong");
  assert.equal(pong.toString(), "are you there");
  assert.equal(await close(socket), 1000);
});

test("publishing without the key is refused", PATIENCE, async () => {
  const [code, answer] = await call("POST", "/api/v1/events", { type: "a:b", payload: {} }, {});
  assert.deepEqual([code, answer.error.code], [401, "unauthorized"]);
});

test("a bad key is refused before the upgrade", PATIENCE, async () => {
  const path = "/api/v1/sessions/any/ws";
  for (const headers of [{}, { "X-API-Key": "wrong" }, { Authorization: "Bearer wrong" }]) {
    assert.equal(await refusal(path, { headers }), 401);
  }
  assert.equal(await refusal(`${path}?api_key=wrong`), 401);
});

test("a completion is heard, and a deletion closes with 1000", PATIENCE, async () => {
  const [, session] = await call("POST", "/api/v1/sessions", {});
  const path = `/api/v1/sessions/${session.session_id}`;
  const { socket, nextJson } = await open(`${path}/ws?api_key=k`);
  assert.equal((await nextJson()).status, "pending");
  await call("POST", `${path}/result`, { paid: true });
  assert.deepEqual((await nextJson()).result, { paid: true });
  const closed = once(socket, "close");
  assert.deepEqual(await call("DELETE", path), [204, ""]);
  assert.equal((await closed)[0], 1000);
});

for (const perMessageDeflate of [false, true]) {
  const compressed = perMessageDeflate ? "with compression offered" : "without compression";

  test(`a megabyte comes back ${compressed}`, PATIENCE, async () => {
    const { socket, next } = await open("/echo", { perMessageDeflate });
    for (const message of [randomBytes(MEGABYTE), "é".repeat(MEGABYTE / 2)]) {
      socket.send(message);
      assert.deepEqual(await next(), message);
    }
    assert.equal(await close(socket), 1000);
  });

  test(`a message in fragments comes back whole ${compressed}`, PATIENCE, async () => {
    const { socket, next } = await open("/echo", { perMessageDeflate });
    for (const piece of ["one ", "two "]) socket.send(piece, { fin: false });
    socket.ping(); // A control frame may come between the fragments.
    socket.send("three", { fin: true });
    assert.equal(await next(), "one two three");
    assert.equal(await close(socket), 1000);
  });
}
