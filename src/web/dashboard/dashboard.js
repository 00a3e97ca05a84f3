// The dashboard: the server's numbers once a second, over a WebSocket of their own.

import { watchReadiness } from "../readiness.js";
import { connect } from "../roomcast.js";
import { HOME, ask, isWrong, key } from "./gate.js";
import { bytes, count, exact, rate, span, text, trouble } from "./format.js";
import { History, SECONDS } from "./history.js";
import { Table } from "./tables.js";
import { STORE_TILES, TILES, Tiles } from "./tiles.js";

/** A server that tells nothing for so long is not there. */
const SILENCE_MS = 5_000;

const at = (id) => document.getElementById(id);
const clock = () => performance.now() / 1000;

/** The dialect of the stats. */
const stats = (key) => ({
  path: "api/v1/stats/ws",
  bearer: key,
  silence: SILENCE_MS,
  read: (message) => (message.type === "lagged" ? { lagged: message.missed } : { message }),
});

const history = new History();
const point = (ago) => {
  pointed = ago === null ? null : Math.min(SECONDS, Math.max(0, ago));
  draw();
};
const tiles = new Tiles(at("tiles"), TILES, point);
const storeTiles = new Tiles(at("store-tiles"), STORE_TILES, point);
/** Seconds ago that a pointer is at, or `null`; it goes before the slider. */
let pointed = null;
/** The time that is shown while everything stands still, or `null`. */
let stopped = null;

const number = (label, value, show, more) => ({ label, value, show: (value) => text(show(value)), isNumber: true, ...more });
const words = (label, value, more) => ({ label, value, ...more });

const apps = new Table(at("apps"), {
  caption: "What each app holds and does",
  columns: [
    words("App", (app) => app.app),
    number("Connections", (app) => app.connections, exact),
    number("Rooms", (app) => app.rooms, exact),
    number("In /s", (app) => app.received_rate, rate),
    number("Published /s", (app) => app.published_rate, rate, { isMinor: true }),
    number("Out /s", (app) => app.delivered_rate, rate),
    number("Delivered", (app) => app.messages_delivered, count, { isMinor: true }),
    number("Closed", (app) => app.closed, count, { isMinor: true }),
    number("Evicted", (app) => app.evictions, count, { isMinor: true, alarm: (app) => app.evictions > 0 }),
    number("Dropped", (app) => app.messages_dropped, count, { alarm: (app) => app.messages_dropped > 0 }),
  ],
});
const rooms = new Table(at("rooms"), {
  caption: "The rooms with the most members",
  by: 2,
  empty: "There is no room with a member.",
  columns: [
    words("Room", (room) => room.room, { isLong: true }),
    words("App", (room) => room.app),
    number("Members", (room) => room.members, exact),
  ],
});
const backlogs = new Table(at("backlogs"), {
  caption: "The connections for which the most bytes wait",
  by: 2,
  empty: "Nobody has a backlog.",
  columns: [
    words("Connection", (backlog) => backlog.connection),
    words("App", (backlog) => backlog.app),
    number("Waiting", (backlog) => backlog.bytes, bytes),
    number("Messages", (backlog) => backlog.messages, exact),
  ],
});
const requests = new Table(at("requests"), {
  caption: "Requests answered, by route and status",
  by: 2,
  rowsMax: 10,
  empty: "Nobody has asked for anything.",
  columns: [
    words("Route", (request) => request.route, { isLong: true }),
    words("Status", (request) => request.status),
    number("Answered", (request) => request.count, exact),
    number("Now /s", (request) => request.rate, rate),
  ],
});
const closes = new Table(at("closes"), {
  caption: "WebSockets that ended, by close code",
  by: 3,
  rowsMax: 10,
  empty: "No WebSocket has ended.",
  columns: [
    words("Code", (close) => close.code),
    words("Meaning", (close) => MEANINGS[close.code] ?? "", { isLong: true }),
    words("App", (close) => close.app),
    number("Ended", (close) => close.count, exact),
  ],
});

const MEANINGS = {
  1000: "normal",
  1001: "going away",
  1002: "protocol error",
  1003: "binary, not taken",
  1005: "without a code",
  1006: "without a close",
  1007: "bad UTF-8",
  1008: "over its rate",
  1009: "message too big",
  1010: "extension missing",
  1011: "internal error",
  1013: "queue full, or evicted",
  4401: "unauthorized",
  4403: "put out of a room",
  4404: "no such room",
  4408: "silent too long",
  4409: "replaced",
  other: "any other code",
};

/** Draws everything as it is now, or as it was at the moment that is looked at. */
function draw() {
  const now = stopped ?? history.samples.at(-1)?.at ?? clock();
  const ago = pointed ?? Number(at("ago").value);
  tiles.draw(history, now, ago);
  at("moment").textContent = ago > 0 ? `${ago} s ago` : stopped === null ? "now" : "paused";
  const sample = history.find(now, ago);
  drawStore(sample, now, ago);
  if (!sample) return;
  const { report } = sample;
  apps.show(sample.apps);
  rooms.show(report.biggest_rooms);
  backlogs.show(report.backlogs);
  requests.show(sample.requests);
  closes.show(report.apps.flatMap(({ app, closes }) => Object.entries(closes).map(([code, count]) => ({ app, code, count }))));
  at("version").textContent = report.version;
  at("uptime").textContent = span(report.uptime_ms);
  at("status").textContent = report.status;
  at("status").classList.toggle("alarm", report.status !== "ready");
}

/** What is kept, where something is. */
function drawStore(sample, now, ago) {
  const store = sample?.report.store;
  if (sample) at("store").hidden = !store;
  if (!at("store").hidden) storeTiles.draw(history, now, ago);
  if (!store) return;
  at("trouble").textContent = trouble(store);
  at("trouble").classList.toggle("alarm", Boolean(store.trouble?.is_now));
}

function tell(state, said) {
  if (at("state").textContent !== said) at("state").textContent = said;
  at("state").dataset.state = state;
  document.body.classList.toggle("stale", state !== "open");
}

/** Looks until the key is no longer taken. */
function look(shown) {
  const line = connect(HOME, { app: stats(shown) });
  let why = "";
  const tellAway = () => tell("waiting", why ? `reconnecting: the server is ${why}` : "reconnecting");
  line.on("state", ({ state }) => {
    if (state === "open") tell("open", "live");
    else if (state === "waiting") tellAway();
  });
  watchReadiness(line, (what) => {
    why = what;
    if (line.state !== "open") tellAway();
  });
  line.on("message", (report) => {
    history.add(report, clock());
    if (stopped === null) draw();
  });
  // A page is not told why an upgrade was refused, so it asks.
  line.on("close", async () => {
    if (!(await isWrong(shown)) || line.state === "closed") return;
    line.close();
    start(shown && "The server does not take this key any more.");
  });
}

async function start(said) {
  tell("connecting", "connecting");
  let shown = key();
  if (said !== undefined || (await isWrong(shown))) {
    tell("locked", "needs a key");
    shown = await ask(said ?? (shown && "The server does not take the key that this tab has kept."));
    tell("connecting", "connecting");
    at("graphs-title").focus();
  }
  look(shown);
}

at("ago").addEventListener("input", draw);
at("pause").addEventListener("click", () => {
  stopped = stopped === null ? (history.samples.at(-1)?.at ?? null) : null;
  at("pause").textContent = stopped === null ? "Pause" : "Go on";
  draw();
});
draw();
start();
