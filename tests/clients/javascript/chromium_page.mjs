// A browser's WebSocket, for the scenarios; runs in the page that chromium_client.mjs opens.

import { Inbox, run } from "./scenarios.mjs";

function connect(path) {
  const socket = new WebSocket(location.origin.replace("http://", "ws://") + path);
  socket.binaryType = "arraybuffer";
  const inbox = new Inbox();
  socket.onmessage = ({ data }) => inbox.put(typeof data === "string" ? data : new Uint8Array(data));
  const opened = new Promise((resolve) => (socket.onopen = () => resolve(true)));
  const closed = new Promise((resolve) => (socket.onclose = ({ code }) => resolve(code)));
  return { socket, inbox, opened, closed };
}

async function open(path) {
  const { socket, inbox, opened, closed } = connect(path);
  if ((await Promise.race([opened, closed])) !== true) throw new Error(`no connection to ${path}`);
  return {
    compressed: socket.extensions.includes("permessage-deflate"),
    send: (message) => socket.send(message),
    // A page cannot divide a message, but the browser itself divides a long one.
    sendPieces: (pieces) => socket.send(pieces.join("")),
    next: () => inbox.take(),
    close(code, reason) {
      socket.close(code, reason);
      return closed;
    },
    closed: () => closed,
  };
}

const client = {
  name: "Chromium",
  // A page is told no more than the first number of it.
  version: /Chrome\/(\d+)/.exec(navigator.userAgent)[1],
  http: location.origin,
  notOffered: { ping: "a page cannot send a ping" },
  open,
  // A page can show its key in the query only, and does not learn the status.
  refusals: (path) => Promise.all(["", "?api_key=wrong"].map((query) => connect(path + query).closed)),
  refusal: 1006,
};

await run(client, window.report);
