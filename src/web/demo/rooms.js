// A game room: who is in it, what is said, and a seat that is kept over a reconnect.
//
// The seat (player and token) is kept in this tab. The room's code stands behind the `#` of the address, which is so the
// link to join by.

import { connect, rooms } from "../roomcast.js";
import { Chat } from "./chat.js";
import { Polls } from "./polls.js";
import { HOME, at, attempt, call, copyButton, explain, follow, fragment, make, notice, say, shell, text, unnotice } from "./shared.js";

const PATH = "api/rooms";
/** A token that ends within so long is renewed; it is good for a day. */
const RENEWED_MS = 12 * 3_600_000;
const LOOK_MS = 60_000;
/** Messages that are fetched at once. */
const PAGE = 50;
/** Why a seat is lost for good, by close code. */
const LOST = {
  4401: "The hub does not know this seat any more. Join again.",
  4403: "This seat was given up: left in another window, or put out of the room.",
  4404: "The hub does not know this room, or has forgotten it. Open another.",
};

let seat;
/** The dialect with the seat's token, by which every line is opened. */
let app;
let connection;
/** Messages that are still to come of those that were missed. */
let left = 0;
const players = new Map();
const chat = new Chat(at("chat"), speak);
const polls = new Polls(at("polls"), (payload, to) => connection.send({ type: "vote", to, payload }));
const showCurl = shell(at("curl"));

const pathOf = (code, rest = "") => `${PATH}/${encodeURIComponent(code)}${rest}`;
const storage = (code) => `roomcast.room ${HOME.pathname} ${code}`;
const nameOf = (id) => players.get(id)?.display_name ?? "somebody";
const random = () => Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");

// Coming and going.

function enter(given) {
  seat = given;
  sessionStorage.setItem(storage(seat.code), JSON.stringify(seat));
  history.replaceState(null, "", `#${seat.code}`);
  at("code").textContent = seat.code;
  at("lobby").hidden = true;
  at("room").hidden = false;
  chat.clear();
  polls.start(seat.player_id);
  render();
  open();
}

function open() {
  unnotice("seat");
  app = rooms(seat);
  const mine = follow(connect(HOME, { app }), "The chat was fetched again.", (sentence) => chat.tell(sentence));
  connection = mine;
  mine.on("message", heard);
  mine.on("gap", fetchLatest);
  mine.on("open", () => chat.flush());
  mine.on("dropped", ({ messages }) => {
    for (const message of messages) chat.fail(JSON.parse(message).correlation_id, "The line was not there for too long.");
  });
  mine.on("close", ({ code, final }) => {
    if (connection !== mine) return;
    chat.doubt();
    showPlayers();
    if (final) lose(code);
  });
}

/** Forgets the connection first: its end is then nobody's. */
function hangUp() {
  const left = connection;
  connection = undefined;
  left?.close();
}

function lose(code) {
  connection = undefined;
  if (code === 4409) {
    notice("seat", "This seat was taken in another window, which has it now. “Reconnect” takes it back.");
    return;
  }
  forget();
  notice("seat", LOST[code] ?? `The hub closed the connection with ${code}.`);
}

/** When a token ends, which is for the hub to judge: here it is only read. */
const endOf = (token) => JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).exp * 1_000;

/** Another token for the same seat, while this one is good: on this line, and for those to come. */
async function renew() {
  const mine = seat;
  if (!mine || endOf(mine.token) - Date.now() > RENEWED_MS) return;
  try {
    const { token } = await call("POST", pathOf(mine.code, "/token"), { token: mine.token });
    if (seat !== mine) return;
    app.bearer = mine.token = token;
    sessionStorage.setItem(storage(mine.code), JSON.stringify(mine));
    connection?.send({ type: "token", token });
  } catch {
    // The hub is away, or has forgotten the room: the line tells of both, and this is tried again.
  }
}

/** Gives the seat up, so that the name is free and the others are told. */
async function leave() {
  const { code, player_id: player, token } = seat;
  forget();
  try {
    await call("DELETE", pathOf(code, `/players/${encodeURIComponent(player)}`), { token });
  } catch (error) {
    notice("seat", `The others may not know that you have left. ${explain(error)}`);
  }
}

