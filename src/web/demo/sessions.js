// A session as its back-end and the one who waits see it. The session's identifier stands behind the `#` of this page's
// address too, so that a reload goes on waiting.

import { connect, sessions } from "../roomcast.js";
import { STATUSES, code, showResult, showSteps, tile } from "./session.js";
import {
  CallError, HOME, at, attempt, call, copyButton, explain, follow, fragment, key, make, notice, onKey, say, shell, text, time, unnotice,
} from "./shared.js";

const PATH = "api/v1/sessions";
const SHOWN_MAX = 50;
const UNKNOWN = "The hub does not know this session any more.";

let connection;
let session;
const showCreate = shell(at("curl"));
const showNext = shell(at("curl-next"), "The phone's next step, from a shell");

const pathOf = (id) => `${PATH}/${encodeURIComponent(id)}`;
const metadata = () => ({ purpose: at("purpose").value });

function showStatus(status) {
  session.status = status;
  showSteps(at("steps"), status);
  const next = STATUSES[STATUSES.indexOf(status) + 1];
  at("curl-next").hidden = !next;
  const path = pathOf(session.session_id);
  if (next === "completed") showNext({ path: `${path}/result`, body: { decision: "approved", note: "from a shell" } });
  else if (next) showNext({ path: `${path}/status`, body: { status: next } });
}

function heard(message) {
  showStatus(message.status);
  if (message.type === "completed") showResult(at("outcome"), message.result);
  const said = make("code", {}, text(message));
  log(time(message.timestamp ?? message.completed_at), " ", make("strong", {}, text(message.type)), " ", said);
}

function log(...parts) {
  at("log").append(make("li", {}, ...parts));
  if (at("log").children.length > SHOWN_MAX) at("log").firstElementChild.remove();
}

/** Shows the link as a QR code, unless another session has taken its place meanwhile. */
async function showQr(link) {
  unnotice("qr");
  at("qr").hidden = true;
  at("local").hidden = !/^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(HOME.hostname);
  try {
    const svg = await call("POST", "qr.svg", { body: { text: link } });
    if (at("link").value !== link) return;
    at("qr").src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
    at("qr").hidden = false;
  } catch (error) {
    notice("qr", `There is no QR code: ${explain(error)}`);
  }
}

/** Shows a session from its beginning, and waits for it. */
function wait(given) {
  leave();
  session = given;
  const { session_id: id } = given;
  history.replaceState(null, "", `#${id}`);
  at("tile").replaceChildren(tile(id));
  at("code").textContent = code(id);
  at("link").value = at("open").href = new URL(`demo/sessions/phone#${id}`, HOME).href;
  showQr(at("link").value);
  at("log").replaceChildren();
  at("outcome").replaceChildren();
  for (const name of ["link-panel", "delete", "curl-next"]) at(name).hidden = false;
  at("empty").hidden = true;
  showStatus(given.status);
  const mine = follow(connect(HOME, { app: sessions({ session_id: id, key: key() }) }), "", (sentence) => log(sentence));
  connection = mine;
  mine.on("message", heard);
  mine.on("close", ({ final }) => {
    if (connection === mine) final ? gone("The session was deleted.") : check();
  });
}

/** After a line was lost: whether the session is still there. A browser is not told why an upgrade was refused. */
async function check() {
  const waited = connection;
  try {
    await call("GET", pathOf(session.session_id));
  } catch (error) {
    const isGone = error instanceof CallError && error.status === 404;
    if (isGone && connection === waited) gone(UNKNOWN);
  }
}

/** Waits for the same session with another key. */
async function again() {
  try {
    wait(await call("GET", pathOf(session.session_id)));
  } catch (error) {
    const isGone = error instanceof CallError && error.status === 404;
    isGone ? gone(UNKNOWN) : notice("gone", explain(error));
  }
}

function gone(sentence) {
  leave();
  session = undefined;
  notice("gone", sentence);
  history.replaceState(null, "", location.pathname);
  at("state").dataset.state = "closed";
  at("state").textContent = "closed";
  for (const name of ["link-panel", "delete", "curl-next"]) at(name).hidden = true;
}

function leave() {
  // Forgotten first: its end is then nobody's.
  const left = connection;
  connection = undefined;
  left?.close();
  unnotice("gone");
}

async function resume() {
  const id = fragment();
  if (!id || id === session?.session_id) return;
  try {
    wait(await call("GET", pathOf(id)));
  } catch (error) {
    notice("gone", explain(error));
  }
}

function create(event) {
  event.preventDefault();
  return attempt(at("created"), async () => wait(await call("POST", PATH, { body: metadata() })));
}

async function remove() {
  try {
    await call("DELETE", pathOf(session.session_id));
  } catch (error) {
    notice("gone", explain(error));
  }
}

const render = () => showCreate({ path: PATH, body: metadata() });

at("create").addEventListener("submit", create);
at("create").addEventListener("input", render);
at("delete").addEventListener("click", remove);
at("link-buttons").prepend(copyButton(() => at("link").value, "Copy the link"));
at("link").addEventListener("focus", () => at("link").select());
addEventListener("hashchange", resume);
onKey(() => (session ? again() : resume()));
onKey(() => say(at("created"), ""));
render();
showSteps(at("steps"));
at("curl-next").hidden = true;
resume();
