// The live feed: one WebSocket to /ws, the newest event on top, and a form that publishes.
// Everything that arrives is put in place as text, never as HTML.

const SHOWN_MAX = 200;
const RETRY_MS_MAX = 30_000;

const at = (id) => document.getElementById(id);
let retryMs = 100;
let count = 0;

function show(state) {
  at("state").textContent = state;
  at("state").dataset.state = state;
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function add(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    event = { type: "not JSON", payload: text, timestamp: "" };
  }
  const row = document.createElement("li");
  row.append(
    element("time", "", event.timestamp),
    element("strong", "", event.type),
    element("code", "", JSON.stringify(event.payload)),
  );
  at("feed").prepend(row);
  while (at("feed").children.length > SHOWN_MAX) at("feed").lastElementChild.remove();
  count += 1;
  at("count").textContent = count;
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket.onopen = () => {
    retryMs = 100;
    show("connected");
  };
  socket.onmessage = (message) => add(message.data);
  socket.onclose = () => {
    show("disconnected");
    setTimeout(connect, Math.random() * retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  };
}

function body() {
  return `{"type":${JSON.stringify(at("type").value)},"payload":${at("payload").value}}`;
}

function showCurl() {
  const quoted = body().replaceAll("'", "'\\''");
  const key = at("key").value ? " \\\n  -H 'X-API-Key: …'" : "";
  at("curl").textContent = `curl -d '${quoted}'${key} \\\n  ${location.origin}/api/v1/events`;
}

async function publish(event) {
  event.preventDefault();
  const headers = { "Content-Type": "application/json" };
  if (at("key").value) headers["X-API-Key"] = at("key").value;
  try {
    const answer = await fetch("/api/v1/events", { method: "POST", headers, body: body() });
    const said = await answer.json();
    at("answer").textContent = answer.ok ? `queued for ${said.receivers}` : said.error.message;
  } catch (error) {
    at("answer").textContent = String(error);
  }
}

at("publish").addEventListener("submit", publish);
at("publish").addEventListener("input", showCurl);
showCurl();
connect();