/** Forgets the seat here. */
function forget() {
  hangUp();
  sessionStorage.removeItem(storage(seat.code));
  at("join-code").value = seat.code;
  seat = undefined;
  history.replaceState(null, "", location.pathname);
  at("lobby").hidden = false;
  at("room").hidden = true;
  players.clear();
  unnotice("seat");
  at("state").dataset.state = "connecting";
  at("state").textContent = "not connected";
}

function create(event) {
  event.preventDefault();
  const body = { display_name: at("create-name").value };
  return attempt(at("created"), async () => enter(await call("POST", PATH, { body })));
}

function join(event) {
  event.preventDefault();
  const code = at("join-code").value.toUpperCase();
  const body = { display_name: at("join-name").value };
  return attempt(at("joined"), async () => enter({ code, ...(await call("POST", pathOf(code, "/join"), { body })) }));
}

/** The room that the address names: back to the seat there, or to the door. */
function arrive() {
  const code = fragment().toUpperCase();
  if (!code || code === seat?.code) return;
  if (seat) forget();
  history.replaceState(null, "", `#${code}`);
  const kept = sessionStorage.getItem(storage(code));
  if (kept) {
    enter(JSON.parse(kept));
  } else {
    at("join-code").value = code;
    at("join-name").focus();
  }
}

// What the room says.

function heard(message) {
  sort(message);
  if (message.position === undefined || left === 0) return;
  left -= 1;
  if (left === 0) chat.settle([], seat.player_id);
}

function sort({ type, event, payload, player_id: by, correlation_id: correlation, position }) {
  if (type === "error") refused(payload, correlation);
  else if (type === "state" && event === "room") take(payload);
  else if (event === "player_connected" || event === "player_disconnected") move(event, payload);
  else if (event === "player_left") gone(payload);
  else if (event === "chat" && typeof payload?.message === "string") said(payload, correlation, position);
  else if (event === "vote" && by) voted(by, payload);
  else if (event === "action" && typeof payload?.whisper === "string") whispered(by, payload.whisper, correlation);
  else chat.tell(`${text(event)} ${text(payload)}`);
}

function take(state) {
  players.clear();
  for (const player of state.players) players.set(player.player_id, player);
  showPlayers();
  left = 0;
  if (!state.resumed) {
    chat.settle(state.messages, seat.player_id);
    at("earlier").hidden = state.messages.length < PAGE;
  } else if (state.resumed.missed === 0) {
    // What was missed follows, what we said ourselves among it.
    left = state.resumed.sent;
    if (left === 0) chat.settle([], seat.player_id);
  }
}

function move(event, { player_id: id, display_name: name }) {
  const connected = event === "player_connected";
  players.set(id, { player_id: id, display_name: name, connected });
  showPlayers();
  chat.tell(`${text(name)} ${connected ? "is here" : "is away"}`);
  // One of those who were here tells the polls: the first, as everybody can work out.
  const first = [...players.values()].filter((player) => player.connected && player.player_id !== id).map((player) => player.player_id).sort()[0];
  if (connected && first === seat.player_id) polls.tell(id);
}

function gone({ player_id: id, display_name: name }) {
  players.delete(id);
  showPlayers();
  chat.tell(`${text(name)} has left`);
}

function said(message, correlation, position) {
  const mine = message.player_id === seat.player_id;
  if (correlation === undefined && mine) chat.recognise(message);
  else chat.confirm(correlation);
  chat.add(message, mine, position);
}

function whispered(by, whisper, correlation) {
  const sent = chat.confirm(correlation);
  const title = by === seat.player_id ? `to ${sent ? nameOf(sent.to) : "somebody"}, in private` : `${nameOf(by)}, in private`;
  chat.whisper(title, whisper, by === seat.player_id);
}

function voted(by, payload) {
  const question = polls.hear(by, payload);
  if (question !== undefined) chat.tell(`${nameOf(by)} asks: ${question}`);
}

function refused({ message }, correlation) {
  if (!chat.fail(correlation, message)) say(at("spoken"), message, "bad");
}

