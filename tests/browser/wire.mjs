// A wire between a client and the hub that a test can cut, or hold so that nothing more comes through.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Listens on a free port and passes everything on to the hub at this address. */
export async function wire(address) {
  const { hostname, port } = new URL(address);
  const pairs = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        pair.forEach((one) => one.destroy());
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    /** Ends every line that goes through it; new ones may come. */
    cut,
    /** From now on nothing of what the hub sends comes through, on the lines that are there. */
    hold: () => pairs.forEach(([near, far]) => far.unpipe(near).pause()),
    /** Lets it through again. */
    release: () => pairs.forEach(([near, far]) => far.pipe(near)),
    end() {
      cut();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
