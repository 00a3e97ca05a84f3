// What the browser client is given instead of a browser: sockets and streams of events that do what the test says, and a
// clock and a chance that stand still until they are told otherwise.

import { connect } from "../../src/web/roomcast.js";

/** A window or a document that knows how many listen to it. */
class Page extends EventTarget {
  visibilityState = "visible";
  listeners = new Set();

  addEventListener(type, listener, options) {
    this.listeners.add(listener);
    options.signal.addEventListener("abort", () => this.listeners.delete(listener));
    super.addEventListener(type, listener, options);
  }

  tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** A socket as far as the client knows one. */
class FakeSocket {
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closed = [];

  constructor(url, offers = []) {
    this.url = url;
    this.offers = offers;
  }

  send(data) {
    if (this.readyState === 0) throw new Error("InvalidStateError: still connecting");
    if (this.readyState === 1) this.sent.push(data);
  }

  close(code, reason) {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) throw new Error("InvalidAccessError");
    this.closed.push([code, reason]);
    this.readyState = 2;
  }

  // From here on, what the test does.

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  say(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  /** Fails, and leaves it at that. */
  fail() {
    this.readyState = 3;
    this.onerror({});
  }

  /** Whether anybody still hears it. */
  get isHeard() {
    return Boolean(this.onopen || this.onmessage || this.onclose);
  }

  /** What was sent, JSON read. */
  get said() {
    return this.sent.map((data) => JSON.parse(data));
  }
}

/** A stream of events as far as the client knows one. */
class FakeSource extends EventTarget {
  readyState = 0;
  closed = 0;

  constructor(url) {
    super();
    this.url = url;
  }

  close() {
    this.closed += 1;
    this.readyState = 2;
  }

  // From here on, what the test does.

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  /** The last event of the hub. */
  end(code, reason) {
    this.dispatchEvent(new MessageEvent("close", { data: JSON.stringify({ code, reason }) }));
  }

  /** Fails; a browser would come back by itself if it had been open. */
  drop() {
    this.readyState = this.readyState === 1 ? 0 : 2;
    this.onerror({});
  }

  get isHeard() {
    return Boolean(this.onopen || this.onmessage);
  }

  /** What was asked for besides the path. */
  get asked() {
    return Object.fromEntries(new URL(this.url).searchParams);
  }
}

/** A connection in a world of its own, which `hasSources` or not, and everything that it said. */
export function fake(options = {}, url = "ws://hub/") {
  let now = 1_000_000;
  let last = 0;
  const timers = new Map();
  const sockets = [];
  const sources = [];
  const chance = { value: 0.5 };
  const [window, document] = [new Page(), new Page()];
  class WebSocket extends FakeSocket {
    constructor(...given) {
      if (house.refuses) throw new Error("SyntaxError: refused");
      super(...given);
      sockets.push(this);
    }
  }
  class EventSource extends FakeSource {
    constructor(...given) {
      super(...given);
      sources.push(this);
    }
  }
  const world = {
    window,
    document,
    now: () => now,
    random: () => chance.value,
    setTimeout(callback, ms) {
      last += 1;
      timers.set(last, { at: now + ms, callback });
      return last;
    },
    clearTimeout: (timer) => timers.delete(timer),
  };
  const house = {
    sockets,
    sources,
    timers,
    chance,
    window,
    document,
    refuses: false,
    get socket() {
      return sockets.at(-1);
    },
    get source() {
      return sources.at(-1);
    },
    /** Lets time go by, and every timer fire that is due. */
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
        if (!due) break;
        const [id, { at, callback }] = due;
        timers.delete(id);
        now = Math.max(now, at);
        callback();
      }
      now = end;
    },
    /** Lets time go by without any timer: the machine sleeps. */
    sleep(ms) {
      now += ms;
    },
  };
  const { hasSources, ...given } = options;
  const client = connect(url, { WebSocket, world, ...(hasSources ? { EventSource } : {}), ...given });
  const heard = [];
  for (const type of ["open", "message", "notice", "lagged", "resumed", "gap", "dropped", "transport", "close", "state"]) {
    client.on(type, (detail) => heard.push([type, detail]));
  }
  const of = (type) => heard.filter(([name]) => name === type).map(([, detail]) => detail);
  return Object.assign(house, { client, heard, of });
}
