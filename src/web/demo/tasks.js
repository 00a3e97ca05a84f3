// The task board. The list comes from the API, every change after it from the WebSocket, also what was missed while the
// line was away; after a change of the filter, or when something is lost, the list is fetched anew, and what arrives
// meanwhile is laid over it.

import { connect, tasks } from "../roomcast.js";
import { HOME, at, attempt, call, explain, follow, keep, key, make, onKey, say, shell, text, time } from "./shared.js";

const PATH = "api/v1/tasks";
const STATUSES = { pending: "Pending", in_progress: "In progress", completed: "Completed", cancelled: "Cancelled" };
const PRIORITIES = ["high", "medium", "low"];
const CHANGES = { "task.created": "created", "task.updated": "changed", "task.deleted": "deleted" };
/** Tasks that a board shows: past it, whoever looks wants another filter. */
const TASKS_MAX = 1_000;
const LOG_MAX = 30;

const board = new Map();
/** Tasks that are deleted for good: an older change of one may come behind that. */
const deleted = new Set();
/** By identifier: the card of a task, and the task as it shows it. */
const cards = new Map();
/** What has changed since the board was drawn; it is drawn once a frame, however much arrives. */
const changed = new Set();
let connection;
/** What arrived while the list is being fetched; nothing is kept otherwise. */
let meanwhile;
let fetches = 0;
let edited;
const showCurl = shell(at("curl"));

const pathOf = (id) => `${PATH}/${encodeURIComponent(id)}`;
const names = () => [...new Set(at("repositories").value.split(",").map((name) => name.trim()).filter(Boolean))];

// The board, as far as it is known.

function take(event) {
  const { task_id: id, task } = event.data;
  if (event.type === "task.deleted") {
    board.delete(id);
    deleted.add(id);
    // A list that was made after the event may already be ahead of it.
  } else if (!deleted.has(id) && !(board.get(id)?.updated_at > task.updated_at)) board.set(id, task);
}

function heard(event) {
  log(event);
  meanwhile?.push(event);
  take(event);
  if (!changed.size) requestAnimationFrame(draw);
  changed.add(event.data.task_id);
}

async function fetchAll() {
  const mine = (fetches += 1);
  meanwhile = [];
  try {
    const watched = connection ? connection.subscriptions : names();
    const wanted = watched.includes("*") ? [undefined] : watched;
    const lists = [];
    for (const repository of wanted) lists.push(...(await list(repository)));
    // Another one has begun since.
    if (mine !== fetches) return false;
    board.clear();
    for (const task of lists) board.set(task.id, task);
    for (const event of meanwhile) take(event);
    say(at("answer"), board.size < TASKS_MAX ? "" : `Only the first ${TASKS_MAX} tasks are shown.`, "bad");
    draw();
    return true;
  } catch (error) {
    say(at("answer"), explain(error), "bad");
    return false;
  } finally {
    if (mine === fetches) meanwhile = undefined;
  }
}

async function list(repository) {
  const all = [];
  let after;
  do {
    const query = new URLSearchParams({ limit: 500 });
    if (repository) query.set("repository", repository);
    if (after) query.set("after", after);
    const { tasks: some, next } = await call("GET", `${PATH}?${query}`);
    all.push(...some);
    after = next;
  } while (after && all.length < TASKS_MAX);
  return all.slice(0, TASKS_MAX);
}

// What is seen of it.

const columns = Object.entries(STATUSES).map(([status, title]) => {
  const count = make("span", { class: "count" }, "0");
  const list = make("ul");
  const empty = make("p", { class: "empty" }, "No task");
  const section = make("section", { "aria-label": title, "data-status": status }, make("h3", {}, title, count), list, empty);
  section.addEventListener("dragover", (event) => {
    event.preventDefault();
    section.classList.add("over");
  });
  section.addEventListener("dragleave", () => section.classList.remove("over"));
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    section.classList.remove("over");
    const task = board.get(event.dataTransfer.getData("text/plain"));
    if (task) change(task.id, { status });
  });
  at("board").append(section);
  return { status, count, list, empty };
});

function draw() {
  // What is under somebody's hands stays under them.
  const held = document.activeElement?.closest?.("[data-task]")?.dataset.task;
  const part = document.activeElement?.dataset.part;
  for (const id of cards.keys()) if (!board.has(id)) cards.delete(id);
  const rank = (task) => PRIORITIES.indexOf(task.priority);
  for (const { status, count, list, empty } of columns) {
    const mine = [...board.values()].filter((task) => task.status === status);
    mine.sort((a, b) => rank(a) - rank(b) || a.created_at.localeCompare(b.created_at));
    arrange(list, mine.map(cardOf));
    count.textContent = mine.length;
    empty.hidden = mine.length > 0;
  }
  changed.clear();
  const again = held && [...document.querySelectorAll("[data-task]")].find((one) => one.dataset.task === held);
  const hand = part && again?.querySelector(`[data-part="${part}"]`);
  if (hand && hand !== document.activeElement) hand.focus();
}

/** Makes these the list's elements, and leaves those alone that are where they belong. */
function arrange(list, elements) {
  const wanted = new Set(elements);
  for (const element of [...list.children]) if (!wanted.has(element)) element.remove();
  let next = list.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}

/** The card of a task as it is now: the one that is there, unless the task has changed. */
function cardOf(task) {
  const known = cards.get(task.id);
  if (known?.task === task) return known.element;
  const element = card(task, changed.has(task.id));
  cards.set(task.id, { task, element });
  return element;
}

