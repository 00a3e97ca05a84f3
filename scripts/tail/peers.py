"""The node and the hub, each behind one HTTP connection that is kept open."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse

from .faults import Fatal, NotPublished, Stopped, TooBig, Unavailable, Unsure
from .patience import Outage, Signals

ANSWER_TIMEOUT = 10.0  # seconds that a node or hub may take to answer
KEEP_WARM = 20.0  # seconds after which the idle connection to the hub is used: below the 75 of its keep-alive
BROKEN = (OSError, http.client.HTTPException)


class Peer:
    """One HTTP connection. Paths and queries are not logged: those of a node may hold a key."""

    def __init__(self, url: str) -> None:
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
            kind = kinds[parts.scheme]
        except (KeyError, ValueError):
            host = None
        if not host:
            raise Fatal("a URL must be http://HOST[:PORT][/PATH], or the same with https", 2)
        self.name = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
        self.path, self.query = parts.path, f"?{parts.query}" if parts.query else ""
        self.connection = kind(host, port, timeout=ANSWER_TIMEOUT)
        self.used = 0.0

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> None:
        self.used = time.monotonic()
        target = self.path.rstrip("/") + path if path else self.path or "/"
        self.connection.request(method, target + self.query, body, headers)

    def answer(self) -> tuple[int, bytes]:
        response = self.connection.getresponse()
        return response.status, response.read()

    def is_lost(self) -> bool:
        """Whether the other side has ended the idle connection; one that an answer has ended is not lost."""
        socket = self.connection.sock
        if socket is None:
            return False
        socket.settimeout(0)
        try:
            socket.recv(1)  # nothing may come unasked, so a byte is as good as the end
            return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            socket.settimeout(ANSWER_TIMEOUT)

    def close(self) -> None:
        self.connection.close()


class Node:
    """A JSON-RPC node. Any question may be asked twice, so a connection that was closed meanwhile is no failure."""

    def __init__(self, url: str, signals: Signals) -> None:
        self.peer, self.signals, self.number = Peer(url), signals, 0

    def head(self) -> dict:
        head = self.block("latest", full=False)
        if head is None:
            raise Unavailable("it has no head")
        return head

    def block(self, height: int | str, full: bool) -> dict | None:
        """A block with its numbers as integers, and with its transactions if `full`; `None` if it is not there."""
        wanted = hex(height) if isinstance(height, int) else height
        block = self._call("eth_getBlockByNumber", wanted, full)
        if not block:
            return None
        try:
            number = int(block["number"], 16)
            return {
                "height": number,
                "hash": str(block["hash"]),
                "parent": str(block["parentHash"]),
                "timestamp": int(block["timestamp"], 16),
                "miner": str(block["miner"]),
                "gas_used": int(block["gasUsed"], 16),
                "txs": [self._tx(tx, number) for tx in block["transactions"]] if full else [],
            }
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"its block is not one: {error!r}") from error

    @staticmethod
    def _tx(tx: dict, height: int) -> dict:
        return {
            "hash": str(tx["hash"]),
            "from_addr": str(tx["from"]),
            "to_addr": tx["to"],
            "value_wei": str(int(tx["value"], 16)),
            "block_height": height,
        }

    def _call(self, method: str, *params: object) -> dict | None:
        self.number += 1
        question = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        with self.signals.question():
            status, text = self._ask(json.dumps(question).encode())
        try:
            answer = json.loads(text)
            if "result" in answer:
                return answer["result"]
            why = f"it answers {str(answer['error'])[:200]}"
        except (KeyError, TypeError, ValueError):
            why = f"its answer, with status {status}, is not JSON-RPC"
        raise Unavailable(why)

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        attempts = 1 if self.peer.connection.sock is None else 2
        while True:
            attempts -= 1
            try:
                self.peer.send("POST", "", {"Content-Type": "application/json"}, body)
                return self.peer.answer()
            except BROKEN as error:
                self.peer.close()
                if attempts == 0:
                    raise Unavailable(told(error)) from error
            except Stopped:
                self.peer.close()
                raise


class Hub:
    """The hub. The end of its idle connection tells that it went away, even between two publishes."""

    def __init__(self, url: str, key: str | None, settle: float, signals: Signals) -> None:
        self.peer, self.settle, self.signals = Peer(url), settle, signals
        self.headers = {"Content-Type": "application/json"}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        self.outage = Outage(f"the hub at {self.peer.name}")

    def publish(self, path: str, items: bytes) -> None:
        """Publishes once. Returns only if the hub has said that it did; what it raises tells the rest."""
        if self.peer.is_lost():
            self.peer.close()
            raise NotPublished("it has closed the connection")
        try:
            self.peer.send("POST", path, self.headers, items)
        except BROKEN as error:
            # The hub does nothing with half a body, but it may have said why it wants no more of it.
            early = self._early_answer()
            self.peer.close()
            if early is None:
                raise NotPublished(told(error)) from error
            return self._judge(path, *early)
        try:
            status, text = self.peer.answer()
        except BROKEN as error:
            self.peer.close()
            raise Unsure(told(error)) from error
        return self._judge(path, status, text)

    def _early_answer(self) -> tuple[int, bytes] | None:
        try:
            return self.peer.answer() if self.peer.connection.sock is not None else None
        except BROKEN:
            return None

    @staticmethod
    def _judge(path: str, status: int, text: bytes) -> None:
        if status == 202:
            return
        said = f"status {status} {text[:300].decode('utf-8', 'replace')}"
        if status == 413:
            raise TooBig(f"the hub takes no body so big on {path}: {said}")
        if status in (408, 429) or status >= 500:
            raise NotPublished(said)
        raise Fatal(f"the hub refuses {path} for good: {said}")

    def look(self) -> None:
        """Looks after the idle connection, and waits if the hub has gone away."""
        try:
            if self.peer.is_lost():
                self.peer.close()
                raise NotPublished("it has closed the connection")
            if time.monotonic() - self.peer.used > KEEP_WARM:
                self._check_ready()
        except NotPublished as error:
            self.wait(error)

    def wait(self, why: Exception) -> None:
        """Returns once the hub takes publishes again, and its clients have had time to come back."""
        while True:
            self.signals.sleep(self.outage.goes_on(str(why)))
            try:
                self._check_ready()
                self.signals.sleep(self.settle)
                if not self.peer.is_lost():
                    return self.outage.is_over()
            except NotPublished as error:
                why = error

    def _check_ready(self) -> None:
        try:
            self.peer.send("GET", "/readyz", {})
            status, text = self.peer.answer()
        except BROKEN as error:
            self.peer.close()
            raise NotPublished(told(error)) from error
        if status == 503 and b"draining" in text:
            self.peer.close()
            raise NotPublished("it is going away")


def told(error: Exception) -> str:
    return str(error) or type(error).__name__
