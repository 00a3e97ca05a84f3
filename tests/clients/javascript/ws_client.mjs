// Node's ws.

import { once } from "node:events";
import { createRequire } from "node:module";
import WebSocket from "ws";
import { Inbox, run } from "./scenarios.mjs";

const http = process.env.ROOMCAST_URL;
const address = (path) => http.replace("http://", "ws://") + path;

async function open(path, { compressed = false, headers }) {
  const socket = new WebSocket(address(path), { perMessageDeflate: compressed, headers });
  const inbox = new Inbox();
  socket.on("message", (data, isBinary) => inbox.put(isBinary ? new Uint8Array(data) : data.toString()));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "open");
  return {
    compressed: socket.extensions.includes("permessage-deflate"),
    send: (message) => socket.send(message),
    sendPieces(pieces) {
      pieces.forEach((piece, index) => {
        socket.send(piece, { fin: index === pieces.length - 1 });
        // A control frame may come between the fragments.
        if (index === 1) socket.ping();
      });
    },
    next: () => inbox.take(),
    async ping(payload) {
      socket.ping(payload);
      const [pong] = await once(socket, "pong");
      return pong.toString();
    },
    close(code, reason) {
      socket.close(code, reason);
      return closed;
    },
    closed: () => closed,
  };
}

/** The status with which an upgrade is refused. */
async function refusal(path, headers) {
  const socket = new WebSocket(address(path), { headers });
  const [request, response] = await once(socket, "unexpected-response");
  request.destroy();
  return response.statusCode;
}

function refusals(path) {
  const wrong = [{}, { "X-API-Key": "wrong" }, { Authorization: "Bearer wrong" }];
  return Promise.all([...wrong.map((headers) => refusal(path, headers)), refusal(`${path}?api_key=wrong`)]);
}

const { version } = createRequire(import.meta.url)("ws/package.json");
await run({ name: "ws", version, http, notOffered: {}, open, refusals, refusal: 401 }, console.log);
// A scenario that failed leaves a connection open, which would keep this waiting.
process.exit();
