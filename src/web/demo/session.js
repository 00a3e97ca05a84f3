// What both pages of the session demo show alike: how far a session is, and a code and a pattern to know it by.

import { make, text } from "./shared.js";

const STEPS = { pending: "Pending", opened: "Opened", action_started: "Action started", completed: "Completed" };
/** Letters and digits that are not taken for each other. */
const ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
const SVG = "http://www.w3.org/2000/svg";
const SIDE = 7;

export const STATUSES = Object.keys(STEPS);

/** Shows how far a session is; nothing, before there is one. */
export function showSteps(list, status) {
  const reached = STATUSES.indexOf(status);
  const rows = STATUSES.map((name, index) =>
    make("li", { "data-done": index <= reached, "aria-current": index === reached ? "step" : undefined }, STEPS[name]),
  );
  list.replaceChildren(...rows);
}

export function showResult(element, result) {
  element.replaceChildren(make("h3", {}, "Result"), make("pre", { class: "result" }, text(JSON.stringify(result, null, 2))));
}

/** So many numbers that follow from the identifier, always the same ones. Nothing is kept secret by them. */
function numbers(id, count) {
  // FNV-1a for the start, then xorshift: both 32 bits wide.
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) state = Math.imul(state ^ byte, 0x01000193);
  state = state >>> 0 || 1;
  return Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  });
}

/** Six characters to compare two screens by. */
export function code(id) {
  const all = numbers(id, 6).map((number) => ALPHABET[number % ALPHABET.length]).join("");
  return `${all.slice(0, 3)} ${all.slice(3)}`;
}

/** A pattern to compare two screens by, the same on its left and its right. */
export function tile(id) {
  const image = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "tile", role: "img", "aria-label": `Pattern of ${code(id)}` };
  for (const [name, value] of Object.entries(attributes)) image.setAttribute(name, value);
  const half = Math.ceil(SIDE / 2);
  const path = document.createElementNS(SVG, "path");
  const cells = numbers(`${id} tile`, SIDE * half).map((number) => number & 64);
  const squares = cells.flatMap((isFilled, index) => {
    const [x, y] = [index % half, Math.floor(index / half)];
    return isFilled ? [...new Set([x, SIDE - 1 - x])].map((column) => `M${column} ${y}h1v1h-1z`) : [];
  });
  path.setAttribute("d", squares.join(""));
  path.setAttribute("fill", "currentColor");
  image.append(path);
  return image;
}
