// A proxy that lets no WebSocket through, as some do on the way to a hub. A hub that has no Server-Sent Events is given
// them here, from a WebSocket of the proxy's own.

import { once } from "node:events";
import { createServer, request } from "node:http";
import { WebSocket } from "undici";

const STREAM = { Accept: "text/event-stream" };

/** Whether the hub has Server-Sent Events itself. */
async function isNative(address) {
  const leave = new AbortController();
  const answer = await fetch(`${address}/ws`, { headers: STREAM, signal: leave.signal });
  leave.abort();
  return answer.ok;
}

/** Where the hub is asked by WebSocket for the same, and what is said there first. */
function translate(address, path) {
  const url = new URL(path, address.replace("http", "ws"));
  const take = (name) => {
    const value = url.searchParams.get(name) ?? undefined;
    url.searchParams.delete(name);
    return value;
  };
  const [since, repositories, channels] = ["last_event_id", "repositories", "channels"].map(take);
  const names = (given, all) => given?.split(",") ?? all;
  if (url.pathname.endsWith("/tasks/ws")) {
    return { url, first: { type: "subscribe", data: { repositories: names(repositories, ["*"]), since } } };
  }
  if (url.pathname.endsWith("/v1/stream")) {
    return { url, first: { action: "subscribe", channels: names(channels, ["newBlocks", "newTxs"]), since } };
  }
  if (url.pathname === "/ws" && since) url.searchParams.set("since", since);
  return { url };
}

/** Answers one request for a stream of events. */
function bridge(address, path, answer) {
  const { url, first } = translate(address, path);
  const socket = new WebSocket(url);
  const write = (lines) => answer.write(`${lines.join("\n")}\n\n`);
  answer.on("close", () => socket.readyState < 2 && socket.close());
  socket.onopen = () => {
    answer.writeHead(200, { "Content-Type": "text/event-stream" });
    write(["retry: 2000"]);
    if (first) socket.send(JSON.stringify(first));
  };
  socket.onmessage = ({ data }) => {
    const { type, position, data: inner } = JSON.parse(data);
    const id = position ?? inner?.position;
    // A payload comes as it was published, with its line ends.
    const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`);
    if (type !== "ping") write([...(id ? [`id: ${id}`] : []), ...lines]);
  };
  socket.onclose = ({ code, reason }) => {
    if (answer.headersSent) write(["event: close", `data: ${JSON.stringify({ code, reason })}`]);
    else answer.writeHead(503);
    answer.end();
  };
}

/** Listens on a free port. Upgrades are refused, or `hangs`: never answered. */
export async function startStrict(address, hangs = false) {
  const hasEvents = await isNative(address);
  const streams = new Set();
  const held = new Set();
  const house = { isShut: false };
  const server = createServer((asked, answer) => {
    const wantsStream = asked.headers.accept?.includes(STREAM.Accept);
    if (wantsStream && house.isShut) return void answer.destroy();
    if (wantsStream) {
      streams.add(answer);
      answer.on("close", () => streams.delete(answer));
      if (!hasEvents) return bridge(address, asked.url, answer);
    }
    const passed = request(address + asked.url, { method: asked.method, headers: asked.headers });
    passed.on("response", (got) => got.pipe(answer.writeHead(got.statusCode, got.rawHeaders)));
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    return asked.pipe(passed);
  });
  server.on("upgrade", (_, near) => {
    near.on("error", () => {}).on("close", () => held.delete(near));
    held.add(near);
    if (!hangs) near.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(house, {
    address: `http://127.0.0.1:${server.address().port}`,
    /** Cuts every stream, and lets no other through until it is opened. */
    shut() {
      house.isShut = true;
      streams.forEach((stream) => stream.destroy());
    },
    open: () => (house.isShut = false),
    end() {
      held.forEach((near) => near.destroy());
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
}
