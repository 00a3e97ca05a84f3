// The event feed: everything that is broadcast, newest first, and a form that broadcasts.

import { connect, events } from "../roomcast.js";
import { HOME, at, attempt, call, compact, follow, keep, make, shell, text, time } from "./shared.js";

const SHOWN_MAX = 200;
/** Characters of a payload that are shown. */
const PAYLOAD_MAX = 600;

/** The types whose payloads the hub checks, and one that is anybody's own. */
const EXAMPLES = {
  "demo:hello": { text: "hello" },
  "stream:created": { projectId: "p-1", streamId: "s-1", name: "First stream" },
  "stream:updated": { projectId: "p-1", streamId: "s-1", changes: { name: "Renamed" } },
  "stream:phase-changed": { projectId: "p-1", streamId: "s-1", phase: "design", artifacts: ["outline.md"] },
  "stream:archived": { projectId: "p-1", streamId: "s-1", outcome: "done" },
  "project:registered": { projectId: "p-1", name: "First project", path: "/projects/first" },
  "project:unregistered": { projectId: "p-1", name: "First project", path: "/projects/first" },
  "artifact:created": { projectId: "p-1", streamId: "s-1", artifactId: "a-1", phaseName: "design", isSharded: false },
  "artifact:updated": { projectId: "p-1", streamId: "s-1", artifactId: "a-1", phaseName: "design", isSharded: false },
  "artifact:deleted": { projectId: "p-1", streamId: "s-1", artifactId: "a-1", phaseName: "design", isSharded: false },
};
const PATH = "api/v1/events";

let count = 0;
const showCurl = shell(at("curl"));

function add(row) {
  at("empty").hidden = true;
  at("feed").prepend(row);
  keep(at("feed"), SHOWN_MAX);
}

function heard(event) {
  count += 1;
  at("count").textContent = count;
  const payload = make("code", {}, text(event.payload, PAYLOAD_MAX));
  add(make("li", { class: "fresh" }, make("strong", {}, text(event.type)), time(event.timestamp), payload));
}

/** The body as it will be sent: what was typed, even when it is not JSON, so that the hub's own answer is shown. */
const body = () => `{"type":${JSON.stringify(at("type").value)},"payload":${at("payload").value.trim() || "{}"}}`;
const render = () => showCurl({ path: PATH, body: compact(body()) });

function take(type) {
  at("type").value = type;
  at("payload").value = JSON.stringify(EXAMPLES[type], null, 2);
  render();
}

function publish(event) {
  event.preventDefault();
  return attempt(at("answer"), async () => {
    const { receivers } = await call("POST", PATH, { body: body() });
    return `Queued for ${receivers} ${receivers === 1 ? "connection" : "connections"}.`;
  });
}

function clear() {
  at("feed").replaceChildren();
  at("empty").hidden = false;
}

at("example").append(...Object.keys(EXAMPLES).map((type) => make("option", {}, type)));
at("example").addEventListener("change", () => take(at("example").value));
at("publish").addEventListener("submit", publish);
at("publish").addEventListener("input", render);
at("clear").addEventListener("click", clear);
take("demo:hello");

const tell = (sentence, look) => add(make("li", { class: look }, sentence));
const feed = follow(connect(HOME, { app: events() }), "This app has no state that could be read anew.", tell);
feed.on("message", heard);
