// Tables that are sorted by the buttons in their heads. What comes from a client stands in them as text, never as HTML.

import { NOTHING } from "./format.js";

/**
 * One table. `columns` are `{ label, value(row), show(value, row) }`; numbers (`isNumber`) stand at the right, what
 * is `isLong` may be cut anywhere, and what `isMinor` is left out where there is no room. `by` is the column it is sorted by at first, the largest number on top, or
 * `null` for the order in which rows come.
 */
export class Table {
  #columns;
  #by;
  #isRising = false;
  #rows = [];
  #rowsMax;
  #empty;
  #heads;
  #body = document.createElement("tbody");

  constructor(into, { caption, columns, by = null, empty = "", rowsMax = Infinity }) {
    this.#columns = columns;
    this.#by = by;
    this.#rowsMax = rowsMax;
    this.#empty = empty;
    const table = document.createElement("table");
    const title = table.createCaption();
    title.className = "unseen";
    title.textContent = caption;
    const head = table.createTHead().insertRow();
    this.#heads = columns.map((column, index) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.className = classes(column);
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.label;
      button.addEventListener("click", () => this.#sort(index));
      cell.append(button);
      head.append(cell);
      return cell;
    });
    table.append(this.#body);
    into.replaceChildren(table);
    this.#mark();
  }

  /** Shows these rows. */
  show(rows) {
    this.#rows = rows;
    this.#draw();
  }

  #sort(index) {
    const isAgain = this.#by === index;
    this.#isRising = isAgain ? !this.#isRising : !this.#columns[index].isNumber;
    this.#by = index;
    this.#mark();
    this.#draw();
  }

  #mark() {
    this.#heads.forEach((head, index) => {
      if (index === this.#by) head.setAttribute("aria-sort", this.#isRising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  #draw() {
    const rows = this.#sorted().slice(0, this.#rowsMax);
    const needed = Math.max(rows.length, this.#empty ? 1 : 0);
    while (this.#body.rows.length > needed) this.#body.deleteRow(-1);
    while (this.#body.rows.length < needed) this.#body.insertRow();
    if (!rows.length) {
      if (this.#empty) this.#say(this.#empty);
      return;
    }
    rows.forEach((row, index) => this.#fill(this.#body.rows[index], row));
  }

  #sorted() {
    if (this.#by === null) return this.#rows;
    const { value, isNumber } = this.#columns[this.#by];
    const compare = isNumber
      ? (a, b) => (value(a) ?? -1) - (value(b) ?? -1)
      : (a, b) => String(value(a)).localeCompare(String(value(b)), "en", { numeric: true });
    const sign = this.#isRising ? 1 : -1;
    return this.#rows.toSorted((a, b) => sign * compare(a, b));
  }

  #fill(line, row) {
    if (line.cells.length !== this.#columns.length) {
      line.replaceChildren(...this.#columns.map((column, index) => {
        // The first column says what the row is about.
        const cell = document.createElement(index === 0 ? "th" : "td");
        if (index === 0) cell.scope = "row";
        cell.className = classes(column);
        return cell;
      }));
    }
    this.#columns.forEach((column, index) => {
      const value = column.value(row);
      const content = value === null || value === undefined ? NOTHING : column.show ? column.show(value, row) : String(value);
      const cell = line.cells[index];
      if (cell.textContent !== content) cell.textContent = content;
      if (column.isNumber) cell.classList.toggle("zero", value === 0);
      if (column.alarm) cell.classList.toggle("alarm", column.alarm(row));
    });
  }

  #say(sentence) {
    const cell = document.createElement("td");
    cell.colSpan = this.#columns.length;
    cell.className = "empty soft";
    cell.textContent = sentence;
    this.#body.rows[0].replaceChildren(cell);
  }
}

const classes = ({ isNumber, isMinor, isLong }) => [isNumber && "number", isMinor && "minor", isLong && "long"].filter(Boolean).join(" ");
