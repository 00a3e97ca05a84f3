/* @ts-self-types="./roomcast.d.ts" */
// The browser client of roomcast: one WebSocket that comes back by itself, and a small adapter for each app.
//
//   import { connect, events } from "/roomcast.js";
//   const feed = connect("/", { app: events() });
//   feed.on("message", (event) => console.log(event.type, event.payload));
//
// It has no dependencies and needs no build step: copy this file, or load it from the hub. What cannot be known in a
// browser is not claimed: a message that was handed to the socket may still be lost with the line, a refused upgrade
// looks like any other failure (1006), and pings of the protocol are answered below JavaScript, unseen.

/** The version of the hub that this file came with. */
export const version = "0.1.0";

/** Close codes after which coming back would be refused again, or would throw somebody else out. */
const FINAL = [4401, 4403, 4404, 4409];
/** Close codes with which a server sends everybody away, or asks for time: going away, restarting, try again later. */
const SPREAD = [1001, 1012, 1013];

const RETRY = { first: 100, last: 30_000, spread: 5_000, attempts: Infinity };
/** Messages that wait while the line is down. */
const QUEUE = 100;
/** Bytes that may wait inside an open socket: past them nobody takes what we send. */
const BUFFERED_BYTES_MAX = 1 << 20;
/** How long an attempt may take. */
const CONNECT_MS_MAX = 20_000;
/** An attempt older than this was made on a network that may be gone. */
const STALE_MS = 1_000;
/** A line that did not last so long does not count as mended. */
const STEADY_MS = 5_000;
/** How often an open line is looked at. */
const BEAT_MS = 15_000;
/** No timer ran for so long: the machine slept, or the page was frozen, and the hub has given us up. A hidden page's
 *  timers are held back too, but for a minute at most. */
const ASLEEP_MS = 90_000;
/** A line on which nothing comes for so long is asked, where there may be nothing to say. */
const QUIET_MS = 60_000;
/** How long the answer to a probe may take. */
const ANSWER_MS_MAX = 5_000;

