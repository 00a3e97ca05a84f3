// What every demo has in common: elements made without HTML, the key, calls to the hub with their errors in words, the
// same call as a line of curl, and what is said about the connection.
//
// Whatever came from a client is put in place as text. Nothing here, or in a demo, sets `innerHTML`.

import { watchReadiness } from "../readiness.js";

/** Where the hub is, under whichever prefix a proxy takes off. */
export const HOME = new URL("../", import.meta.url);
/** Where the key is kept: in this tab, until it is closed. Another hub of the same origin has another key. */
const KEY = `roomcast.key ${HOME.pathname}`;
/** Characters of a value that a page shows: as many as the longest message of a chat has. */
const SHOWN_MAX = 2_000;

export const at = (id) => document.getElementById(id);

/** What stands behind the `#` of this page's address; as it is, if it was mangled on its way here. */
export function fragment() {
  const raw = location.hash.slice(1);
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}

/** An element with these attributes; children that are not elements become text. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (value !== undefined && value !== false && value !== null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** A value as text of a bounded length. */
export function text(value, most = SHOWN_MAX) {
  const written = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const rest = written.length - most;
  return rest > 0 ? `${written.slice(0, most)}… and ${rest} characters more` : written;
}

/** The time of day of a timestamp, in an element that has it whole. */
export function time(timestamp) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return make("time", {}, text(timestamp ?? ""));
  return make("time", { datetime: date.toISOString(), title: date.toISOString() }, date.toLocaleTimeString());
}

/** Removes the elements at the end of a list that are too many. */
export function keep(list, most) {
  while (list.children.length > most) list.lastElementChild.remove();
}

// The key.

let isKeyAsked = false;
const keyListeners = [];

/** The key that was given in this tab, if any. */
export const key = () => sessionStorage.getItem(KEY) ?? undefined;

/** Calls `listener` when another key is given. */
export const onKey = (listener) => keyListeners.push(listener);

function askForKey(why) {
  isKeyAsked = true;
  for (const render of lines) render();
  const said = key() ? "The hub does not know this key." : why;
  const before = at("key-panel");
  if (before) {
    before.querySelector("output").textContent = said;
    return;
  }
  const input = make("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const submit = (event) => {
    event.preventDefault();
    const given = input.value.trim();
    // A header takes no other characters, and so no key has any.
    if (!/^[\x21-\x7e]+$/.test(given)) {
      panel.querySelector("output").textContent = "A key has letters, digits and signs of ASCII only.";
      return;
    }
    sessionStorage.setItem(KEY, given);
    panel.remove();
    for (const listener of keyListeners) listener();
  };
  const form = make(
    "form",
    { class: "row", onsubmit: submit },
    make("label", { class: "grow" }, "Key", input),
    make("button", { type: "submit" }, "Use this key"),
  );
  const panel = make(
    "section",
    { id: "key-panel", class: "panel", "aria-labelledby": "key-title" },
    make("h2", { id: "key-title" }, "This hub asks for a key"),
    make("p", { class: "hint" }, "It is kept in this tab only, and forgotten with it."),
    form,
    make("output", { class: "answer", "data-kind": "bad" }, said),
  );
  document.querySelector("main").before(panel);
  input.focus();
}

// Calls.

/** What the hub answered when it did not do what it was asked for. */
export class CallError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks the hub at a path below `HOME`; what it answers, or a `CallError`. A token stands in for the key, where an app has its own. */
export async function call(method, path, { body, headers = {}, token } = {}) {
  const bearer = token ?? key();
  const all = { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers };
  if (bearer) all.Authorization = `Bearer ${bearer}`;
  const answer = await fetch(new URL(path, HOME), { method, headers: all, body: typeof body === "string" ? body : JSON.stringify(body) });
  const said = await answer.text();
  if (answer.ok) return answer.headers.get("Content-Type") === "application/json" ? JSON.parse(said) : said || undefined;
  const { message } = errorOf(said);
  if (answer.status === 401 && token === undefined) askForKey(message);
  throw new CallError(answer.status, message);
}

function errorOf(said) {
  try {
    return JSON.parse(said).error ?? { message: said };
  } catch {
    return { message: said };
  }
}

/** An error as a sentence. */
export function explain(error) {
  if (error instanceof CallError) return `${error.status}: ${error.message}`;
  return error instanceof TypeError ? "The hub does not answer. Is it running?" : String(error.message ?? error);
}

/** Shows in `output` what came of `work`, which returns a sentence; whether it came to an end. */
export async function attempt(output, work) {
  try {
    say(output, (await work()) ?? "", "good");
    return true;
  } catch (error) {
    say(output, explain(error), "bad");
    return false;
  }
}

export function say(output, sentence, kind = "good") {
  output.textContent = sentence;
  output.dataset.kind = kind;
}

// The same from a shell.

/** What writes each of them anew. */
const lines = [];

const quoted = (argument) => `'${argument.replaceAll("'", "'\\''")}'`;

/** JSON without the space between; what is no JSON, as it is. */
export function compact(json) {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}