function card(task, isFresh) {
  const options = Object.entries(STATUSES).map(([status, title]) => make("option", { value: status, selected: status === task.status }, title));
  const move = make("select", { "aria-label": `Status of ${task.title}`, "data-part": "move", class: "grow" }, ...options);
  move.addEventListener("change", () => change(task.id, { status: move.value }));
  const edit = make("button", { type: "button", class: "quiet small", "data-part": "edit", onclick: () => openEditor(task.id) }, "Edit", make("span", { class: "unseen" }, ` ${task.title}`));
  const remove = make("button", { type: "button", class: "danger small", "data-part": "delete", onclick: () => discard(task.id) }, "Delete", make("span", { class: "unseen" }, ` ${task.title}`));
  const about = make(
    "div",
    { class: "about" },
    make("span", { class: "badge" }, text(task.repository)),
    make("span", { class: "badge", "data-kind": task.priority }, task.priority),
  );
  const made = make(
    "li",
    { class: `card${isFresh ? " fresh" : ""}`, "data-task": task.id, draggable: "true" },
    make("h4", {}, text(task.title)),
    about,
    task.description ? make("p", { class: "hint" }, text(task.description)) : undefined,
    make("div", { class: "row" }, move, edit, remove),
  );
  made.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", task.id));
  return made;
}

function log(event) {
  const { task_id: id, task, repository, changed_by: by } = event.data;
  const title = (task ?? board.get(id))?.title ?? "a task";
  at("empty").hidden = true;
  const what = make("strong", {}, CHANGES[event.type] ?? text(event.type));
  at("log").prepend(make("li", {}, time(event.timestamp), " ", what, ` ${text(title)} `, make("span", { class: "hint" }, `in ${text(repository)}, by ${text(by)}`)));
  keep(at("log"), LOG_MAX);
}

function tell(sentence, look) {
  at("empty").hidden = true;
  at("log").prepend(make("li", { class: look }, sentence));
  keep(at("log"), LOG_MAX);
}

// What is done to it. The page shows a change when the hub tells it, as it does everybody's.

async function change(id, fields) {
  if (await attempt(at("answer"), async () => void (await call("PATCH", pathOf(id), { body: fields })))) return;
  // The card may show what was refused.
  cards.delete(id);
  draw();
}

const discard = (id) => attempt(at("answer"), async () => void (await call("DELETE", pathOf(id))));

function openEditor(id) {
  const task = board.get(id);
  if (!task) return;
  edited = id;
  at("edit-title").value = task.title;
  at("edit-description").value = task.description;
  at("edit-priority").value = task.priority;
  say(at("edited"), "");
  at("editor").showModal();
}

async function save(event) {
  event.preventDefault();
  const body = { title: at("edit-title").value, description: at("edit-description").value, priority: at("edit-priority").value };
  if (await attempt(at("edited"), async () => void (await call("PATCH", pathOf(edited), { body })))) at("editor").close();
}

function fields() {
  const read = (name) => at(name).value;
  const optional = read("description") ? { description: read("description") } : {};
  return { repository: read("repository"), title: read("title"), ...optional, status: read("status"), priority: read("priority") };
}

const render = () => showCurl({ path: PATH, body: { ...fields(), title: at("title").value || "Write the announcement" } });

async function create(event) {
  event.preventDefault();
  const isDone = await attempt(at("created"), async () => {
    const task = await call("POST", PATH, { body: fields() });
    return `Created “${task.title}”.`;
  });
  if (!isDone) return;
  at("title").value = at("description").value = "";
  at("title").focus();
  render();
}

// What is watched.

/** Connects once the hub has let the key pass: a browser is not told why an upgrade was refused. */
async function begin() {
  if (!(await fetchAll())) return;
  connection?.close();
  connection = follow(connect(HOME, { app: tasks({ repositories: names(), key: key() }) }), "The board was fetched anew.", tell);
  connection.on("message", heard);
  connection.on("gap", fetchAll);
  connection.on("notice", answered);
  // A key that is not taken any more is asked for again, as for any call.
  connection.on("close", ({ final }) => final || call("GET", `${PATH}?limit=1`).catch(() => {}));
}

/** The hub says what it sends from here on, so a list that is asked for now misses nothing. */
function answered(message) {
  if (message.type === "error") say(at("answer"), text(message.error), "bad");
  if (message.type !== "subscribed") return;
  const { repositories } = message.data;
  const shown = repositories.includes("*") ? "all repositories" : repositories.join(", ");
  at("watching").textContent = repositories.length ? `The hub sends changes of ${text(shown)}.` : "The hub sends no changes.";
  // What was missed follows, and if some of it does not, that is told.
  if (!message.data.resumed) fetchAll();
}

function watch(event) {
  event.preventDefault();
  if (connection) connection.replace(...names());
  else begin();
}

const options = (pairs, chosen) => pairs.map(([value, title]) => make("option", { value, selected: value === chosen }, title));
const priorities = PRIORITIES.map((priority) => [priority, priority]);
at("status").append(...options(Object.entries(STATUSES), "pending"));
at("priority").append(...options(priorities, "medium"));
at("edit-priority").append(...options(priorities, "medium"));
at("filter").addEventListener("submit", watch);
at("create").addEventListener("submit", create);
at("create").addEventListener("input", render);
at("edit").addEventListener("submit", save);
at("cancel").addEventListener("click", () => at("editor").close());
onKey(begin);
render();
begin();
