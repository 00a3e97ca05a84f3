// A proxy that shows a hub under a prefix and takes the prefix off, as nginx does with a `location /hub/`.

import { once } from "node:events";
import { createServer, request } from "node:http";

/** Listens on a free port; `astray` are the requests that were not for something under the prefix. */
export async function startPrefix(address, prefix) {
  const astray = [];
  const ask = ({ method, url, headers }) => {
    if (url.startsWith(prefix)) return request(address + url.slice(prefix.length - 1), { method, headers });
    astray.push(`${method} ${url}`);
    return undefined;
  };
  const server = createServer((asked, answer) => {
    const passed = ask(asked);
    if (!passed) return void answer.writeHead(404).end();
    passed.on("response", (got) => got.pipe(answer.writeHead(got.statusCode, got.rawHeaders)));
    passed.on("error", () => answer.destroy());
    return asked.pipe(passed);
  });
  server.on("upgrade", (asked, near) => {
    const passed = ask(asked);
    if (!passed) return void near.end("HTTP/1.1 404 Not Found\r\n\r\n");
    near.on("error", () => passed.destroy());
    passed.on("error", () => near.destroy());
    // What is refused ends the connection: no page is told more.
    passed.on("response", () => near.destroy());
    passed.on("upgrade", ({ rawHeaders }, far, head) => {
      const lines = rawHeaders.map((part, index) => part + (index % 2 ? "\r\n" : ": "));
      near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      near.write(head);
      near.pipe(far).pipe(near);
      far.on("error", () => near.destroy());
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    return passed.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address: `http://127.0.0.1:${server.address().port}${prefix}`, astray, end };
}