/** What is taken from the surroundings. The functions are called as ours, which a browser's timers insist on. */
const WORLD = {
  window: globalThis,
  document: globalThis.document,
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * Connects, and stays connected until `close()` or a final close code.
 *
 * A URL that ends in a slash is the hub's, and the app's own path is put behind it; any other is taken as it is. It may
 * be relative to the page, and `http` stands for `ws`.
 */
export function connect(url, options) {
  return new Connection(url, options);
}

/** One line to one app of the hub. Made by `connect`. */
export class Connection extends EventTarget {
  #url;
  #app;
  #retry;
  #queueMax;
  #silence;
  #WebSocket;
  #world;

  #socket = null;
  /** The one timer: of the attempt, of the pause, or of the open line. */
  #timer;
  #status = { state: "connecting", attempt: 1 };
  #names;
  #queue = [];
  /** Attempts that failed in a row. */
  #failures = 0;
  /** Whether the hub sent everybody away, and has not been seen since. */
  #isSpread = false;
  #wasOpen = false;
  #isProbing = false;
  /** When the attempt was made, and when the line opened, last brought something, and was last looked at. */
  #dialled = 0;
  #opened = 0;
  #heard = 0;
  #looked = 0;
  /** Ends every listener of ours. */
  #listening = new AbortController();

  constructor(url, { app = {}, retry, queue = QUEUE, silence = app.silence ?? 0, WebSocket, world } = {}) {
    super();
    this.#app = app;
    this.#retry = { ...RETRY, ...retry };
    this.#queueMax = queue;
    this.#silence = silence;
    this.#world = { ...WORLD, ...world };
    this.#WebSocket = WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) {
      throw new TypeError("roomcast: there is no WebSocket here: give one as an option, or use Node 22 or later");
    }
    this.#url = locate(url, app);
    this.#names = new Set(app.names);
    this.#dial();
    this.#listen();
  }

  /** `connecting`, `open`, `waiting` or `closed`. */
  get state() {
    return this.#status.state;
  }

  /** The state and what belongs to it, as the `state` event gives it. */
  get status() {
    return this.#status;
  }

  /** Where it connects to. */
  get url() {
    return this.#url;
  }

  /** What is subscribed to, or will be once the line is open. */
  get subscriptions() {
    return [...this.#names];
  }

  /** Messages that wait for the line. */
  get queued() {
    return this.#queue.length;
  }

  /** Calls `listener` with the detail of every event of this type; returns the way to stop that. */
  on(type, listener) {
    const heard = (event) => listener(event.detail);
    this.addEventListener(type, heard);
    return () => this.removeEventListener(type, heard);
  }

  /**
   * Sends text or bytes as they are, anything else as JSON; while the line is down it waits, up to the bound.
   * `false` says that it was dropped, as the `dropped` event does.
   */
  send(data) {
    const encoded = encode(data);
    // A socket that is closing still counts as open here, but swallows what it is given.
    const isOpen = this.state === "open" && this.#socket.readyState === 1;
    if (isOpen && this.#socket.bufferedAmount <= BUFFERED_BYTES_MAX) {
      this.#socket.send(encoded);
      return true;
    }
    if (!isOpen && this.state !== "closed" && this.#queue.length < this.#queueMax) {
      this.#queue.push(encoded);
      return true;
    }
    this.#emit("dropped", { messages: [encoded], reason: this.state === "closed" ? "closed" : "full" });
    return false;
  }

  /** Adds names to what is subscribed to, now and after every return. */
  subscribe(...names) {
    this.replace(...this.#names, ...names);
  }

  /** Takes names away; without any, all. */
  unsubscribe(...names) {
    this.replace(...(names.length ? this.subscriptions.filter((name) => !names.includes(name)) : []));
  }

  /** Subscribes to these names and no others. */
  replace(...names) {
    if (!this.#app.change) throw new TypeError("roomcast: this app has nothing to subscribe to");
    const [before, after] = [this.subscriptions, [...new Set(names)]];
    this.#names = new Set(after);
    if (this.state === "open") this.#subscribe(before, after);
  }

  /** Leaves for good. What waits is dropped; nothing is heard afterwards. */
  close(code = 1000, reason = "") {
    if (this.state === "closed") return;
    // It throws at a code that nobody may send, and then nothing has changed.
    this.#socket?.close(code, reason);
    this.#end(code, reason);
  }

  // Attempts, and how they end.

  #dial() {
    const { bearer } = this.#app;
    const socket = bearer ? new this.#WebSocket(this.#url, offers(bearer)) : new this.#WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#isOpen();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => this.#lose(event.code, event.reason);
    // In a browser a close follows at once. Where none does, as after a failed attempt in Node 22, this stands in for it.
    socket.onerror = () => {
      if (this.#socket === socket && this.state === "connecting") this.#arm(0, () => this.#lose(1006, ""));
    };
    this.#socket = socket;
    this.#dialled = this.#world.now();
    this.#arm(CONNECT_MS_MAX, () => this.#lose(1006, "no answer to the upgrade"));
  }

  #dialAgain() {
    this.#hangUp();
    this.#status = { state: "connecting", attempt: this.#failures + 1 };
    this.#emit("state", this.#status);
    // A listener may have closed us.
    if (this.state !== "connecting") return;
    try {
      this.#dial();
    } catch (error) {
      this.#lose(1006, String(error));
    }
  }

  #isOpen() {
    const again = this.#wasOpen;
    this.#wasOpen = true;
    this.#isSpread = false;
    this.#isProbing = false;
    this.#opened = this.#heard = this.#world.now();
    this.#status = { state: "open" };
    this.#watch();
    this.#subscribe([], this.subscriptions);
    for (const data of this.#queue.splice(0)) this.#socket.send(data);
    this.#announce("open", { again });
  }

  /** The line is gone: for good, or until the pause is over. */
  #lose(code, reason) {
    const { first, last, spread, attempts } = this.#retry;
    this.#hangUp();
    if (this.state === "open" && this.#world.now() - this.#opened >= STEADY_MS) this.#failures = 0;
    const isFinal = FINAL.includes(code) || (this.#app.final ?? []).includes(code);
    if (isFinal || this.#failures + 1 >= attempts) {
      this.#end(code, reason);
      return;
    }
    if (SPREAD.includes(code)) this.#isSpread = true;
    // Full jitter: whoever lost the hub in the same moment does not come back in the same moment.
    const ceiling = Math.min(last, first * 2 ** this.#failures);
    const delay = this.#world.random() * (this.#isSpread ? Math.max(spread, ceiling) : ceiling);
    this.#failures += 1;
    this.#status = { state: "waiting", delay, attempt: this.#failures };
    this.#arm(delay, () => this.#dialAgain());
    this.#announce("close", { code, reason, final: false, delay });
  }

  #end(code, reason) {
    this.#hangUp();
    this.#disarm();
    this.#listening.abort();
    const messages = this.#queue.splice(0);
    this.#status = { state: "closed", code, reason };
    if (messages.length) this.#emit("dropped", { messages, reason: "closed" });
    this.#announce("close", { code, reason, final: true });
  }

  /** Lets go of the socket, which may take its time to close. */
  #hangUp() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close();
  }

  // An open line, and whether it is alive.

  #hear(data) {
    this.#heard = this.#world.now();
    if (this.#isProbing) {
      this.#isProbing = false;
      this.#watch();
    }
    const value = decode(data);
    const isObject = typeof value === "object" && value !== null;
    if (!this.#app.read || !isObject) {
      this.#emit(this.#app.read ? "notice" : "message", value);
      return;
    }
    const read = this.#app.read(value);
    if (read.reply) this.send(read.reply);
    if (read.lagged !== undefined) this.#emit("lagged", { missed: read.lagged });
    if (read.notice !== undefined) this.#emit("notice", read.notice);
    if (read.message !== undefined) this.#emit("message", read.message);
  }

  #watch() {
    this.#looked = this.#world.now();
    const left = this.#heard + this.#silence - this.#looked;
    this.#arm(this.#silence ? Math.max(0, Math.min(BEAT_MS, left)) : BEAT_MS, () => this.#look());
  }

  #look() {
    const now = this.#world.now();
    if (now - this.#looked >= ASLEEP_MS) this.#doubt("asleep");
    else if (this.#silence && now - this.#heard >= this.#silence) this.#doubt("silent");
    else this.#watch();
  }

  /** Asks for a sign of life; where an app has none to give, a new line is the only way to know. */
  #doubt(reason) {
    if (this.#isProbing) return;
    if (!this.#app.probe) {
      this.#lose(1006, reason);
      return;
    }
    this.#isProbing = true;
    this.#arm(ANSWER_MS_MAX, () => this.#lose(1006, reason));
    this.#socket.send(encode(this.#app.probe));
  }

  /** The page is looked at again. */
  #wake() {
    if (this.state === "waiting" || this.#isDialling(CONNECT_MS_MAX)) {
      this.#dialAgain();
    } else if (this.state === "open" && !this.#isProbing) {
      const isFresh = this.#world.now() - this.#heard < ANSWER_MS_MAX;
      if (this.#app.probe && !isFresh) this.#doubt("asleep");
      else this.#look();
    }
  }

  /** The network is back, so that earlier failures say nothing any more, nor does a line or an attempt of before. */
  #online() {
    this.#failures = 0;
    if (this.state === "open") this.#doubt("offline");
    else if (this.#isDialling(STALE_MS)) this.#dialAgain();
    else this.#wake();
  }

  /** Whether an attempt has had no answer for so long. */
  #isDialling(ms) {
    return this.state === "connecting" && this.#world.now() - this.#dialled >= ms;
  }

  #listen() {
    const { window, document } = this.#world;
    const { signal } = this.#listening;
    const listen = (target, type, listener) => target?.addEventListener?.(type, listener, { signal });
    listen(window, "online", () => this.#online());
    listen(window, "pageshow", () => this.#wake());
    listen(document, "resume", () => this.#wake());
    listen(document, "visibilitychange", () => document.visibilityState === "visible" && this.#wake());
  }

  // Small things.

  #subscribe(before, after) {
    for (const message of this.#app.change?.(before, after) ?? []) this.#socket.send(encode(message));
  }

  #arm(ms, callback) {
    this.#disarm();
    this.#timer = this.#world.setTimeout(callback, ms);
  }

  #disarm() {
    this.#world.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Tells what happened, then the state that it led to, unless a listener has already led to another. */
  #announce(type, detail) {
    const status = this.#status;
    this.#emit(type, detail);
    if (this.#status === status) this.#emit("state", status);
  }
}

/** The subprotocols by which a browser shows a key or a token: it can set no header, and every proxy logs a query. */
function offers(bearer) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(bearer));
  return ["roomcast", `bearer.${btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`];
}

