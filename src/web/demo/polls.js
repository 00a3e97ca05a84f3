// Polls, made of nothing but `vote` messages, which the hub passes on as they are:
//
//   {"poll": id, "question": "…", "choices": ["Yes", "No"], "votes": {player: choice}}   asks, or tells who comes later
//   {"poll": id, "choice": "Yes"}                                                        votes; a later one counts instead
//
// The hub says who voted, so nobody votes for another. What a page tells somebody who comes later is only its word.

import { make, text } from "./shared.js";

const POLLS_MAX = 4;
const CHOICES_MAX = 10;
const CHARACTERS_MAX = 200;

const isText = (value) => typeof value === "string" && value.length > 0 && value.length <= CHARACTERS_MAX;
const isList = (value) => Array.isArray(value) && value.length >= 2 && value.length <= CHOICES_MAX && value.every(isText);

/** The polls of a room, newest first. */
export class Polls {
  #element;
  #send;
  #polls = new Map();
  #me;

  /** `send` takes the payload of a `vote`, and to whom if not to all. */
  constructor(element, send) {
    this.#element = element;
    this.#send = send;
  }

  start(me) {
    this.#me = me;
    this.#polls.clear();
    this.#element.replaceChildren();
  }

  /** Asks everybody. */
  ask(question, choices) {
    const poll = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join("");
    this.#send({ poll, question, choices });
  }

  /** A `vote` came from this player; the question, if that is new. What is no poll of this kind is left alone. */
  hear(player, payload) {
    const { poll: id, question, choices, choice, votes } = payload ?? {};
    if (!isText(id)) return undefined;
    const isNew = !this.#polls.has(id) && isText(question) && isList(choices);
    if (isNew) this.#open(id, question, choices);
    const poll = this.#polls.get(id);
    const all = choice === undefined ? Object.entries(votes ?? {}) : [[player, choice]];
    for (const [voter, one] of all) if (poll?.choices.includes(one)) poll.votes.set(voter, one);
    if (poll) this.#show(poll);
    return isNew ? question : undefined;
  }

  /** Tells a player of what was asked before it came. */
  tell(player) {
    for (const [poll, { question, choices, votes }] of this.#polls) {
      this.#send({ poll, question, choices, votes: Object.fromEntries(votes) }, [player]);
    }
  }

  #open(id, question, choices) {
    const rows = choices.map((choice) => {
      const vote = () => this.#send({ poll: id, choice });
      const button = make("button", { type: "button", class: "quiet small", "aria-pressed": "false", onclick: vote }, choice);
      const bar = make("progress", { max: 1, value: 0, "aria-label": `Votes for ${choice}` });
      const count = make("span", {}, "0");
      return { choice, button, bar, count, element: make("div", { class: "choice" }, button, bar, count) };
    });
    const sum = make("p", { class: "fine", role: "status" });
    const title = make("h3", {}, text(question));
    const element = make("div", { class: "poll", role: "group", "aria-label": question }, title, ...rows.map((row) => row.element), sum);
    this.#polls.set(id, { question, choices, votes: new Map(), rows, sum, element });
    this.#element.prepend(element);
    if (this.#polls.size > POLLS_MAX) {
      const [oldest, { element: last }] = this.#polls.entries().next().value;
      this.#polls.delete(oldest);
      last.remove();
    }
  }

  #show({ rows, votes, sum }) {
    const given = [...votes.values()];
    for (const { choice, button, bar, count } of rows) {
      const number = given.filter((one) => one === choice).length;
      bar.max = Math.max(1, given.length);
      bar.value = count.textContent = number;
      button.setAttribute("aria-pressed", String(votes.get(this.#me) === choice));
    }
    const mean = given.reduce((total, one) => total + Number(one), 0) / given.length;
    const voted = `${given.length} voted`;
    sum.textContent = Number.isFinite(mean) ? `${voted}, ${mean.toFixed(1)} on average` : voted;
  }
}
