/* @ts-self-types="./roomcast.d.ts" */
// The browser client of roomcast: one WebSocket that comes back by itself and asks for what it missed, and a small adapter
// for each app. Where no WebSocket comes through it reads Server-Sent Events.
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
/** Before any WebSocket has opened, one that takes so long, or as many as that which failed, may be what a proxy on the
 *  way makes of it: then the same address is asked for Server-Sent Events. */
const UNOPENED_MS = 4_000;
const UNOPENED_MAX = 2;

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
  /** `auto`, `websocket` or `sse`: what may be used. */
  #transport;
  #WebSocket;
  #EventSource;
  #world;

  /** The WebSocket or the EventSource, and whether it is the latter. */
  #line = null;
  #isSource = false;
  /** What was open last. */
  #via = "websocket";
  #hadSocket = false;
  /** The one timer: of the attempt, of the pause, or of the open line. */
  #timer;
  #status = { state: "connecting", attempt: 1 };
  #names;
  #queue = [];
  /** Attempts that failed in a row. */
  #failures = 0;
  /** Attempts in a row of which no line came. */
  #misses = 0;
  /** Whether the hub sent everybody away, and has not been seen since. */
  #isSpread = false;
  #wasOpen = false;
  #isPaused = false;
  #isProbing = false;
  #heard;
  /** What this line was asked to send again, in the order in which it answers, each with the round of gaps that it fills. */
  #asked = [];
  /** Whether the first thing that this line says has to be such an answer. */
  #isReturning = false;
  /** Messages that the hub said were missed on this line, and has not accounted for. */
  #owed = 0;
  /** When the attempt was made, and when the line opened, last brought something, and was last looked at. */
  #dialled = 0;
  #opened = 0;
  #spoke = 0;
  #looked = 0;
  /** Ends every listener of ours. */
  #listening = new AbortController();

  constructor(url, options = {}) {
    super();
    const { app = {}, retry, queue = QUEUE, silence, since, transport = "auto", WebSocket, EventSource, world } = options;
    this.#app = app;
    this.#retry = { ...RETRY, ...retry };
    this.#queueMax = queue;
    this.#silence = silence;
    this.#transport = transport;
    this.#heard = new Heard(since);
    this.#world = { ...WORLD, ...world };
    this.#WebSocket = WebSocket ?? globalThis.WebSocket;
    this.#EventSource = EventSource ?? globalThis.EventSource;
    if (!this.#WebSocket && transport !== "sse") {
      throw new TypeError("roomcast: there is no WebSocket here: give one as an option, or use Node 22 or later");
    }
    if (transport === "sse" && !(this.#EventSource && app.sse)) {
      throw new TypeError(`roomcast: ${app.sse ? "there is no EventSource here" : "this app has no Server-Sent Events"}`);
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

  /** By what it is connected, or was last: `websocket` or `sse`. */
  get transport() {
    return this.#via;
  }

  /** Since when it would ask for what it missed, if the hub says positions and has said one. */
  get position() {
    return this.#heard.since;
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
   * `false` says that it was dropped, as the `dropped` event does. Over Server-Sent Events it is an error.
   */
  send(data) {
    if (this.#via === "sse" && this.state !== "closed") {
      throw new TypeError("roomcast: this connection is read-only over Server-Sent Events");
    }
    const encoded = encode(data);
    // A socket that is closing still counts as open here, but swallows what it is given.
    const isOpen = this.state === "open" && this.#line.readyState === 1;
    if (isOpen && this.#line.bufferedAmount <= BUFFERED_BYTES_MAX) {
      this.#line.send(encoded);
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
    // There the names are in the address.
    if (this.#line && this.#isSource) this.#dialAgain();
    else if (this.state === "open") this.#subscribe(before, after);
  }

  /** Lets go of the line, as if it had been lost, until `resume`. */
  pause() {
    if (this.state === "closed" || this.#isPaused) return;
    const hadLine = Boolean(this.#line);
    this.#isPaused = true;
    this.#hangUp();
    this.#disarm();
    this.#status = { state: "waiting", delay: Infinity, attempt: this.#failures };
    if (hadLine) this.#announce("close", { code: 1000, reason: "paused", final: false, delay: Infinity });
    else this.#emit("state", this.#status);
  }

  /** Comes back after a `pause`, and asks for what was missed. */
  resume() {
    if (this.state === "closed" || !this.#isPaused) return;
    this.#isPaused = false;
    this.#dialAgain();
  }

  /** Leaves for good. What waits is dropped; nothing is heard afterwards. */
  close(code = 1000, reason = "") {
    if (this.state === "closed") return;
    // It throws at a code that nobody may send, and then nothing has changed.
    this.#line?.close(code, reason);
    this.#end(code, reason);
  }

  // Attempts, and how they end.

  #dial() {
    this.#dialled = this.#world.now();
    // What was the way last time is the way, until it has failed as often as a WebSocket had.
    const isKnown = this.#via === "sse" && this.#misses < UNOPENED_MAX;
    if (this.#transport === "sse" || isKnown) this.#dialSource();
    else this.#dialSocket();
  }

  #dialSocket() {
    this.#isSource = false;
    const { bearer } = this.#app;
    const url = this.#address();
    const socket = bearer ? new this.#WebSocket(url, offers(bearer)) : new this.#WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#isOpen();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => this.#lose(event.code, event.reason);
    // In a browser a close follows at once. Where none does, as after a failed attempt in Node 22, this stands in for it.
    socket.onerror = () => {
      if (this.#line === socket && this.state === "connecting") this.#arm(0, () => this.#lose(1006, ""));
    };
    this.#line = socket;
    const late = () => this.#fallBack() || this.#lose(1006, "no answer to the upgrade");
    this.#arm(this.#mayFallBack() ? UNOPENED_MS : CONNECT_MS_MAX, late);
  }

  #dialSource() {
    this.#isSource = true;
    const source = new this.#EventSource(this.#address());
    source.onopen = () => this.#isOpen();
    source.onmessage = (event) => this.#hear(event.data);
    // It would come back by itself, but neither when we would nor with what we know.
    source.onerror = () => this.#line === source && this.#lose(1006, "");
    source.addEventListener("close", ({ data }) => {
      const { code, reason } = decode(data);
      if (this.#line === source) this.#lose(code, reason);
    });
    this.#line = source;
    this.#arm(CONNECT_MS_MAX, () => this.#lose(1006, "no answer to the request"));
  }

  #mayFallBack() {
    return this.#transport === "auto" && !this.#hadSocket && Boolean(this.#EventSource && this.#app.sse);
  }

  /** Asks for Server-Sent Events in the place of a WebSocket that does not open; whether that could be asked. */
  #fallBack() {
    if (this.#isSource || this.state !== "connecting" || !this.#mayFallBack()) return false;
    this.#hangUp();
    try {
      this.#dialSource();
      return true;
    } catch {
      return false;
    }
  }

  #dialAgain() {
    this.#hangUp();
    const status = { state: "connecting", attempt: this.#failures + 1 };
    this.#status = status;
    this.#emit("state", status);
    // A listener may have closed us, or led elsewhere.
    if (this.#status !== status || this.#line) return;
    try {
      this.#dial();
    } catch (error) {
      this.#lose(1006, String(error));
    }
  }

  #isOpen() {
    const again = this.#wasOpen;
    const via = this.#isSource ? "sse" : "websocket";
    const status = { state: "open" };
    this.#wasOpen = true;
    this.#hadSocket ||= !this.#isSource;
    this.#misses = 0;
    this.#isSpread = false;
    this.#isProbing = false;
    this.#opened = this.#spoke = this.#world.now();
    this.#status = status;
    this.#watch();
    const isUntold = this.#askOnReturn() && again;
    const queue = this.#queue.splice(0);
    if (!this.#isSource) for (const data of queue) this.#line.send(data);
    if (via !== this.#via) {
      this.#via = via;
      this.#emit("transport", via);
    }
    if (this.#isSource && queue.length) this.#emit("dropped", { messages: queue, reason: "read-only" });
    // A listener may have closed us; the next may, too.
    if (this.#status === status) this.#announce("open", { again });
    if (this.#status === status && isUntold) this.#emit("gap", { missed: null, since: null });
  }

  /** Says what is subscribed to and since when, as far as that is not in the address; whether since when is not known. */
  #askOnReturn() {
    const { resumes, greets = true } = this.#app;
    const { since } = this.#heard;
    this.#asked = [];
    this.#owed = 0;
    this.#heard.returns();
    if (!this.#isSource) this.#subscribe([], this.subscriptions, since);
    if (!resumes) return false;
    if ((this.#isSource || resumes === "query") && (since || !greets)) this.#ask(since ?? "now");
    this.#isReturning = Boolean(since) && this.#asked.length > 0;
    const wantsNothing = this.#app.change && this.#names.size === 0;
    return !since && !wantsNothing;
  }

  /** The line is gone: for good, or until the pause is over. */
  #lose(code, reason) {
    if (this.#misses + 1 >= UNOPENED_MAX && this.#fallBack()) return;
    if (this.state === "connecting") this.#misses += 1;
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

  /** Lets go of the line, which may take its time to close. */
  #hangUp() {
    const line = this.#line;
    if (!line) return;
    this.#line = null;
    this.#isReturning = false;
    line.onopen = line.onmessage = line.onclose = null;
    if (line.readyState < 2) line.close();
  }

  // What an open line says.

  #hear(data) {
    this.#spoke = this.#world.now();
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
    const { notice, message, lagged, resumed } = read;
    if (read.reply && !this.#isSource) this.send(read.reply);
    const line = this.#line;
    // A listener may end this line, and with it what it is to be told of it.
    const tell = (type, detail) => this.#line === line && this.#emit(type, detail);
    const says = [notice, message, lagged, resumed].some((part) => part !== undefined);
    if (this.#isReturning && says && !resumed) this.#isNotUnderstood();
    if (says) this.#isReturning = false;
    if (lagged !== undefined) this.#isBehind(lagged, read.since, tell);
    const isUnheard = read.position === undefined || this.#heard.take(read.position);
    if (notice !== undefined) tell("notice", notice);
    if (resumed) this.#isResumed(resumed, read.from, tell);
    else if (read.from !== undefined) this.#heard.begins(read.from);
    if (message === undefined || !isUnheard) return;
    if (!this.#isSource || (this.#app.hears?.(message, this.subscriptions) ?? true)) tell("message", message);
  }

  /** The hub skipped messages for us: it is asked for what it still has of them. */
  #isBehind(missed, since, tell) {
    if (since) this.#heard.skips(since);
    tell("lagged", { missed, since: since ?? null });
    if (!since || !this.#app.resumes) {
      tell("gap", { missed, since: null });
    } else if (this.#isSource) {
      // It cannot be asked on this line, but at the door of the next.
      if (this.#line) this.#lose(1006, "lagged");
    } else if (this.#line) {
      this.#owed += missed ?? 0;
      if (this.#app.resume) this.#say([this.#app.resume(since)], true);
      else this.#subscribe([], this.subscriptions, since, true);
    }
  }

  /** The hub says what it sends again, and what it cannot. */
  #isResumed({ sent, missed }, position, tell) {
    const { since = null, isRefill, round = 0 } = this.#asked.shift() ?? {};
    this.#heard.resumes(position, sent, missed, round);
    if (since === "now") return;
    tell("resumed", { sent, missed, position });
    let lost = missed;
    if (isRefill) {
      this.#owed = missed === null ? 0 : this.#owed - sent - missed;
      if (!this.#asked.some((asked) => asked.isRefill)) {
        // What had no number was kept nowhere.
        if (this.#app.whispers && missed !== null) lost += Math.max(0, this.#owed);
        this.#owed = 0;
      }
    }
    if (lost !== 0) tell("gap", { missed: lost, since });
  }

  /** A hub that was asked to resume does not know what that is: it is another one than before. */
  #isNotUnderstood() {
    const [{ since }] = this.#asked.splice(0);
    this.#heard = new Heard();
    const line = this.#line;
    this.#emit("gap", { missed: null, since });
    if (this.#line === line && !this.#isSource) this.#subscribe([], this.subscriptions);
  }

  // An open line, and whether it is alive.

  /** How long the line may be silent; 0 is for ever, as on one that cannot be asked. */
  #silenceMax() {
    return this.#silence ?? (this.#isSource ? 0 : (this.#app.silence ?? 0));
  }

  #watch() {
    this.#looked = this.#world.now();
    const silence = this.#silenceMax();
    const left = this.#spoke + silence - this.#looked;
    this.#arm(silence ? Math.max(0, Math.min(BEAT_MS, left)) : BEAT_MS, () => this.#look());
  }

  #look() {
    const now = this.#world.now();
    const silence = this.#silenceMax();
    if (now - this.#looked >= ASLEEP_MS) this.#doubt("asleep");
    else if (silence && now - this.#spoke >= silence) this.#doubt("silent");
    else this.#watch();
  }

  /** Whether the hub surely answers when it is asked on this line. */
  #answers() {
    return Boolean(this.#app.probe) && !this.#isSource;
  }

  /** Asks for a sign of life; where none is given, a new line is the only way to know. */
  #doubt(reason) {
    if (this.#isProbing) return;
    if (!this.#answers()) {
      this.#lose(1006, reason);
      return;
    }
    this.#isProbing = true;
    this.#arm(ANSWER_MS_MAX, () => this.#lose(1006, reason));
    this.#line.send(encode(this.#app.probe));
  }

  /** The page is looked at again. */
  #wake() {
    if (this.#isPaused) return;
    if (this.state === "waiting" || this.#isDialling(CONNECT_MS_MAX)) {
      this.#dialAgain();
    } else if (this.state === "open" && !this.#isProbing) {
      const isFresh = this.#world.now() - this.#spoke < ANSWER_MS_MAX;
      if (this.#answers() && !isFresh) this.#doubt("asleep");
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

  /** Where the next attempt goes to: the address, and since when, and all that a WebSocket could say for itself. */
  #address() {
    const { resumes, greets = true, bearer } = this.#app;
    const url = new URL(this.#url);
    const set = (name, value) => value !== undefined && url.searchParams.set(name, value);
    const { since } = this.#heard;
    if (this.#isSource) {
      url.protocol = url.protocol.replace("ws", "http");
      for (const [name, value] of Object.entries(this.#app.sse(this.subscriptions))) set(name, value);
      set("api_key", bearer);
      if (resumes) set("last_event_id", greets ? since : (since ?? "now"));
    } else if (resumes === "query") {
      set("since", since);
    }
    return url.href;
  }

  #subscribe(before, after, since, isRefill = false) {
    this.#say(this.#app.change?.(before, after, since) ?? [], isRefill);
  }

  /** Says this of our own accord, and remembers whether it will be answered with what is sent again. */
  #say(messages, isRefill) {
    for (const message of messages) {
      const since = message.since ?? (message.data ?? message.payload)?.since;
      if (since !== undefined) this.#ask(since, isRefill);
      this.#line.send(encode(message));
    }
  }

  #ask(since, isRefill = false) {
    // Who asks for the position alone fills no gap.
    this.#asked.push({ since, isRefill, round: since === "now" ? 0 : this.#heard.round });
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

/**
 * What has been heard of a numbering: everything up to the newest position, but for the gaps that are to be filled.
 * Positions are text, an epoch and a number; those of different epochs cannot be compared.
 */
class Heard {
  #epoch;
  #newest = 0;
  /** `since` is the number before the first, `to` that of the last, `round` the one in which it was skipped last; one that
   *  `isTorn` has not been touched since, so that what comes of it next may leave some out. */
  #gaps = [];
  /** Rounds of skipping, over all lines. Each is followed by a question, which the hub may answer when later rounds are told. */
  #round = 0;
  /** Whether messages were skipped behind the newest. */
  #isSkipping = false;
  /** What comes again before the gaps up to a round are as full as they will be. */
  #left = 0;
  #answered = 0;
  /** Whether they come in one order, so that what is behind a gap ends it. */
  #isInOrder = false;

  constructor(since) {
    const at = parse(since);
    if (at) this.#start(at);
  }

  /** The position from which everything has to come that has not been heard. */
  get since() {
    const number = Math.min(this.#newest, ...this.#gaps.map((gap) => gap.since));
    return this.#epoch === undefined ? undefined : `${this.#epoch}-${number}`;
  }

  /** The round up to which a question fills the gaps that is asked now. */
  get round() {
    return this.#round;
  }

  #start({ epoch, number }) {
    this.#epoch = epoch;
    this.#newest = number;
    this.#gaps = [];
    this.#isSkipping = this.#isInOrder = false;
    this.#left = 0;
  }

  /** A new line begins, which is asked for all since `since`. */
  returns() {
    this.#isSkipping = false;
    this.#left = 0;
    this.#isInOrder = this.#gaps.length > 0;
  }

  /** A message of this position has come; whether it is the first time. */
  take(position) {
    const at = parse(position);
    if (!at) return true;
    if (at.epoch !== this.#epoch) {
      this.#start(at);
      return true;
    }
    const { number } = at;
    const gap = this.#gaps.find(({ since, to }) => since < number && number <= to);
    const isUnheard = Boolean(gap) || number > this.#newest;
    if (gap?.isTorn) this.#gaps.push({ ...gap, to: number - 1 });
    if (gap) Object.assign(gap, { since: number, isTorn: false });
    if (number > this.#newest) {
      this.#reach(number, number - 1);
      // What is sent again may be newer than all that was heard, and says nothing of what was skipped behind it.
      if (this.#left === 0) this.#isSkipping = false;
    }
    if (this.#isInOrder) this.#gaps = this.#gaps.filter(({ to }) => to > number);
    this.#gaps = this.#gaps.filter(({ since, to }) => since < to);
    if (this.#left > 0) {
      this.#left -= 1;
      if (this.#left === 0) this.#close();
    }
    return isUnheard;
  }

  /** What follows is behind this position. */
  begins(position) {
    const at = parse(position);
    if (!at) return;
    if (at.epoch !== this.#epoch) this.#start(at);
    else if (at.number > this.#newest) this.#reach(at.number, at.number);
  }

  /** The hub sends so many again of what was skipped up to a round, and has lost so many; if it cannot say how many, what
   *  it says now is a beginning. */
  resumes(position, sent, missed, round) {
    const at = parse(position);
    if (missed === null && at) this.#start(at);
    else this.begins(position);
    this.#left = sent;
    this.#answered = round;
    // What is lost comes first.
    for (const gap of this.#gaps) if (at && gap.round <= round) gap.since = Math.max(gap.since, at.number);
    this.#gaps = this.#gaps.filter(({ since, to }) => since < to);
    if (sent === 0) this.#close();
  }

  /** The hub has skipped messages behind this position. */
  skips(since) {
    const at = parse(since);
    if (!at) return;
    // Behind a lagged, so that up to here was skipped, it leaves a gap.
    this.begins(since);
    this.#isSkipping = true;
    this.#round += 1;
    // What was to fill the gaps may be among it, so that less comes than is left.
    for (const gap of this.#gaps) if (gap.to > at.number) Object.assign(gap, { round: this.#round, isTorn: true });
    this.#isInOrder = false;
  }

  #reach(number, skipped) {
    if (this.#isSkipping && skipped > this.#newest) {
      this.#gaps.push({ since: this.#newest, to: skipped, round: this.#round, isTorn: true });
    }
    this.#newest = number;
  }

  /** The gaps of what is answered are as full as they will be. */
  #close() {
    this.#gaps = this.#gaps.filter(({ round }) => round > this.#answered);
    if (this.#round <= this.#answered) this.#isSkipping = false;
  }
}

function parse(position) {
  const [, epoch, number] = /^(.+)-(\d+)$/.exec(position ?? "") ?? [];
  return epoch && { epoch, number: Number(number) };
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
// and which messages lead from one set of names to another, and since when (`change`), what a message means (`read`: a
// `message` and its `position`, a `notice` about the connection, how many were `lagged` and `since` when, what is `resumed`
// and `from` where, a `reply`), what is surely answered (`probe`), how long it is never silent (`silence`, in ms), and which
// close codes are `final` besides those of every app. Where since when is said, if the app numbers its messages (`resumes`:
// in the `query` of the address or with the `subscription`), what asks for it on an open line (`resume`, where that is no
// subscription), whether a line begins with a position that nobody asked for (`greets`), and whether some messages have
// none (`whispers`). Where there are Server-Sent Events, the names are in a query (`sse`), and what it cannot leave out is
// left out here (`hears`).

/** One broadcast to everybody. */
export function events() {
  return {
    path: "ws",
    resumes: "query",
    resume: (since) => ({ type: "resume", since }),
    sse: () => ({}),
    read(message) {
      const { type, payload, position } = message;
      if (type === "connection:lagged") return { lagged: payload.missed, since: payload.since };
      if (type === "connection:pong") return {};
      if (type === "connection:resumed") return { resumed: payload, from: position };
      if (type === "connection:status") return { notice: message, resumed: payload.resumed, from: position };
      return { message, position };
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
    sse: () => ({}),
    read: (message) => (message.type === "lagged" ? { lagged: message.missed } : { message }),
  };
}

/** Changes of tasks in these repositories, `*` for all. */
export function tasks({ repositories = ["*"], key, version = "1.0" } = {}) {
  const isAll = (names) => names.includes("*");
  return {
    path: "api/v1/tasks/ws",
    query: { version },
    bearer: key,
    names: repositories,
    resumes: "subscription",
    // The hub's `subscribe` replaces what was there; an empty set can only be reached by `unsubscribe`.
    change(before, after, since) {
      if (after.length) return [{ type: "subscribe", data: { repositories: after, since } }];
      return before.length ? [{ type: "unsubscribe" }] : [];
    },
    // No name stands for all, and a name may have a comma in it.
    sse: (names) => ({ repositories: isAll(names) || names.join("").includes(",") ? undefined : names.join() || undefined }),
    hears: (message, names) => isAll(names) || names.includes(message.data.repository),
    read(message) {
      const { type, data } = message;
      if (/^task\./.test(type)) return { message, position: message.position };
      if (type === "lagged") return { lagged: data.missed, since: data.since };
      if (type === "ping") return { reply: { type: "pong" } };
      if (type === "subscribed") return { notice: message, resumed: data.resumed, from: data.position };
      return type === "pong" ? {} : { notice: message };
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
    resumes: "subscription",
    greets: false,
    // Who names a time is answered: that is how the position is known before anything is published.
    change(before, after, since = "now") {
      const without = (these, those) => these.filter((name) => !those.includes(name));
      const [more, less] = [without(after, before), without(before, after)];
      return [
        ...(less.length ? [{ action: "unsubscribe", channels: less }] : []),
        ...(more.length ? [{ action: "subscribe", channels: more, since }] : []),
      ];
    },
    sse: (names) => ({ channels: names.join() || undefined }),
    hears: (message, names) => names.includes(`${message.type}s`),
    read(message) {
      const { type, data } = message;
      if (type === "lagged") return { lagged: data.missed, since: data.since };
      if (type === "resumed") return { resumed: data, from: data.position };
      return type === "pong" ? {} : { message, position: message.position };
    },
    probe: { action: "ping" },
    silence: QUIET_MS,
  };
}

/** A player in a room; the answer to creating or joining it has all that is needed but, for the latter, the code. */
export function rooms({ code, player_id, token }) {
  // No type of message, so it is answered with an error, to this player alone, which bears the same name.
  const probe = { type: "probe", correlation_id: "roomcast.js probe", payload: {} };
  const resume = { type: "resume", correlation_id: "roomcast.js resume" };
  return {
    path: `ws/rooms/${encodeURIComponent(code)}`,
    query: { player_id },
    bearer: token,
    resumes: "query",
    resume: (since) => ({ ...resume, payload: { since } }),
    whispers: true,
    read(message) {
      const { type, event, payload, correlation_id: correlation } = message;
      if (correlation === probe.correlation_id) return {};
      // A player who says too much is refused that, too: then nobody will tell.
      if (type === "error" && correlation === resume.correlation_id) return { resumed: { sent: 0, missed: null } };
      if (type === "state" && event === "lagged") return { lagged: payload.missed, since: payload.since };
      if (type === "state" && event === "resumed") return { resumed: payload, from: payload.position };
      if (type === "state" && event === "room") return { message, resumed: payload.resumed, from: payload.position };
      return { message, position: message.position };
    },
    probe,
  };
}