/** Where an app is. */
function locate(given, app) {
  const url = new URL(given, globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (app.path && url.pathname.endsWith("/")) url.pathname += app.path;
  for (const [name, value] of Object.entries(app.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  url.hash = "";
  return url.href;
}

function encode(data) {
  const isRaw = typeof data === "string" || data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob;
  return isRaw ? data : JSON.stringify(data);
}

/** JSON as what it says, anything else as it came. */
function decode(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

// The apps. An adapter is a plain object: where the app is (`path`, `query`), the key or token that it is shown
// (`bearer`), what is subscribed to at first (`names`)
// and which messages lead from one set of names to another (`change`), what a message means (`read`: a `message`, a
// `notice` about the connection, how many were `lagged`, a `reply`), what is surely answered (`probe`), how long it is
// never silent (`silence`, in ms), and which close codes are `final` besides those of every app.

/** One broadcast to everybody. */
export function events() {
  return {
    path: "ws",
    read(message) {
      if (message.type === "connection:lagged") return { lagged: message.payload.missed };
      if (message.type === "connection:pong") return {};
      return message.type === "connection:status" ? { notice: message } : { message };
    },
    probe: { type: "ping" },
    silence: QUIET_MS,
  };
}

/** What becomes of one session; its present status comes first, after every return. A deleted session ends it. */
export function sessions({ session_id, key }) {
  return {
    path: `api/v1/sessions/${encodeURIComponent(session_id)}/ws`,
    bearer: key,
    final: [1000],
    read: (message) => (message.type === "lagged" ? { lagged: message.missed } : { message }),
  };
}

/** Changes of tasks in these repositories, `*` for all. */
export function tasks({ repositories = ["*"], key, version = "1.0" } = {}) {
  return {
    path: "api/v1/tasks/ws",
    query: { version },
    bearer: key,
    names: repositories,
    // The hub's `subscribe` replaces what was there; an empty set can only be reached by `unsubscribe`.
    change(before, after) {
      if (after.length) return [{ type: "subscribe", data: { repositories: after } }];
      return before.length ? [{ type: "unsubscribe" }] : [];
    },
    read(message) {
      if (/^task\./.test(message.type)) return { message };
      if (message.type === "lagged") return { lagged: message.data.missed };
      if (message.type === "ping") return { reply: { type: "pong" } };
      return message.type === "pong" ? {} : { notice: message };
    },
    probe: { type: "ping" },
    // Two of the pings that the hub sends every thirty seconds, and patience.
    silence: 75_000,
  };
}

/** The public channels of a block explorer. */
export function stream({ channels = ["newBlocks", "newTxs"] } = {}) {
  return {
    path: "v1/stream",
    names: channels,
    change(before, after) {
      const without = (these, those) => these.filter((name) => !those.includes(name));
      const [more, less] = [without(after, before), without(before, after)];
      return [
        ...(less.length ? [{ action: "unsubscribe", channels: less }] : []),
        ...(more.length ? [{ action: "subscribe", channels: more }] : []),
      ];
    },
    read(message) {
      if (message.type === "lagged") return { lagged: message.data.missed };
      return message.type === "pong" ? {} : { message };
    },
    probe: { action: "ping" },
    silence: QUIET_MS,
  };
}

/** A player in a room; the answer to creating or joining it has all that is needed but, for the latter, the code. */
export function rooms({ code, player_id, token }) {
  // No type of message, so it is answered with an error, to this player alone, which bears the same name.
  const probe = { type: "probe", correlation_id: "roomcast.js probe", payload: {} };
  return {
    path: `ws/rooms/${encodeURIComponent(code)}`,
    query: { player_id },
    bearer: token,
    read(message) {
      if (message.correlation_id === probe.correlation_id) return {};
      return message.event === "lagged" && message.type === "state" ? { lagged: message.payload.missed } : { message };
    },
    probe,
  };
}
