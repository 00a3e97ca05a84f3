// The hub on Bun: its WebSocket server is uWebSockets, and a room is one of its topics.
//
// A queue is bounded in bytes there, not in messages: 1 MiB, as a roomcast queue's bytes are; what does not fit is
// dropped. The payload goes through JSON.parse and JSON.stringify, as one writes it in JavaScript: the same bytes for
// compact JSON.

const QUEUE_BYTES_MAX = 1024 * 1024;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const error = (status, code, message) => Response.json({ error: { code, message } }, { status });

const greeting = () =>
  JSON.stringify({ type: "connection:status", payload: { status: "connected" }, timestamp: new Date().toISOString() });

// The room of everybody has no name, and a topic needs one.
const topicOf = (url) => `room:${url.searchParams.get("room") ?? ""}`;

const upgrade = (request, server, data) =>
  server.upgrade(request, { data }) ? undefined : error(426, "upgrade_required", "this path is for WebSockets");

const publish = async (request, server, topic) => {
  let event;
  try {
    event = await request.json();
  } catch {
    return error(400, "bad_request", "the body is not JSON");
  }
  const { type, payload, ...rest } = event ?? {};
  if (typeof type !== "string" || payload === undefined || Object.keys(rest).length > 0) {
    return error(400, "bad_request", "an event has a type and a payload, and nothing else");
  }
  const timestamp = new Date().toISOString();
  const receivers = server.subscriberCount(topic);
  server.publish(topic, JSON.stringify({ type, payload, timestamp }));
  return Response.json({ type, timestamp, receivers }, { status: 202 });
};

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT ?? 0),
  fetch(request, server) {
    const url = new URL(request.url);
    switch (`${request.method} ${url.pathname}`) {
      case "GET /ws":
        return upgrade(request, server, { topic: topicOf(url) });
      case "GET /echo":
        return upgrade(request, server, { topic: null });
      case "POST /api/v1/events":
        return publish(request, server, topicOf(url));
      case "GET /healthz":
        return Response.json({ status: "ok" });
      default:
        return error(404, "not_found", "there is no such call");
    }
  },
  websocket: {
    backpressureLimit: QUEUE_BYTES_MAX,
    closeOnBackpressureLimit: false,
    maxPayloadLength: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    open(socket) {
      if (socket.data.topic === null) return;
      socket.send(greeting());
      socket.subscribe(socket.data.topic);
    },
    message(socket, message) {
      // What a member says is ignored.
      if (socket.data.topic === null) socket.send(message);
    },
  },
});

console.error(`listening on http://${server.hostname}:${server.port}`);
