// Numbers in words: always with their unit, never wider than a tile.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** What stands where nothing was measured. */
export const NOTHING = "–";

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number and its unit, apart, because they are set apart. */
const parts = (number, unit = "") => ({ number, unit });

/** As a string, for tables and labels. */
export const text = ({ number, unit }) => (unit && number !== NOTHING ? `${number} ${unit}` : number);

/** `value` by `format`, or the dash. */
export const shown = (format, value) => (value === null || value === undefined ? parts(NOTHING) : format(value));

/** Exact as far as it stays short. */
export const count = (value) => parts(value < 1e5 ? whole.format(value) : short.format(value));

/** Exact, however long. */
export const exact = (value) => parts(whole.format(value));

/** A rate whose unit stands elsewhere. */
export const rate = (value) => parts((value < 9.95 ? decimal : value < 9_999.5 ? whole : short).format(value));

export const perSecond = (value) => parts(rate(value).number, "/s");

export const percent = (value) => parts(value < 10 ? decimal.format(value) : whole.format(value), "%");

export function bytes(value) {
  let step = 0;
  while (value >= 1024 && step < BYTES.length - 1) {
    value /= 1024;
    step += 1;
  }
  return parts(value < 100 && step > 0 ? decimal.format(value) : whole.format(value), BYTES[step]);
}

/** Whether a format counts in powers of two. */
export const isBinary = (format) => format === bytes || format === bytesPerSecond;

export function bytesPerSecond(value) {
  const { number, unit } = bytes(value);
  return parts(number, `${unit}/s`);
}

export function micros(value) {
  if (value < 1000) return parts(whole.format(value), "µs");
  if (value < 1e6) return parts(value < 1e5 ? decimal.format(value / 1000) : whole.format(value / 1000), "ms");
  return parts(decimal.format(value / 1e6), "s");
}

/** The two largest units of a span. */
export function span(ms) {
  const seconds = Math.floor(ms / 1000);
  const units = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor(seconds / 3600) % 24],
    ["min", Math.floor(seconds / 60) % 60],
    ["s", seconds % 60],
  ];
  const first = Math.min(
    units.length - 1,
    units.findIndex(([, amount]) => amount > 0) >>> 0,
  );
  return units
    .slice(first, first + 2)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join(" ");
}

/** What went wrong last with what is kept, and whether it still does; `moment` shows a time. */
export function trouble({ trouble }, moment = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })) {
  if (!trouble) return "No error since the start.";
  const { sentence, since, is_now } = trouble;
  return is_now ? `Nothing can be kept since ${moment(since)}: ${sentence}.` : `All is kept. Last error, ${moment(since)}: ${sentence}.`;
}
