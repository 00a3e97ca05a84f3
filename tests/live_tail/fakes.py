"""A node and a hub that do what a test tells them, to bring about what the real ones do only now and then."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fake:
    """An HTTP server in a thread; `answer` gives a status and a body, or `None` to close without an answer."""

    def __init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answered = fake.answer(self.path, body)
                if answered is None:
                    self.close_connection = True
                    return
                status, text = answered
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = handle_one

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.block_on_close = True, False
        # A tail that is killed in the middle of a request is no fault of the test's.
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=lambda: self.server.serve_forever(0.02), daemon=True).start()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        raise NotImplementedError

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class FakeNode(Fake):
    """A chain of blocks, each with as many transactions as `txs` says. `fault` may answer in its place."""

    def __init__(self, height: int, txs: int = 0) -> None:
        self.txs, self.fault = txs, None
        self.chain = [self._block(number, "a") for number in range(height + 1)]
        super().__init__()

    def _block(self, number: int, branch: str) -> dict:
        tx = {"from": "0xf", "to": None, "value": "0x10"}
        return {
            "number": hex(number), "hash": f"0x{branch}{number}", "timestamp": "0x65", "miner": "0xm",
            "gasUsed": "0x5208", "transactions": [
                {"hash": f"0x{branch}{number}t{index}"} | tx for index in range(self.txs)
            ],
        }

    def grow(self, branch: str, first: int, last: int) -> None:
        """The chain from this height on is this branch."""
        self.chain = self.chain[:first] + [self._block(number, branch) for number in range(first, last + 1)]

    def answer(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        if self.fault is not None:
            return self.fault()
        question = json.loads(body)
        wanted, full = question["params"]
        chain = self.chain
        number = len(chain) - 1 if wanted == "latest" else int(wanted, 16)
        block = None
        if number < len(chain):
            block = dict(chain[number], parentHash=chain[number - 1]["hash"] if number else "0x0")
            block["transactions"] = block["transactions"] if full else []
        return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": block}).encode()


class FakeHub(Fake):
    """Takes everything, unless `moods` says otherwise for what is published next: a status, `lost` for taken and never
    answered, or `held` for taken and not answered until `release` is set."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.attempts = 0
        self.moods: list[int | str] = []
        self.body_bytes_max = 1 << 20
        self.release = threading.Event()
        super().__init__()

    def answer(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        if path == "/readyz":
            return 200, b"{}"
        items = json.loads(body)
        items = items if isinstance(items, list) else [items]
        if not items:
            return 202, b"{}"
        self.attempts += 1
        mood = self.moods.pop(0) if self.moods else 202
        if len(body) > self.body_bytes_max:
            mood = 413
        if isinstance(mood, int) and mood != 202:
            return mood, b'{"error":{}}'
        self.taken.extend(item["hash"] for item in items)
        if mood == "held":
            self.release.wait()
        return None if mood in ("lost", "held") else (202, b"{}")
