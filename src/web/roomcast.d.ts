/** The version of the hub that this file came with. */
export const version: string;

/** JSON of any shape. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
/** An object of JSON. */
export type JsonObject = { [name: string]: Json };

/** What makes a connection one to a certain app. Write one for a dialect of your own. */
export interface App<Message = unknown, Notice = unknown> {
  /** Put behind a URL that ends in a slash. */
  path?: string;
  /** Put into the query; what is undefined is left out. */
  query?: Record<string, string | undefined>;
  /** A key or token, shown as a subprotocol: in no address, and so in no log of a proxy. */
  bearer?: string;
  /** What is subscribed to at first. */
  names?: readonly string[];
  /**
   * The messages that lead from one set of names to another, `since` in that which asks for what was missed; without it
   * there is nothing to subscribe to.
   */
  change?(before: readonly string[], after: readonly string[], since?: string): object[];
  /** How it is asked since when it is to resume, if messages have positions: by `?since=`, or by `change`. */
  resumes?: "query" | "subscription";
  /** What asks on an open line for what was missed; without it, `change` does. */
  resume?(since: string): object;
  /** Whether a line says first where it begins, also when it is not asked (it does). */
  greets?: boolean;
  /** Whether some messages are kept nowhere, and cannot be asked for. */
  whispers?: boolean;
  /** The query for Server-Sent Events; without it there are none. */
  sse?(names: readonly string[]): Record<string, string | undefined>;
  /** Whether a message is for these names, where that query says less than they do. */
  hears?(message: any, names: readonly string[]): boolean;
  /** What a message means; without it everything is a message. */
  read?(message: any): Reading<Message, Notice>;
  /** What the app surely answers. */
  probe?: object;
  /** The app is never silent for so long, in ms. */
  silence?: number;
  /** Close codes after which it does not come back, besides 4401, 4403, 4404 and 4409. */
  final?: readonly number[];
}

/** What an app's message means; nothing of it, when it is of no interest. */
export interface Reading<Message = unknown, Notice = unknown> {
  /** What the app is about. */
  message?: Message;
  /** Something about the connection itself. */
  notice?: Notice;
  /** The message's position. */
  position?: string;
  /** So many messages were missed; `null` if nobody can tell. */
  lagged?: number | null;
  /** They were missed behind this position; nothing, if they cannot be asked for. */
  since?: string | null;
  /** The answer to a question for what was missed. */
  resumed?: { sent: number; missed: number | null };
  /** The position before the first message that follows. */
  from?: string;
  /** What is sent in answer. */
  reply?: object;
}

/** When it tries again. */
export interface Retry {
  /** The longest first pause, in ms; doubled with each failure (100). */
  first?: number;
  /** The longest pause of all, in ms (30,000). */
  last?: number;
  /** The window over which clients come back that the hub has sent away together, in ms (5,000). */
  spread?: number;
  /** Losses in a row after which it gives up: 1 never tries again (without end). */
  attempts?: number;
}

/** How to connect. */
export interface Options<Message = unknown, Notice = unknown> {
  /** The app; without one, every message is given as it is, JSON already read. */
  app?: App<Message, Notice>;
  /** When it tries again. */
  retry?: Retry;
  /** Messages that wait while the line is down (100); 0 drops them at once. */
  queue?: number;
  /** Silence for so long, in ms, makes a line doubtful; 0 never does. Given by the app, where it is never silent. */
  silence?: number;
  /** Begin behind this position, such as that of a `Roomcast-Position`, instead of now. */
  since?: string;
  /** What may be used (`auto`: a WebSocket, and Server-Sent Events where none comes through). */
  transport?: "auto" | Transport;
  /** What to use instead of the global `WebSocket`. */
  WebSocket?: unknown;
  /** What to use instead of the global `EventSource`. */
  EventSource?: unknown;
  /** For tests: what is taken from the surroundings. */
  world?: Partial<World>;
}

/** By what messages come. */
export type Transport = "websocket" | "sse";

/** What is taken from the surroundings. */
export interface World {
  /** Where `online` and `pageshow` are heard. */
  window: EventTarget | undefined;
  /** Where `visibilitychange` and `resume` are heard. */
  document: (EventTarget & { readonly visibilityState: string }) | undefined;
  /** Milliseconds that go on while the machine sleeps. */
  now(): number;
  /** From 0 to 1, without 1. */
  random(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
}

/** The state of a connection, and what belongs to it. */
export type Status =
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "open" }
  /** `delay` is `Infinity` while it is paused. */
  | { readonly state: "waiting"; readonly delay: number; readonly attempt: number }
  | { readonly state: "closed"; readonly code: number; readonly reason: string };

/** How a line ended, or an attempt failed: for good, or to be tried again after `delay` ms. */
export type Close =
  | { readonly code: number; readonly reason: string; readonly final: false; readonly delay: number }
  | { readonly code: number; readonly reason: string; readonly final: true };

/** What an app lets through to the socket. */
export type Sendable = string | ArrayBuffer | ArrayBufferView | Blob | object;

