// The scenarios, for every client in JavaScript, in Node as in a page: `run` takes an adapter and plays them with it.
//
// An adapter has `name`, `version`, `notOffered` (scenario → what the library lacks), and
//   open(path, {compressed, headers})  a socket: send(message), sendPieces(texts), next() → message, ping(text) → text,
//                                      close(code, reason) → the hub's code, closed() → the hub's code, compressed
//   refusals(path)                     how the hub refuses every wrong key: an array of what the client learns of it
//   refusal                            what each of these must be

const MEBIBYTE = 1 << 20;
const PATIENCE_MS = 60_000;
const WORDS = "naïve 日本 👩‍🚀";
// Nearly 1 MiB, and too varied to be compressed into next to nothing; one piece is empty, which is allowed.
const numbers = Array.from({ length: 150_000 }, (_, number) => `${number} `);
const PIECES = [numbers.slice(0, 5000).join(""), "", numbers.slice(5000, 9000).join(""), numbers.slice(9000).join("")];

/** Sends what came as a message to whoever asks for the next one: none is lost, and none is waited for in vain. */
export class Inbox {
  #items = [];
  #waiting = [];

  put(item) {
    const waiting = this.#waiting.shift();
    waiting ? waiting(item) : this.#items.push(item);
  }

  take() {
    if (this.#items.length) return this.#items.shift();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function show(value) {
  return (value instanceof Uint8Array ? `${value.length} bytes` : String(JSON.stringify(value))).slice(0, 200);
}

function equal(a, b) {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return JSON.stringify(a) === JSON.stringify(b);
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function same(found, expected) {
  if (!equal(found, expected)) throw new Error(`expected ${show(expected)}, found ${show(found)}`);
}

function noise() {
  const bytes = new Uint8Array(MEBIBYTE);
  for (let at = 0; at < MEBIBYTE; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

async function echo(client, compressed, ...messages) {
  const socket = await client.open("/echo", { compressed });
  if (compressed) same(socket.compressed, true);
  for (const message of messages) {
    socket.send(message);
    same(await socket.next(), message);
  }
  same(await socket.close(1000, ""), 1000);
}

async function pieces(client, compressed) {
  const socket = await client.open("/echo", { compressed });
  socket.sendPieces(PIECES);
  same(await socket.next(), PIECES.join(""));
  same(await socket.close(1000, ""), 1000);
}

/** The status and the JSON of an answer. */
async function call(client, method, path, body) {
  const headers = { "Content-Type": "application/json", Authorization: "Bearer k" };
  const answer = await fetch(client.http + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return [answer.status, text && JSON.parse(text)];
}

const SCENARIOS = {
  text: (client) => echo(client, false, WORDS),
  binary: (client) => echo(client, false, Uint8Array.from({ length: 256 }, (_, byte) => byte)),
  "1 MiB": (client) => echo(client, false, noise(), "é".repeat(MEBIBYTE / 2)),
  fragments: (client) => pieces(client, false),
  async ping(client) {
    const socket = await client.open("/echo", {});
    same(await socket.ping("are you there"), "are you there");
    same(await socket.close(1000, ""), 1000);
  },
  compressed: (client) => echo(client, true, "é".repeat(MEBIBYTE / 2), noise()),
  "compressed fragments": (client) => pieces(client, true),
  async "close by the client"(client) {
    const socket = await client.open("/echo", {});
    same(await socket.close(4321, "enough"), 4321);
  },
  async "close by the hub"(client) {
    const [, session] = await call(client, "POST", "/api/v1/sessions", {});
    const path = `/api/v1/sessions/${session.session_id}`;
    const socket = await client.open(`${path}/ws?api_key=k`, {});
    same(JSON.parse(await socket.next()).status, "pending");
    await call(client, "POST", `${path}/result`, { paid: true });
    same(JSON.parse(await socket.next()).result, { paid: true });
    same(await call(client, "DELETE", path), [204, ""]);
    same(await socket.closed(), 1000);
  },
  async broadcast(client) {
    const socket = await client.open("/ws", {});
    const status = JSON.parse(await socket.next());
    same([status.type, status.payload], ["connection:status", { status: "connected" }]);
    const payload = { text: WORDS };
    const [code, answer] = await call(client, "POST", "/api/v1/events", { type: "chat:said", payload });
    same([code, answer.receivers], [202, 1]);
    const [epoch, number] = status.position.split("-");
    const position = `${epoch}-${Number(number) + 1}`;
    same(JSON.parse(await socket.next()), { type: "chat:said", payload, timestamp: answer.timestamp, position });
    same(await socket.close(1000, "enough"), 1000);
  },
  async refused(client) {
    for (const found of await client.refusals("/api/v1/sessions/any/ws")) same(found, client.refusal);
  },
};

function inTime(promise) {
  const late = new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    promise.finally(() => clearTimeout(timer)).catch(() => {});
  });
  return Promise.race([promise, late]);
}

/** Plays every scenario and reports on each, a line at a time. */
export async function run(client, report) {
  await report(`client: ${client.name} ${client.version}`);
  for (const [scenario, play] of Object.entries(SCENARIOS)) {
    const lack = client.notOffered[scenario];
    if (lack) {
      await report(`not offered: ${scenario}: ${lack}`);
      continue;
    }
    try {
      await inTime(play(client));
      await report(`ok: ${scenario}`);
    } catch (error) {
      await report(`FAILED: ${scenario}: ${String(error?.stack ?? error).replaceAll(/\s+/g, " ")}`);
    }
  }
}
