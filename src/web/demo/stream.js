// A block explorer's first page: the newest blocks and transactions, as the two channels bring them, and a generator.

import { connect, stream } from "../roomcast.js";
import { HOME, at, attempt, call, follow, keep, make, shell, text } from "./shared.js";
import { nextBlock, transactions } from "./chain.js";

const CHANNELS = ["newBlocks", "newTxs"];
const BLOCKS_MAX = 12;
const TXS_MAX = 25;
const PERIOD_MS = 2_000;

/** The highest block that was seen, and the one that is published next. */
let height = 0;
let next = nextBlock(0);
let timer;
const counts = { newBlock: 0, newTx: 0 };
const showCurl = shell(at("curl"), "A block from a shell");

const short = (hash) => (hash.length > 14 ? `${hash.slice(0, 8)}…${hash.slice(-4)}` : hash);
const hash = (value) => make("code", { title: text(value) }, short(text(value)));

/** Wei as ether: eighteen decimals, of which six are shown. More than there ever will be is only counted in digits. */
function ether(wei) {
  if (wei.length > 30) return `${wei.length} digits of wei`;
  const digits = wei.padStart(19, "0");
  return `${digits.slice(0, -18).replace(/^0+(?=.)/, "")}.${digits.slice(-18, -12)}`;
}

/** A block's time is RFC 3339 or Unix seconds. */
function clock(timestamp) {
  const date = new Date(typeof timestamp === "number" ? timestamp * 1_000 : timestamp);
  return Number.isNaN(date.getTime()) ? text(timestamp) : date.toLocaleTimeString();
}

function showBlock(block) {
  height = Math.max(height, block.height);
  prepare();
  const row = make(
    "li",
    { class: "fresh" },
    make("strong", {}, block.height.toLocaleString("en").replaceAll(",", "\u202f")),
    hash(block.hash),
    make("span", {}, `${block.tx_count} transactions`),
    make("span", {}, `${(block.gas_used / 1e6).toFixed(1)} M gas`),
    make("span", {}, clock(block.timestamp)),
  );
  at("no-blocks").hidden = true;
  at("blocks").prepend(row);
  keep(at("blocks"), BLOCKS_MAX);
}

function showTx(tx) {
  const cell = (className, ...children) => make("td", { class: className }, ...children);
  const row = make(
    "tr",
    { class: "fresh" },
    cell("", hash(tx.hash)),
    cell("", hash(tx.from_addr)),
    cell("", tx.to_addr === null ? make("span", { class: "badge" }, "new contract") : hash(tx.to_addr)),
    cell("number", ether(tx.value_wei)),
    cell("number", String(tx.block_height)),
  );
  at("no-txs").hidden = true;
  at("txs").hidden = false;
  at("rows").prepend(row);
  keep(at("rows"), TXS_MAX);
}

function heard({ type, data }) {
  if (!(type in counts)) return;
  counts[type] += 1;
  at("block-count").textContent = counts.newBlock;
  at("tx-count").textContent = counts.newTx;
  if (type === "newBlock") showBlock(data);
  else showTx(data);
}

function prepare() {
  next = nextBlock(height);
  showCurl({ path: "v1/blocks", body: next });
}

function publish() {
  return attempt(at("answer"), async () => {
    const block = next;
    // Also when nobody here is subscribed to blocks, the next one is another.
    height = Math.max(height, block.height);
    prepare();
    await call("POST", "v1/blocks", { body: block });
    const { accepted } = await call("POST", "v1/txs", { body: transactions(block) });
    return `Published block ${block.height} with ${accepted} transactions.`;
  });
}

async function keepGoing() {
  if (!(await publish())) stop();
  else if (timer !== undefined) timer = setTimeout(keepGoing, PERIOD_MS);
}

function stop() {
  clearTimeout(timer);
  timer = undefined;
  at("keep").setAttribute("aria-pressed", "false");
}

function toggle() {
  if (timer !== undefined) return stop();
  at("keep").setAttribute("aria-pressed", "true");
  timer = setTimeout(keepGoing, 0);
}

const ticked = () => CHANNELS.filter((channel) => at(channel).checked);
const tell = (sentence, look) => {
  at("no-blocks").hidden = true;
  at("blocks").prepend(make("li", { class: look }, sentence));
  keep(at("blocks"), BLOCKS_MAX);
};
const connection = follow(connect(HOME, { app: stream({ channels: ticked() }) }), "An explorer reads its own back-end anew now.", tell);
connection.on("message", heard);
for (const channel of CHANNELS) at(channel).addEventListener("change", () => connection.replace(...ticked()));
at("publish").addEventListener("click", publish);
at("keep").addEventListener("click", toggle);
prepare();
