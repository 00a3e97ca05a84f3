// A proxy that lets no WebSocket through, as some do on the way to a hub, but every ordinary answer, also one that does not
// end.

import { once } from "node:events";
import { createServer, request } from "node:http";

/** Listens on a free port. Upgrades are refused, or `hangs`: never answered. */
export async function startStrict(address, hangs = false) {
  const streams = new Set();
  const held = new Set();
  const house = { isShut: false };
  const server = createServer((asked, answer) => {
    const wantsStream = asked.headers.accept?.includes("text/event-stream");
    if (wantsStream && house.isShut) return void answer.destroy();
    if (wantsStream) {
      streams.add(answer);
      answer.on("close", () => streams.delete(answer));
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
