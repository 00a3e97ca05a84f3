// A session as the phone sees it: no WebSocket, only calls. Its identifier comes behind the `#` of the address, which a
// browser sends to nobody.

import { STATUSES, code, showResult, showSteps, tile } from "./session.js";
import { CallError, at, attempt, call, explain, fragment, onKey, shell, text } from "./shared.js";

let session;
const showCurl = shell(at("curl"));

const path = (rest = "") => `api/v1/sessions/${encodeURIComponent(session.session_id)}${rest}`;
const result = (decision) => ({ decision, ...(at("note").value ? { note: at("note").value } : {}) });

function show() {
  const reached = STATUSES.indexOf(session.status);
  const isDone = session.status === "completed";
  at("session").hidden = false;
  at("none").hidden = true;
  at("tile").replaceChildren(tile(session.session_id));
  at("code").textContent = code(session.session_id);
  at("purpose").textContent = text(session.metadata.purpose ?? session.metadata);
  showSteps(at("steps"), session.status);
  at("opened").disabled = reached >= 1;
  at("started").disabled = reached >= 2;
  for (const name of ["begin", "finish", "curl"]) at(name).hidden = isDone;
  const next = STATUSES[reached + 1];
  if (next === "completed") showCurl({ path: path("/result"), body: result("approved") });
  else if (next) showCurl({ path: path("/status"), body: { status: next } });
}

function none(sentence) {
  at("session").hidden = true;
  at("none").hidden = false;
  at("why").textContent = sentence;
}

/** How the session stands at the hub, which somebody else may have changed. */
async function read(id) {
  session = await call("GET", `api/v1/sessions/${encodeURIComponent(id)}`);
  show();
  if (session.status === "completed") showResult(at("outcome"), (await call("GET", path("/result"))).result);
}

async function open() {
  const id = fragment();
  if (!id) return;
  try {
    await read(id);
  } catch (error) {
    const isUnknown = error instanceof CallError && error.status === 404;
    none(isUnknown ? "There is no such session: it was deleted, or the hub was started anew." : explain(error));
  }
}

/** Does a step, then shows what the hub made of it, also when it was refused. */
async function step(work, sentence) {
  await attempt(at("answer"), async () => {
    await work();
    return sentence;
  });
  await open();
}

const setStatus = (status, sentence) => step(() => call("POST", path("/status"), { body: { status } }), sentence);

function finish(event) {
  event.preventDefault();
  // Enter in the note approves, as the first button does.
  const decision = event.submitter?.value ?? "approved";
  return step(() => call("POST", path("/result"), { body: result(decision) }), "Done. The other page knows.");
}

at("opened").addEventListener("click", () => setStatus("opened", "Opened."));
at("started").addEventListener("click", () => setStatus("action_started", "Started."));
at("finish").addEventListener("submit", finish);
at("finish").addEventListener("input", show);
addEventListener("hashchange", open);
onKey(open);
open();
