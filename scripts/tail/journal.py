"""What was published: the last blocks of the chain, and the last that are on it no more.

With a path it is a file, written before each publish, so that a kill at any time repeats nothing. A lock keeps a second
one away from the file.
"""

from __future__ import annotations

import collections
import fcntl
import json
import os

from .faults import Fatal

VERSION = 1


class Journal:
    """The position on the chain. `next` is the height to publish next, `None` before the start."""

    def __init__(self, path: str | None, depth: int) -> None:
        self.path = path
        self.genesis: str | None = None
        self.next: int | None = None
        self.txs: int | None = None  # transactions of the last block whose publish has begun; `None`: all
        self.chain: collections.deque = collections.deque(maxlen=depth)  # (height, hash), each one higher
        self.orphans: collections.deque = collections.deque(maxlen=4 * depth)  # hashes
        if path is not None:
            self._read(path)

    def _read(self, path: str) -> None:
        try:
            self.lock = open(f"{path}.lock", "w", encoding="utf-8")
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(path, encoding="utf-8") as file:
                state = json.load(file)
            if state["version"] != VERSION:
                raise ValueError(f"its version is {state['version']}, not {VERSION}")
            self.genesis, self.next, self.txs = state["genesis"], int(state["next"]), state["txs"]
            self.chain.extend((int(height), str(name)) for height, name in state["chain"])
            self.orphans.extend(state["orphans"])
        except FileNotFoundError:
            pass
        except BlockingIOError:
            raise Fatal(f"the state file {path} is in use by another live_tail", 2) from None
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise Fatal(f"the state file {path} cannot be used: {error!r}", 2) from error

    def write(self) -> None:
        if self.path is None:
            return
        state = {
            "version": VERSION,
            "genesis": self.genesis,
            "next": self.next,
            "txs": self.txs,
            "chain": list(self.chain),
            "orphans": list(self.orphans),
        }
        try:
            with open(f"{self.path}.new", "w", encoding="utf-8") as file:
                json.dump(state, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{self.path}.new", self.path)
        except OSError as error:
            raise Fatal(f"the state file {self.path} cannot be written: {error}") from error

    def begin(self, genesis: str | None, behind: dict | None, start: int) -> None:
        """Starts at a height, behind a block that is only known, if there is one."""
        self.genesis, self.next, self.txs = genesis, start, None
        self.chain.clear()
        if behind is not None:
            self.chain.append((behind["height"], behind["hash"]))
        self.write()

    def step(self, block: dict, txs: int | None) -> None:
        """The publish of a block begins, or of none of it but is already done if `txs` is `None`."""
        self.chain.append((block["height"], block["hash"]))
        self.next, self.txs = block["height"] + 1, txs
        self.write()

    def unstep(self) -> None:
        """It has not begun after all; the block before it was done."""
        self.next, _ = self.chain.pop()
        self.txs = None
        self.write()

    def count_txs(self, count: int) -> None:
        """The publish of so many transactions of the last block has begun."""
        self.txs = count
        self.write()

    def rewind(self, kept: int) -> int:
        """Only so many of the last blocks are still on the chain; says how many are not."""
        gone = len(self.chain) - kept
        for _ in range(gone):
            self.next, name = self.chain.pop()
            self.orphans.append(name)
        self.txs = None
        self.write()
        return gone

    def tip(self) -> tuple[int, str] | None:
        """The last block."""
        return self.chain[-1] if self.chain else None

    def known(self, height: int) -> str | None:
        """The hash of one of the last blocks."""
        index = height - self.chain[0][0] if self.chain else -1
        return self.chain[index][1] if 0 <= index < len(self.chain) else None