/** A call as a line for a shell, which takes the key from its own environment. */
export function curl({ method = "POST", path, body }) {
  const bearer = key() || isKeyAsked ? ' -H "Authorization: Bearer $ROOMCAST_KEY"' : "";
  const verb = method === (body === undefined ? "GET" : "POST") ? "" : ` -X ${method}`;
  const data = body === undefined ? "" : ` -d ${quoted(typeof body === "string" ? body : JSON.stringify(body))}`;
  const url = new URL(path, HOME).href;
  return `curl${verb} ${/^[\w:/.-]+$/.test(url) ? url : quoted(url)}${bearer}${data}`;
}

/** Fills the element with a line of curl and a button that copies it; the function that it returns changes the call. */
export function shell(element, caption = "The same from a shell") {
  const code = make("code", { tabindex: "0", "aria-label": caption });
  const title = make("figcaption", {}, caption);
  element.append(make("figure", { class: "shell" }, title, copyButton(() => code.textContent), make("pre", {}, code)));
  let shown;
  const render = () => {
    if (shown) code.textContent = curl(shown);
  };
  lines.push(render);
  return (given) => {
    shown = given;
    render();
  };
}

/** A button that copies what `read` returns. */
export function copyButton(read, name = "Copy") {
  const button = make("button", { type: "button", class: "quiet small copy" }, name);
  button.addEventListener("click", async () => {
    button.textContent = (await copy(read())) ? "Copied" : "Copying was refused";
    setTimeout(() => (button.textContent = name), 2_000);
  });
  return button;
}

async function copy(written) {
  try {
    // Only where the page came from this machine or over TLS.
    await navigator.clipboard.writeText(written);
    return true;
  } catch {
    const area = make("textarea", { class: "away", "aria-hidden": "true" });
    area.value = written;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// The connection.

const STATES = {
  connecting: () => "connecting",
  open: () => "connected",
  waiting({ delay }) {
    if (delay === Infinity) return "cut";
    return delay < 1_000 ? "reconnecting" : `reconnecting in ${Math.ceil(delay / 1_000)} s`;
  },
  closed: () => "closed",
};

const count = (number, one = "message") => `${number} ${one}${number === 1 ? "" : "s"}`;

/**
 * Shows how a connection of roomcast.js stands in the element `state`, with a button that cuts it. What becomes of missed
 * messages is said in the page's own log by `tell`, with a class for how it looks there, and on top of the page when some are lost, with what was done about it.
 */
export function follow(connection, done, tell) {
  let why = "";
  const isCut = () => connection.status.delay === Infinity;
  const turn = () => (isCut() ? connection.resume() : connection.pause());
  const cut = make("button", { type: "button", id: "cut", class: "quiet small", onclick: turn });
  at("cut")?.remove();
  at("state").after(cut);
  const show = (status) => {
    if (status.state === "closed") cut.remove();
    cut.textContent = isCut() ? "Come back" : "Cut the line";
    const away = status.state !== "open" && status.state !== "closed";
    at("state").textContent = STATES[status.state](status) + (away && why ? `: the hub is ${why}` : "");
    at("state").dataset.state = status.state;
  };
  watchReadiness(connection, (what) => {
    why = what;
    show(connection.status);
  });
  let lost = 0;
  connection.on("state", show);
  connection.on("lagged", ({ missed, since }) => {
    tell(`This tab was too slow: ${missed === null ? "nobody can tell how much" : count(missed)} skipped here${since ? ", and asked for" : ""}`, "gap");
  });
  connection.on("resumed", ({ sent, missed }) => missed === null || tell(`Resumed: ${count(sent)} to come that had been missed`, "told"));
  connection.on("gap", ({ missed }) => {
    tell(`Gap: ${missed === null ? "nobody can tell how much is missing here" : `${count(missed)} lost here`}`, "gap");
    lost = missed === null || lost === null ? null : lost + missed;
    const words = lost === null ? "This tab has missed more than the hub still has, and nobody can tell how much" : `This tab has missed ${count(lost)} that the hub no longer has`;
    notice("gap", `${words}. ${done}`, () => (lost = 0));
  });
  connection.on("transport", (transport) => tell(transport === "sse" ? "No WebSocket comes through: reading Server-Sent Events" : "A WebSocket comes through again", "told"));
  show(connection.status);
  return connection;
}

/** A notice on top of the page, in the place of an earlier one of the same name, until somebody dismisses it. */
export function notice(name, sentence, dismissed = () => {}) {
  const dismiss = () => {
    line.remove();
    dismissed();
  };
  const button = make("button", { type: "button", class: "quiet", onclick: dismiss }, "Dismiss");
  const line = make("p", { class: "notice", "data-name": name }, make("span", {}, sentence), button);
  const before = [...at("notices").children].find((other) => other.dataset.name === name);
  if (before) before.replaceWith(line);
  else at("notices").append(line);
}

/** Takes a notice away. */
export function unnotice(name) {
  [...at("notices").children].find((other) => other.dataset.name === name)?.remove();
}
