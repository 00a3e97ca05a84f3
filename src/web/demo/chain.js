// A chain that does not exist: blocks and transactions that look like those of one.

const HEIGHT_FIRST = 21_000_000;
const TXS_MIN = 3;
const TXS_SPREAD = 6;
const GAS_OF_TRANSFER = 21_000;
const MINERS = 4;
/** One transaction in so many makes a contract, which has no receiver. */
const CONTRACTS = 12;

const below = (bound) => Math.floor(Math.random() * bound);

function hex(bytes) {
  const all = crypto.getRandomValues(new Uint8Array(bytes));
  return `0x${Array.from(all, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The same few mine them all, as elsewhere. */
const miners = Array.from({ length: MINERS }, () => hex(20));

/** The block behind this height; the first of its chain behind 0. */
export function nextBlock(height) {
  const tx_count = TXS_MIN + below(TXS_SPREAD);
  return {
    height: Math.max(height, HEIGHT_FIRST - 1) + 1,
    hash: hex(32),
    tx_count,
    timestamp: new Date().toISOString(),
    miner: miners[below(MINERS)],
    gas_used: tx_count * (GAS_OF_TRANSFER + below(400_000)),
  };
}

/** As many transactions as the block says it has. */
export function transactions(block) {
  return Array.from({ length: block.tx_count }, () => ({
    hash: hex(32),
    from_addr: hex(20),
    to_addr: below(CONTRACTS) === 0 ? null : hex(20),
    // Up to some ether, in wei: more than a number of JavaScript holds exactly.
    value_wei: (BigInt(below(5_000_000)) * 10n ** 12n).toString(),
    block_height: block.height,
  }));
}