function showPlayers() {
  const all = [...players.values()].sort((a, b) => b.connected - a.connected || a.display_name.localeCompare(b.display_name));
  const rows = all.map((player) => {
    const isMe = player.player_id === seat?.player_id;
    const state = player.connected ? "" : "away";
    const about = make("span", { class: "hint" }, [isMe ? "you" : "", state].filter(Boolean).join(", "));
    return make("li", { "data-connected": player.connected }, make("span", { class: "name" }, text(player.display_name)), about);
  });
  at("players").replaceChildren(...rows);
  at("player-count").textContent = `${all.filter((player) => player.connected).length} of ${all.length} here`;
  const chosen = at("to").value;
  const others = all.filter((player) => player.player_id !== seat?.player_id && player.connected);
  const options = others.map((player) => make("option", { value: player.player_id }, text(player.display_name)));
  at("to").replaceChildren(make("option", { value: "" }, "everybody"), ...options);
  at("to").value = others.some((player) => player.player_id === chosen) ? chosen : "";
}

// Messages of before.

async function fetchMessages(query) {
  const path = pathOf(seat.code, `/messages?${new URLSearchParams(query)}`);
  const { messages } = await call("GET", path, { token: seat.token });
  if ("before" in query) chat.merge(messages.reverse(), seat.player_id, true);
  else chat.settle(messages.reverse(), seat.player_id);
  return messages.length;
}

/** Fetches what was missed: as far back as one answer goes. */
async function fetchLatest() {
  try {
    await fetchMessages({ limit: 200 });
  } catch (error) {
    say(at("spoken"), explain(error), "bad");
  }
}

function fetchEarlier() {
  return attempt(at("spoken"), async () => {
    const query = chat.oldest ? { limit: PAGE, before: chat.oldest } : { limit: PAGE };
    at("earlier").hidden = (await fetchMessages(query)) < PAGE;
  });
}

// What is said here.

/** Says it, and shows it as pending until the hub answers. A chat that is `to` somebody cannot be told from another by
 *  who gets it, so a whisper is an `action`. */
function speak({ text: words, to }) {
  const correlation_id = random();
  const whisper = { type: "action", correlation_id, to: [to], payload: { whisper: words } };
  const message = to ? whisper : { type: "chat", correlation_id, payload: { message: words } };
  const isOpen = connection?.state === "open";
  chat.expect(correlation_id, { text: words, to }, to ? `to ${nameOf(to)}, in private` : nameOf(seat.player_id), isOpen);
  if (connection) connection.send(message);
  else chat.fail(correlation_id, "There is no connection.");
}

function send(event) {
  event.preventDefault();
  say(at("spoken"), "");
  speak({ text: at("message").value, to: at("to").value });
  at("message").value = "";
  at("message").focus();
}

function ask(event) {
  event.preventDefault();
  if (connection?.state === "open") polls.ask(at("question").value, at("choices").value.split(","));
}

// What the game's back-end says.

const body = () => `{"event":${JSON.stringify(at("event").value)},"payload":${at("payload").value.trim() || "{}"}}`;

function render() {
  if (seat) showCurl({ path: pathOf(seat.code, "/events"), body: body() });
}

function publish(event) {
  event.preventDefault();
  return attempt(at("published"), async () => {
    const { receivers } = await call("POST", pathOf(seat.code, "/events"), { body: body() });
    return `Queued for ${receivers} ${receivers === 1 ? "player" : "players"}.`;
  });
}

at("create").addEventListener("submit", create);
at("join").addEventListener("submit", join);
at("speak").addEventListener("submit", send);
at("ask").addEventListener("submit", ask);
at("game").addEventListener("submit", publish);
at("game").addEventListener("input", render);
at("earlier").addEventListener("click", fetchEarlier);
at("leave").addEventListener("click", leave);
at("again").addEventListener("click", () => {
  chat.doubt();
  hangUp();
  open();
});
at("invite").prepend(copyButton(() => location.href, "Copy the link"));
setInterval(renew, LOOK_MS);
addEventListener("hashchange", arrive);
arrive();
