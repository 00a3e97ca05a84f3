// Why the hub does not let a page in, in words. A browser tells a page nothing about a refused upgrade, so the hub is
// asked by an ordinary request whether it is ready.

const REASONS = { draining: "going away", full: "full", lagging: "overloaded", memory: "short of memory" };
/** The hub may have come back since an attempt failed; one that is ready and has failed us so often refuses us. */
const FAILURES_MAX = 2;

/** What the hub is, after so many attempts that failed in a row; nothing, if it will let us in for all we know. */
async function readiness(failures) {
  try {
    const answer = await fetch(new URL("readyz", import.meta.url), { cache: "no-store" });
    const { status } = await answer.json();
    return REASONS[status] ?? (failures > FAILURES_MAX ? "ready, but refuses this connection" : "");
  } catch {
    return "not answering";
  }
}

/**
 * Calls `tell` with what the hub is whenever that becomes another thing while the connection is away, and with nothing
 * once it is there.
 */
export function watchReadiness(connection, tell) {
  let said = "";
  const change = (what) => {
    if (what === said) return;
    said = what;
    tell(what);
  };
  connection.on("close", async ({ final }) => {
    if (final) return;
    const what = await readiness(connection.status.attempt);
    if (connection.state === "waiting" || connection.state === "connecting") change(what);
  });
  connection.on("open", () => change(""));
}
