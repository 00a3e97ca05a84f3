"""The processes of the tests, each on a port of its own and stopped by its own id, and a watcher of the stream."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMCAST = os.environ.get("ROOMCAST", str(ROOT / "target/debug/roomcast"))
GANACHE = os.environ.get("GANACHE", str(ROOT / "target/live_tail/node_modules/ganache/dist/node/cli.js"))
PATIENCE = 60.0  # seconds; longer than anything takes on a loaded machine


def free_port() -> int:
    """A port for a house that is left and moved into again: none of those that connections get meanwhile, if it can be."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", random.randrange(10_000, lowest) if lowest > 20_000 else 0))
            return probe.getsockname()[1]


def until(condition, what: str, patience: float = PATIENCE) -> None:
    """Looks again and again, because the other side is another process."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.01)


class House:
    """A process whose output is read all the time."""

    def __init__(self, *command: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def says(self, pattern: str, patience: float = PATIENCE) -> re.Match:
        """The first line that matches, as soon as it is there."""
        found: list[re.Match] = []

        def look() -> bool:
            found[:] = filter(None, (re.search(pattern, line) for line in list(self.lines)))
            return bool(found) or self.process.poll() is not None

        try:
            until(look, pattern, patience)
            return found[0]
        except (AssertionError, IndexError):
            raise AssertionError(f"{self.process.args[:2]} never said {pattern!r}:\n{''.join(self.lines)}") from None

    def text(self) -> str:
        return "".join(self.lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """The exit status."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.process.args[:2]} did not end:\n{self.text()}") from None
        self.reader.join()
        self.process.stdout.close()
        return status


class Chain:
    """A development chain on disk, so that its process may restart."""

    def __init__(self) -> None:
        self.port, self.sent, self.begun = free_port(), 0, 0
        self.directory = tempfile.mkdtemp(prefix="live-tail-chain-")
        self.start()

    def start(self) -> None:
        self.house = House(
            "node", GANACHE, "--server.host", "127.0.0.1", "--server.port", str(self.port),
            "--database.dbPath", self.directory, "--wallet.deterministic", "--logging.quiet",
            # A first block is known by its second and this limit, and two chains may begin within one second.
            "--miner.blockGasLimit", str(30_000_000 + self.begun),
        )
        self.house.says("RPC Listening on")
        self.rpc = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.accounts = self.call("eth_accounts")

    def stop(self) -> None:
        self.rpc.close()
        self.house.stop()

    def begin_anew(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)
        self.begun += 1
        self.start()

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, method: str, *params: object):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self.rpc.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(self.rpc.getresponse().read())
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def mine(self, txs: int = 0) -> None:
        """One block of so many transactions, which no other block has; the last of them creates a contract."""
        if txs == 0:
            self.call("evm_mine")
            return
        self.call("miner_stop")
        for number in range(txs):
            self.sent += 1
            tx = {"from": self.accounts[0], "value": hex(10**18 + self.sent)}
            self.call("eth_sendTransaction", tx | {"to": self.accounts[1]} if number < txs - 1 else tx)
        # Starting the miner mines whatever waits into one block.
        height = self.height()
        self.call("miner_start")
        until(lambda: self.height() == height + 1, "the block is mined")

    def height(self) -> int:
        return int(self.call("eth_blockNumber"), 16)

    def messages(self, first: int, last: int) -> list[dict]:
        """What the stream delivers for these blocks, read from the chain without live_tail's help."""
        messages = []
        for height in range(first, last + 1):
            block = self.call("eth_getBlockByNumber", hex(height), True)
            number = {name: int(block[name], 16) for name in ("timestamp", "gasUsed")}
            messages.append({"type": "newBlock", "data": {
                "height": height, "hash": block["hash"], "tx_count": len(block["transactions"]),
                "timestamp": number["timestamp"], "miner": block["miner"], "gas_used": number["gasUsed"],
            }})
            messages.extend({"type": "newTx", "data": {
                "hash": tx["hash"], "from_addr": tx["from"], "to_addr": tx.get("to"),
                "value_wei": str(int(tx["value"], 16)), "block_height": height,
            }} for tx in block["transactions"])
        return messages


class Hub:
    """The server, on one port across restarts."""

    def __init__(self, key: str) -> None:
        self.port, self.key = free_port(), key
        self.start()

    def start(self) -> None:
        self.house = House(
            ROOMCAST, "--listen", f"127.0.0.1:{self.port}", "--key", self.key, "--drain", "200ms",
            "--set", "stream.connections_per_minute=0", "--loop-lag-limit", "60s", "--data", "off",
        )
        self.house.says("listening on http://")

    def stop(self, number: int = signal.SIGTERM) -> int:
        return self.house.stop(number)


class Tail(House):
    """live_tail.py itself."""

    def __init__(self, rpc_port: int, hub_port: int, *options: str) -> None:
        super().__init__(
            sys.executable, "-B", str(ROOT / "scripts/live_tail.py"), "--rpc", f"http://127.0.0.1:{rpc_port}",
            "--hub", f"http://127.0.0.1:{hub_port}", "--poll", "50ms", *options,
        )


class Watcher:
    """A client of the stream that keeps everything it gets, and comes back whenever it is cut off."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.messages: list[dict] = []
        self.position: tuple[str, int] | None = None
        self.subscribed = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        until(lambda: self.subscribed, "a watcher is subscribed")

    def _watch(self) -> None:
        while not self.stopping:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as self.socket:
                    self._listen(self.socket.makefile("rb"))
            except OSError:
                time.sleep(0.02)

    def _listen(self, stream) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        if b" 101 " not in stream.readline():
            raise OSError("no upgrade")
        while stream.readline() != b"\r\n":
            pass
        self._send(0x81, b'{"action":"subscribe","channels":["newBlocks","newTxs"]}')
        self._send(0x89, b"subscribed")
        while True:
            kind, size = stream.read(2) or (0x88, 0)
            size = int.from_bytes(stream.read({126: 2, 127: 8}[size]), "big") if size > 125 else size
            payload = stream.read(size)
            if kind == 0x81:
                message = json.loads(payload)
                # Positions rise for as long as the hub lives.
                epoch, number = message.pop("position").split("-")
                before, self.position = self.position, (epoch, int(number))
                assert before is None or before[0] != epoch or before[1] < int(number), (before, self.position)
                self.messages.append(message)
            elif kind == 0x8A:
                self.subscribed += 1
            elif kind == 0x89:
                self._send(0x8A, payload)
            else:
                raise OSError("closed")

    def _send(self, kind: int, payload: bytes) -> None:
        """One masked frame of up to 125 bytes; a mask of zeros changes nothing."""
        self.socket.sendall(bytes([kind, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def blocks(self) -> list[dict]:
        return [message["data"] for message in self.messages if message["type"] == "newBlock"]

    def heights(self) -> list[int]:
        return [block["height"] for block in self.blocks()]

    def stop(self) -> None:
        self.stopping = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(PATIENCE)