/** The detail of each event. */
export interface Details<Message = unknown, Notice = unknown> {
  /** The line is open, what is subscribed to has been said; `again`: something may have been missed. */
  open: { readonly again: boolean };
  /** What the app is about. */
  message: Message;
  /** Something about the connection itself, such as an answer to `subscribe`. */
  notice: Notice;
  /** The hub skipped so many messages for this connection, because it was read too slowly; if `since` is there, they are asked for. */
  lagged: { readonly missed: number | null; readonly since: string | null };
  /** So many messages follow of those that were missed, and so many are lost; `position` is before the next message. */
  resumed: { readonly sent: number; readonly missed: number | null; readonly position: string | undefined };
  /** So many messages behind `since` are lost for good; `null`: nobody can tell how many, so read the state anew. */
  gap: { readonly missed: number | null; readonly since: string | null };
  /** What was to be sent and will not be. */
  dropped: { readonly messages: readonly Sendable[]; readonly reason: "full" | "closed" | "read-only" };
  /** Messages come by another way than before. */
  transport: Transport;
  /** A line ended, or an attempt failed. */
  close: Close;
  /** The state changed. */
  state: Status;
}

/** One line to one app of the hub. */
export class Connection<Message = unknown, Notice = unknown> extends EventTarget {
  constructor(url: string | URL, options?: Options<Message, Notice>);
  /** In which state it is. */
  readonly state: Status["state"];
  /** The state and what belongs to it. */
  readonly status: Status;
  /** Where it connects to. */
  readonly url: string;
  /** By what messages come, or came last. */
  readonly transport: Transport;
  /** Since when it would ask for what it missed; nothing, if the hub has said no position. */
  readonly position: string | undefined;
  /** What is subscribed to, or will be once the line is open. */
  readonly subscriptions: string[];
  /** How many messages wait for the line. */
  readonly queued: number;
  /** Calls the listener with the detail of every event of this type; returns the way to stop that. */
  on<Type extends keyof Details>(type: Type, listener: (detail: Details<Message, Notice>[Type]) => void): () => void;
  /** Sends text or bytes as they are, anything else as JSON; `false` says that it was dropped. Over Server-Sent Events it throws. */
  send(data: Sendable): boolean;
  /** Adds names to what is subscribed to, now and after every return. */
  subscribe(...names: string[]): void;
  /** Takes names away; without any, all. */
  unsubscribe(...names: string[]): void;
  /** Subscribes to these names and no others. */
  replace(...names: string[]): void;
  /** Lets go of the line, as if it had been lost, until `resume`. */
  pause(): void;
  /** Comes back after a `pause`, and asks for what was missed. */
  resume(): void;
  /** Leaves for good. */
  close(code?: number, reason?: string): void;

  addEventListener<Type extends keyof Details>(
    type: Type,
    listener: (event: CustomEvent<Details<Message, Notice>[Type]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof Details>(
    type: Type,
    listener: (event: CustomEvent<Details<Message, Notice>[Type]>) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * Connects, and stays connected until `close()` or a final close code.
 *
 * A URL that ends in a slash is the hub's, and the app's own path is put behind it; any other is taken as it is. It may
 * be relative to the page, and `http` stands for `ws`.
 */
export function connect<Message = unknown, Notice = unknown>(
  url: string | URL,
  options?: Options<Message, Notice>,
): Connection<Message, Notice>;

/** One broadcast to everybody: what the `events` app sends. */
export interface Broadcast {
  type: string;
  payload: JsonObject;
  timestamp: string;
  position?: string;
}
/** One broadcast to everybody. */
export function events(): App<Broadcast, Broadcast>;

/** What the `sessions` app sends. */
export type SessionMessage =
  | { type: "status_update"; session_id: string; status: "pending" | "opened" | "action_started" | "completed"; timestamp: string }
  | { type: "completed"; session_id: string; status: "completed"; result: JsonObject; completed_at: string };
/** What becomes of one session; its present status comes first, after every return. A deleted session ends it. */
export function sessions(session: { session_id: string; key?: string }): App<SessionMessage, never>;

/** A task. */
export interface Task {
  id: string;
  repository: string;
  title: string;
  description: string;
  status: "pending" | "in_progress" | "completed" | "cancelled";
  priority: "low" | "medium" | "high";
  created_at: string;
  updated_at: string;
}
/** What the `tasks` app sends about tasks. */
export type TaskMessage = {
  timestamp: string;
  position?: string;
} & (
  | { type: "task.created" | "task.updated"; data: { task_id: string; repository: string; task: Task; changed_by: string } }
  | { type: "task.deleted"; data: { task_id: string; repository: string; task?: undefined; changed_by: string } }
);
/** What the `tasks` app answers. */
export type TaskNotice =
  | { type: "subscribed"; timestamp: string; data: { repositories: string[]; position?: string } }
  | { type: "error"; timestamp: string; error: string };
/** Changes of tasks in these repositories, `*` (the default) for all. */
export function tasks(options?: {
  repositories?: readonly string[];
  key?: string;
  version?: string;
}): App<TaskMessage, TaskNotice>;

/** A block. */
export interface Block {
  height: number;
  hash: string;
  tx_count: number;
  timestamp: string | number;
  miner: string;
  gas_used: number;
}
/** A transaction. */
export interface Transaction {
  hash: string;
  from_addr: string;
  to_addr: string | null;
  value_wei: string;
  block_height: number;
}
/** What the `stream` app sends. */
export type StreamMessage = { position?: string } & ({ type: "newBlock"; data: Block } | { type: "newTx"; data: Transaction });
/** The public channels of a block explorer; both are the default. */
export function stream(options?: { channels?: readonly ("newBlocks" | "newTxs")[] }): App<StreamMessage, never>;

/** What the `rooms` app sends. */
export interface RoomMessage {
  type: "event" | "state" | "error";
  event: string;
  payload: JsonObject;
  player_id?: string;
  correlation_id?: string | number;
  position?: string;
}
/** A player in a room; the answer to creating or joining it has all that is needed but, for the latter, the code. */
export function rooms(player: { code: string; player_id: string; token: string }): App<RoomMessage, never>;
