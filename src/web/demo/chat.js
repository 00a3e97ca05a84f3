// The chat of a room: what was said in the order in which the hub heard it, and what was said here and is not yet
// confirmed.

import { make, text, time } from "./shared.js";

const ROWS_MAX = 500;

/** A list of messages. It sends nothing: `resend` is told what somebody wants to say again. */
export class Chat {
  #list;
  #resend;
  /** By identifier: what the hub has told. */
  #rows = new Map();
  /** By correlation id: what was said here and not confirmed. */
  #pending = new Map();

  constructor(list, resend) {
    this.#list = list;
    this.#resend = resend;
  }

  /** The identifier of the oldest message that is shown. */
  get oldest() {
    return this.#list.querySelector("[data-id]")?.dataset.id;
  }

  /** Somebody said something; `mine` says that it was said here. It stands where its position is, if that is known. */
  add(message, mine, position) {
    if (this.#rows.has(message.message_id)) return;
    const row = this.#told(message, mine);
    if (position !== undefined) row.dataset.position = position;
    this.#insert(row, this.#behind(position));
  }

  /** Something was said here and comes as it came to others: it may be what nobody has confirmed. */
  recognise(message) {
    const found = [...this.#pending].find(([, { said, isDoubtful }]) => isDoubtful && !said.to && said.text.trim() === message.message);
    if (found) this.confirm(found[0]);
  }

  /**
   * Puts in what of these messages, oldest first, is not there yet: behind the one before it, since the times of two may
   * be the same. Those that are `earlier` come before all that are there.
   */
  merge(messages, me, earlier = false) {
    const first = earlier ? this.#list.querySelector("[data-id]") : undefined;
    let last;
    for (const [index, message] of messages.entries()) {
      let row = this.#rows.get(message.message_id);
      if (!row) {
        row = this.#told(message, message.player_id === me);
        const known = () => messages.slice(index + 1).map((later) => this.#rows.get(later.message_id)).find(Boolean);
        this.#insert(row, last ? following(last) : (first ?? known()));
      }
      last = row;
    }
  }

  /** Something that is no message: who came, who went, what the game says. */
  tell(sentence) {
    this.#insert(make("li", { class: "system" }, sentence));
  }

  /** What one player said to another. */
  whisper(title, sentence, mine) {
    this.#insert(this.#row(`whisper${mine ? " mine" : ""}`, title, new Date().toISOString(), sentence));
  }

  /** Said here just now; `isSent` unless it waits for the line. */
  expect(correlation, said, title, isSent) {
    const row = this.#row("mine pending", title, undefined, said.text);
    row.firstElementChild.after(make("span", { class: "hint state" }, isSent ? "sending" : "waits for the line"));
    this.#pending.set(correlation, { row, said, isSent, isDoubtful: false });
    this.#insert(row);
  }

  /** The hub answered: what was said, which then is pending no more. */
  confirm(correlation) {
    const pending = this.#pending.get(correlation);
    this.#pending.delete(correlation);
    pending?.row.remove();
    return pending?.said;
  }

  /** It did not arrive; whether it was said here. */
  fail(correlation, why) {
    const pending = this.#pending.get(correlation);
    if (!pending) return false;
    const { row, said } = pending;
    this.#pending.delete(correlation);
    const again = () => {
      row.remove();
      this.#resend(said);
    };
    const button = make("button", { type: "button", class: "quiet small", onclick: again }, "Send again");
    this.#change(() => {
      row.className = "mine failed";
      row.querySelector(".state").replaceWith(button);
      row.append(make("span", { class: "answer", "data-kind": "bad" }, why));
    });
    return true;
  }

  /** The line is gone: whatever was handed to it may have arrived or not. */
  doubt() {
    for (const pending of this.#pending.values()) pending.isDoubtful ||= pending.isSent;
  }

  /** The line is open: what waited for it is on its way. */
  flush() {
    for (const pending of this.#pending.values()) {
      if (pending.isSent) continue;
      pending.isSent = true;
      pending.row.querySelector(".state").textContent = "sending";
    }
  }

  /** The hub told its latest messages: those of ours among them did arrive, though nobody confirmed them. */
  settle(messages, me) {
    const unseen = messages.filter((message) => message.player_id === me && !this.#rows.has(message.message_id));
    for (const [correlation, { said, isDoubtful }] of [...this.#pending]) {
      if (!isDoubtful) continue;
      const found = unseen.findIndex((message) => !said.to && message.message === said.text.trim());
      if (found < 0) {
        this.fail(correlation, "The line was lost before the hub confirmed this.");
      } else {
        unseen.splice(found, 1);
        this.confirm(correlation);
      }
    }
    this.merge(messages, me);
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
    this.#pending.clear();
  }

  /** The first of the rows at the end that have later positions of the same epoch. */
  #behind(position) {
    const [epoch, number] = (position ?? "").split("-");
    let first;
    for (let row = this.#list.lastElementChild; row; row = row.previousElementSibling) {
      const [its, behind] = (row.dataset.position ?? "").split("-");
      if (its === epoch && epoch && Number(behind) > Number(number)) first = row;
      else if (row.dataset.position) break;
    }
    return first;
  }

  #told(message, mine) {
    const row = this.#row(mine ? "mine" : "", message.display_name, message.sent_at, message.message);
    row.dataset.id = message.message_id;
    this.#rows.set(message.message_id, row);
    return row;
  }

  #row(className, title, timestamp, said) {
    const head = [make("strong", {}, text(title)), timestamp ? time(timestamp) : undefined];
    return make("li", { class: className }, ...head, make("span", { class: "said" }, text(said)));
  }

  /** Puts a row before another, or at the end. */
  #insert(row, next) {
    const list = this.#list;
    this.#change(() => {
      if (next) {
        next.before(row);
        return;
      }
      list.append(row);
      while (list.children.length > ROWS_MAX) {
        this.#rows.delete(list.firstElementChild.dataset.id);
        list.firstElementChild.remove();
      }
    });
  }

  /** Changes the list, and keeps its end in sight for who looks at it. */
  #change(work) {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    work();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

/** The next row that is a message of the hub's. */
function following(row) {
  let next = row.nextElementSibling;
  while (next && !next.dataset.id) next = next.nextElementSibling;
  return next;
}
