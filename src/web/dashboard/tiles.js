// The tiles: a number or two in large, and under it how it went in the last two minutes.
//
// The graphs are SVG, drawn anew with each report; what was not told is a gap. Nothing is animated: a graph moves by
// one second each second.

import { SECONDS } from "./history.js";
import { bytes, bytesPerSecond, count, isBinary, micros, NOTHING, percent, perSecond, shown, text } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 40;
/** Two samples further apart than this have a gap between them. */
const GAP_SECONDS = 2.5;

/** What the tiles are. `floor` is the least that the scale reaches, so that a few of something do not look like many. */
export const TILES = [
  {
    title: "Connections",
    format: count,
    floor: 10,
    series: [{ of: "connections" }],
    note: ({ report }) => `of ${text(count(report.connections_max))} at most`,
  },
  { title: "Rooms", format: count, floor: 10, series: [{ of: "rooms" }], note: () => "with a member" },
  {
    title: "Messages in",
    format: perSecond,
    floor: 10,
    series: [
      { of: "received", label: "received" },
      { of: "published", label: "published" },
    ],
  },
  { title: "Messages out", format: perSecond, floor: 10, series: [{ of: "delivered" }], note: () => "delivered" },
  {
    title: "Drops",
    format: perSecond,
    floor: 1,
    series: [{ of: "dropped" }],
    alarm: (sample) => sample.dropped > 0,
    note: ({ droppedTotal }) => `${text(count(droppedTotal))} since the start`,
  },
  {
    title: "Queue memory",
    format: bytes,
    floor: 64 * 1024,
    series: [{ of: "queueBytes" }],
    alarm: ({ report, queueBytes }) => queueBytes * 10 > report.memory_budget_bytes * 9,
    note: ({ report }) => `of ${text(bytes(report.memory_budget_bytes))}, ${text(count(report.queue_messages))} waiting`,
  },
  {
    title: "Loop turn",
    format: micros,
    floor: 100,
    series: [
      { of: "turnP50", label: "p50" },
      { of: "turnP99", label: "p99" },
    ],
  },
  {
    title: "Publish to write",
    format: micros,
    floor: 100,
    series: [
      { of: "writeP50", label: "p50" },
      { of: "writeP99", label: "p99" },
    ],
  },
  {
    title: "Traffic",
    format: bytesPerSecond,
    floor: 1024,
    series: [
      { of: "receivedBytes", label: "in" },
      { of: "sentBytes", label: "out" },
    ],
  },
  {
    title: "HTTP requests",
    format: perSecond,
    floor: 10,
    series: [
      { of: "answered", label: "answered" },
      { of: "refused", label: "refused" },
    ],
  },
  {
    title: "Processor",
    format: percent,
    floor: 100,
    series: [{ of: "cpu" }],
    note: () => "of one core",
  },
  {
    title: "Memory",
    format: bytes,
    floor: 16 << 20,
    series: [{ of: "memory" }],
    note: ({ report: { process } }) => `${text(shown(count, process.open_fds))} of ${text(shown(count, process.max_fds))} descriptors`,
  },
];

/** The tiles of what is kept. */
export const STORE_TILES = [
  {
    title: "Commits",
    format: perSecond,
    floor: 10,
    series: [{ of: "commits" }],
    alarm: ({ commitFailures }) => commitFailures > 0,
    note: ({ report: { store } }) => `${text(count(store.commits))} since the start, ${text(count(store.failures))} failed`,
  },
  {
    title: "Commit time",
    format: micros,
    floor: 100,
    series: [
      { of: "commitP50", label: "p50" },
      { of: "commitP99", label: "p99" },
    ],
  },
  {
    title: "Changes waiting",
    format: count,
    floor: 10,
    series: [{ of: "waiting" }],
    note: ({ report: { store } }) => `${text(bytes(store.waiting_bytes))} of memory`,
  },
  { title: "File", format: bytes, floor: 64 * 1024, series: [{ of: "storeBytes" }], note: () => "on disk" },
];

/** These tiles, in `into`; `look(ago)` is called while a pointer is over a graph, and with `null` when it leaves. */
export class Tiles {
  #tiles;

