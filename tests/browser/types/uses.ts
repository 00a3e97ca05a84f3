// Every export of the browser client, used as it is meant to be, and some as it is not.

import {
  type App,
  type Block,
  type Broadcast,
  type Close,
  Connection,
  type Details,
  type Json,
  type JsonObject,
  type Options,
  type Reading,
  type Retry,
  type RoomMessage,
  type Sendable,
  type SessionMessage,
  type Status,
  type StreamMessage,
  type Task,
  type TaskMessage,
  type TaskNotice,
  type Transaction,
  type Transport,
  type World,
  connect,
  events,
  rooms,
  sessions,
  stream,
  tasks,
  version,
} from "../../../src/web/roomcast.js";

const said: string = version;

// Events: on gives the detail, addEventListener the event.
const feed = connect("/", { app: events() });
const stop: () => void = feed.on("message", ({ type, payload, timestamp }: Broadcast) => [type, payload.text, timestamp]);
stop();
feed.on("lagged", ({ missed, since }) => [missed?.toFixed(), since?.length]);
feed.on("resumed", ({ sent, missed, position }) => [sent.toFixed(), missed?.toFixed(), position?.length]);
// @ts-expect-error: nobody may know how many.
feed.on("gap", ({ missed }) => missed.toFixed());
feed.on("transport", (transport) => transport === "sse");
const by: Transport = feed.transport;
const place: string | undefined = feed.position;
feed.pause();
feed.resume();
feed.on("open", ({ again }) => again === true);
feed.addEventListener("message", (event) => event.detail.type.length, { once: true });
feed.addEventListener("anything", (event) => event.preventDefault());
const listener = (event: CustomEvent<Close>) => event.detail.code;
feed.addEventListener("close", listener);
feed.removeEventListener("close", listener);
// @ts-expect-error: there is no such event.
feed.on("messages", () => {});
// @ts-expect-error: an event has no task.
feed.on("message", (message) => message.task);

// A close has a delay only if it is not final, a status what belongs to its state.
feed.on("close", (close) => {
  if (!close.final) return close.delay.toFixed();
  // @ts-expect-error: it does not come back.
  return close.delay;
});
const describe = (status: Status): string => {
  switch (status.state) {
    case "connecting":
      return `attempt ${status.attempt}`;
    case "open":
      return "open";
    case "waiting":
      return `in ${status.delay} ms`;
    case "closed":
      return `${status.code} ${status.reason}`;
  }
};
feed.on("state", describe);
describe(feed.status);
const state: "connecting" | "open" | "waiting" | "closed" = feed.state;

// Tasks are told apart by their type.
const line = connect(new URL("http://hub/"), { app: tasks({ repositories: ["a"], key: "k", version: "1.0" }), silence: 0 });
line.on("message", (message: TaskMessage) => {
  if (message.type === "task.deleted") return message.data.task_id;
  const task: Task = message.data.task;
  // @ts-expect-error: no such status.
  if (task.status === "done") return;
  return task.title;
});
line.on("notice", (notice: TaskNotice) => (notice.type === "error" ? notice.error : notice.data.repositories));
line.subscribe("b", "c");
line.unsubscribe();
line.replace("d");
const names: string[] = line.subscriptions;
// @ts-expect-error: names are text.
line.subscribe(1);

// The channels of a stream are two.
const chain = connect("/", { app: stream({ channels: ["newBlocks"] }) });
chain.on("message", (message: StreamMessage) => {
  if (message.type === "newBlock") {
    const block: Block = message.data;
    return block.height;
  }
  const transaction: Transaction = message.data;
  return transaction.value_wei;
});
// @ts-expect-error: no such channel.
stream({ channels: ["blocks"] });

// A session and a room, straight from the answers of the hub.
const session = connect("/", { app: sessions({ session_id: "s" }) });
session.on("message", (message: SessionMessage) => (message.type === "completed" ? message.result : message.status));
const room = connect("/", { app: rooms({ code: "ABC234", player_id: "p", token: "t" }), queue: 0 });
room.on("message", ({ event, payload, player_id, correlation_id }: RoomMessage) => [event, payload, player_id, correlation_id]);
const wasTaken: boolean = room.send({ type: "chat", payload: { message: "hello" } });
room.on("dropped", ({ messages, reason }) => messages.length + reason.length);
room.close(1000, "bye");
// @ts-expect-error: a room needs a token.
rooms({ code: "ABC234", player_id: "p" });

// A dialect of one's own, and everything that can be given.
const own: App<string, number> = {
  path: "own",
  query: { key: undefined },
  names: ["a"],
  change: (_before, after, since) => [{ names: after, since }],
  read: (message): Reading<string, number> => ({ message: String(message), notice: 1, lagged: 2, reply: {}, resumed: { sent: 1, missed: null } }),
  resumes: "query",
  resume: (since) => ({ since }),
  greets: false,
  whispers: true,
  sse: (names) => ({ names: names.join() }),
  hears: (message, names) => names.includes(message.name),
  probe: {},
  silence: 1,
  final: [4000],
};
const retry: Retry = { first: 1, last: 2, spread: 3, attempts: 4 };
const world: Partial<World> = { now: () => Date.now(), window: undefined, setTimeout: (callback, ms) => setTimeout(callback, ms) };
const options: Options<string, number> = { app: own, retry, queue: 5, silence: 6, since: place, transport: "auto", WebSocket, EventSource, world };
const connection: Connection<string, number> = new Connection("ws://hub/own", options);
connection.on("message", (message) => message.toUpperCase());
connection.on("notice", (notice) => notice.toFixed());
const data: Sendable[] = ["text", new Uint8Array(), new ArrayBuffer(1), new Blob(), {}];
data.forEach((one) => connection.send(one));
const detail: Details["dropped"] = { messages: data, reason: "full" };
const json: Json = [null, true, 1, "a", { b: [] }];
const object: JsonObject = { json };

export { said, state, names, by, wasTaken, detail, object };