  constructor(into, tiles, look) {
    this.#tiles = tiles.map((tile, index) => new Tile(tile, `${into.id}-${index}`, look));
    into.replaceChildren(...this.#tiles.map((tile) => tile.element));
  }

  /** Draws what is known at `now`, with the numbers of `ago` seconds earlier. */
  draw(history, now, ago) {
    const sample = history.find(now, ago);
    for (const tile of this.#tiles) tile.draw(history.samples, sample, now, ago);
  }
}

class Tile {
  element = made("article", "tile");
  #tile;
  #values;
  #note = made("p", "note soft");
  #top = made("span", "top soft");
  #graph = drawn("svg", { viewBox: `0 0 ${SECONDS} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  #area = drawn("path", { class: "area" });
  #lines;
  #look = drawn("line", { class: "look", y1: 0, y2: HEIGHT });

  constructor(tile, id, look) {
    this.#tile = tile;
    const title = made("h3", "", tile.title);
    title.id = id;
    this.element.setAttribute("aria-labelledby", title.id);
    this.#values = tile.series.map(({ label }, place) => new Value(label, place));
    this.#lines = tile.series.map((_, place) => drawn("path", { class: `line line-${place}` }));
    // The first line is drawn last, above the others.
    const half = drawn("line", { class: "half", x1: 0, x2: SECONDS, y1: HEIGHT / 2, y2: HEIGHT / 2 });
    this.#graph.append(half, this.#area, ...this.#lines.toReversed(), this.#look);
    const plot = made("div", "plot");
    plot.append(this.#graph, this.#top);
    const values = made("div", "values");
    values.append(...this.#values.map((value) => value.element));
    this.element.append(title, values, this.#note, plot);
    this.#note.hidden = !tile.note;
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      look(Math.round(SECONDS * (1 - (event.clientX - box.left) / box.width)));
    });
    plot.addEventListener("pointerleave", () => look(null));
  }

  draw(samples, sample, now, ago) {
    const { title, format, floor, series, alarm, note } = this.#tile;
    series.forEach(({ of }, place) => this.#values[place].show(shown(format, sample?.[of])));
    this.#note.textContent = sample && note ? note(sample) : NOTHING;
    this.element.classList.toggle("alarm", Boolean(sample && alarm?.(sample)));

    const all = samples.flatMap((one) => series.map(({ of }) => one[of])).filter((value) => value !== null);
    const top = ceiling(Math.max(floor, ...all), isBinary(format));
    this.#top.textContent = text(format(top));
    const at = (value, seconds) => [SECONDS - (now - seconds), HEIGHT - (value / top) * (HEIGHT - 2) - 1];
    const runs = series.map(({ of }) => split(samples, of, at));
    runs.forEach((points, place) => this.#lines[place].setAttribute("d", points.map(line).join("")));
    this.#area.setAttribute("d", runs[0].map(area).join(""));
    this.#look.setAttribute("x1", SECONDS - ago);
    this.#look.setAttribute("x2", SECONDS - ago);
    this.#look.toggleAttribute("hidden", ago === 0);
    this.#graph.setAttribute("aria-label", described(title, format, series, samples));
  }
}

class Value {
  element = made("p", "value");
  #number = made("span", "figure", NOTHING);
  #unit = made("span", "soft");

  constructor(label, place) {
    this.element.append(this.#number, this.#unit);
    if (label) this.element.append(made("span", `label label-${place} soft`, label));
  }

  show({ number, unit }) {
    this.#number.textContent = number;
    // A space for whoever hears or copies it.
    this.#unit.textContent = number === NOTHING || !unit ? "" : ` ${unit}`;
  }
}

/** Points of one series, cut where something is missing. */
function split(samples, of, at) {
  const runs = [];
  let last = -Infinity;
  for (const sample of samples) {
    if (sample[of] === null) continue;
    if (sample.at - last > GAP_SECONDS) runs.push([]);
    runs.at(-1).push(at(sample[of], sample.at));
    last = sample.at;
  }
  return runs;
}

const point = ([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`;
/** A point alone is a line of no length, which a round cap makes a dot. */
const line = (points) => `M${points.map(point).join("L")}${points.length === 1 ? "h0" : ""}`;
const area = (points) => `M${points[0][0].toFixed(2)} ${HEIGHT}L${points.map(point).join("L")}V${HEIGHT}Z`;

/** The next of 1, 2 or 5 times a power of ten, for bytes the next power of two; so the scale seldom changes. */
function ceiling(value, isBinary) {
  if (isBinary) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

function described(title, format, series, samples) {
  const each = series.map(({ of, label }) => {
    const values = samples.map((sample) => sample[of]).filter((value) => value !== null);
    if (!values.length) return `${label ?? ""} not measured`;
    const [now, least, most] = [values.at(-1), Math.min(...values), Math.max(...values)];
    const say = (value) => text(format(value));
    return `${label ?? ""} last ${say(now)}, lowest ${say(least)}, highest ${say(most)}`;
  });
  return `${title} in the last two minutes: ${each.join("; ")}`;
}

function made(name, className, content = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = content;
  return element;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
