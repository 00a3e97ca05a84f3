#!/usr/bin/env python3
"""Follows an Ethereum node and publishes every new block and its transactions to a roomcast hub.

    live_tail.py --rpc http://127.0.0.1:8545 --hub http://127.0.0.1:8080 --key KEY --state tail.json

Asks the node for its head every --poll, publishes each new block to /v1/blocks and then its transactions to /v1/txs.
Needs Python 3.9 and nothing else. What it promises:

* In order, and no height twice on one chain: no block's hash is published twice. A reorganisation is walked back to the
  common ancestor and said; then the new branch is published, whose heights come again under other hashes.
* None missed, whichever side restarts; with --state, nor across its own restarts: it goes on where it stopped.
* At most once where nobody can know. What the hub refused, or cannot have got whole, is sent again. What was sent whole
  and never answered may have reached the subscribers: it is not sent again, and a warning says so. The state is written
  before each publish, so that not even a kill repeats one.
* A hub keeps no history: what is published while its clients reconnect reaches nobody. So after the hub was away,
  which its idle connection tells even between two blocks, --settle passes before the next publish.
* A chain that begins anew (another genesis) is said and followed as --from says; if its head is lower than what was
  followed, as when a development chain restarts, `latest` means from its block 1.

Exit status: 0 after --once, --until, SIGINT or SIGTERM; 1 if the hub refuses for good (the key, the path, the shape) or
the state cannot be written; 2 for wrong arguments or a state file that cannot be used.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import time

from tail.faults import Fatal, NotPublished, Stopped, TooBig, Unavailable, Unsure
from tail.journal import Journal
from tail.patience import Outage, Signals
from tail.peers import Hub, Node

BATCH_BYTES = 256 << 10  # bytes of transactions in one publish: a quarter of the hub's default bound on bodies
BLOCK_FIELDS = ("height", "hash", "tx_count", "timestamp", "miner", "gas_used")

log = logging.getLogger("live_tail")


class Tail:
    """Follows the chain, one look after another."""

    def __init__(self, options: argparse.Namespace, signals: Signals) -> None:
        self.options, self.signals = options, signals
        self.hub = Hub(options.hub, options.key, options.settle, signals)
        self.node = Node(options.rpc, signals)
        self.journal = Journal(options.state, options.depth)
        self.batch_bytes = BATCH_BYTES
        self.blocks = self.txs = 0
        self.is_behind = False

    def run(self) -> None:
        """Until --once, --until or a signal."""
        outage = Outage(f"the node at {self.node.peer.name}")
        self.reach_hub()
        resumes = self.journal.next is not None
        while True:
            self.hub.look()
            try:
                if resumes:
                    self.resume()
                    resumes = False
                self.look()
                outage.is_over()
            except Unavailable as error:
                self.signals.sleep(outage.goes_on(str(error)))
                continue
            if self.is_done():
                return
            self.signals.sleep(self.options.poll)

    def is_done(self) -> bool:
        once, until, upcoming = self.options.once, self.options.until, self.journal.next
        is_there = until is not None and upcoming is not None and upcoming > until
        return is_there or (once is not None and self.blocks >= once)

    def reach_hub(self) -> None:
        """Finds out at once whether the hub is there and takes the key: an empty array delivers nothing."""
        while True:
            try:
                return self.hub.publish("/v1/txs", b"[]")
            except (NotPublished, Unsure) as error:
                self.hub.wait(error)

    def resume(self) -> None:
        """Publishes what is left of the block at which we stopped."""
        log.info("going on with height %d", self.journal.next)
        tip, done = self.journal.tip(), self.journal.txs
        if self.check_genesis() and tip is not None and done is not None:
            block = self.node.block(tip[0], full=True)
            if block is not None and block["hash"] == tip[1]:
                self.publish_txs(block, done)

    def start(self, head: dict) -> None:
        """Takes up a position as --from says."""
        genesis = self.node.block(0, full=False)
        start = head["height"] + 1 if self.options.start is None else self.options.start
        behind = self.node.block(start - 1, full=False) if start > 0 else None
        self.journal.begin(genesis and genesis["hash"], behind, start)
        log.info("following %s from height %d", self.node.peer.name, start)

    def look(self) -> None:
        """Publishes whatever is new on the chain."""
        head = self.node.head()
        if self.journal.next is None:
            self.start(head)
        if not self.leads(head):
            return
        while self.journal.next <= head["height"] and not self.is_done():
            self.signals.check()
            block = self.node.block(self.journal.next, full=True)
            if block is None:
                raise Unavailable(f"it does not have block {self.journal.next}, although its head is {head['height']}")
            tip = self.journal.tip()
            if tip is None or block["parent"] == tip[1]:
                self.publish(block)
            else:
                self.reorganise(head)
                head = self.node.head()

    def leads(self, head: dict) -> bool:
        """Whether there may be something new up to this head. Goes back first if the chain has changed below it."""
        tip = self.journal.tip()
        if tip is not None and head["height"] <= tip[0] and head["hash"] != tip[1]:
            known = self.journal.known(head["height"])
            if known is not None and known != head["hash"]:
                self.reorganise(head)
            elif known is not None or self.check_genesis():
                # It has not caught up, or has gone back and built nothing new yet.
                if not self.is_behind:
                    log.info("the node is at height %d, behind the published %d", head["height"], tip[0])
                self.is_behind = True
                return False
        self.is_behind = False
        return True

    def check_genesis(self) -> bool:
        """Whether this is still the chain that we follow; starts over if it is not."""
        genesis = self.node.block(0, full=False)
        if genesis is None or self.journal.genesis in (None, genesis["hash"]):
            return True
        head, tip = self.node.head(), self.journal.tip()
        log.warning(
            "the chain has begun anew: its genesis is %s, not %s, and its height %d; starting over",
            *(genesis["hash"], self.journal.genesis, head["height"]),
        )
        if self.options.start is None and tip is not None and head["height"] < tip[0]:
            self.journal.begin(genesis["hash"], genesis, 1)
            log.info("following %s from height 1", self.node.peer.name)
        else:
            self.start(head)
        return False

    def reorganise(self, head: dict) -> None:
        """Goes back to the last of our blocks that is still on the chain."""
        if not self.check_genesis():
            return
        chain = list(self.journal.chain)
        kept = len(chain)
        while kept > 0 and not self.is_on_chain(*chain[kept - 1], head):
            kept -= 1
        if kept == len(chain):
            raise Unavailable("it contradicts itself about the parent of a block")
        gone = self.journal.rewind(kept)
        if kept > 0:
            height, name = chain[kept - 1]
            what = f"the common ancestor is {height} {name}"
        else:
            what = f"none of those remembered is; publishing it from height {chain[0][0]}"
        log.warning("reorganisation: %d published blocks are on the chain no more; %s", gone, what)

    def is_on_chain(self, height: int, name: str, head: dict) -> bool:
        block = self.node.block(height, full=False) if height <= head["height"] else None
        return block is not None and block["hash"] == name

    def publish(self, block: dict) -> None:
        """Publishes a block and its transactions, unless it has been on the chain before."""
        what = f"block {block['height']} {block['hash']}"
        if block["hash"] in self.journal.orphans:
            log.info("%s is on the chain again; it was published before", what)
            return self.journal.step(block, None)
        item = {**block, "tx_count": len(block["txs"])}
        body = json.dumps({field: item[field] for field in BLOCK_FIELDS}).encode()
        self.send("/v1/blocks", body, what, lambda: self.journal.step(block, 0), self.journal.unstep)
        self.publish_txs(block, 0)
        self.blocks += 1
        log.info("%s with %d transactions", what, len(block["txs"]))

    def publish_txs(self, block: dict, done: int) -> None:
        """Publishes the transactions of the last block from this one on, in batches that the hub takes."""
        items = [json.dumps(tx).encode() for tx in block["txs"]]
        while done < len(items):
            end, size = done + 1, len(items[done])
            while end < len(items) and size + len(items[end]) < self.batch_bytes:
                size += len(items[end]) + 1
                end += 1
            first, body = done, b"[" + b",".join(items[done:end]) + b"]"
            what = f"transactions {first} to {end - 1} of block {block['height']}"
            try:
                begin, undo = (lambda: self.journal.count_txs(end)), (lambda: self.journal.count_txs(first))
                self.send("/v1/txs", body, what, begin, undo)
            except TooBig:
                if end - first == 1:
                    raise
                self.batch_bytes = size // 2
                continue
            self.txs += end - first
            done = end

    def send(self, path: str, body: bytes, what: str, begin, undo) -> None:
        """Publishes until the hub has answered, or until nobody can say whether it did. The journal is told before."""
        while True:
            begin()
            try:
                return self.hub.publish(path, body)
            except Unsure as error:
                log.warning("%s: sent, but not answered (%s): perhaps delivered, not sent again", what, error)
                return self.hub.wait(error)
            except NotPublished as error:
                undo()
                self.hub.wait(error)
            except Fatal:
                undo()
                raise


def duration(text: str) -> float:
    """Seconds from 500ms, 1s, 2m or a plain number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected a duration such as 500ms, 1s or 2m, not {text!r}")
    return float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2] or "s"]


def height(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise argparse.ArgumentTypeError(f"expected a height, not {text!r}")
    return int(text)


def first_height(text: str) -> int | None:
    return None if text == "latest" else height(text)


def count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text!r}")
    return int(text)


def arguments() -> argparse.Namespace:
    about, _, more = __doc__.partition("\n\n")
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=style)
    add = parser.add_argument
    add("--rpc", metavar="URL", default="http://127.0.0.1:8545", help="the node's JSON-RPC (%(default)s)")
    add("--hub", metavar="URL", default="http://127.0.0.1:8080", help="the hub (%(default)s)")
    add("--key", default=os.environ.get("LIVE_TAIL_KEY"), help="a key of the hub (environment: LIVE_TAIL_KEY)")
    add("--poll", metavar="D", type=duration, default=1.0, help="time between two looks at the node (1s)")
    add("--from", metavar="H", dest="start", type=first_height,
        help="first height, or latest: whatever is newer than the head at the start (latest)")
    add("--state", metavar="FILE", help="where to keep the position for the next start, which it then beats --from")
    add("--settle", metavar="D", type=duration, default=2.0,
        help="time for the hub's clients to reconnect after it was away (2s)")
    add("--depth", metavar="N", type=count, default=256,
        help="blocks to remember: how deep a reorganisation may go (%(default)s)")
    add("--once", metavar="N", type=count, help="end after N blocks")
    add("--until", metavar="H", type=height, help="end after this height")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    logging.Formatter.converter = time.gmtime
    shape, date = "%(asctime)sZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=shape, datefmt=date)
    status, tail = 0, None
    try:
        tail = Tail(options, Signals())
        tail.run()
    except Stopped:
        log.info("stopped by a signal")
    except Fatal as error:
        log.error("%s", error)
        status = error.status
    if tail is not None:
        log.info("published %d blocks and %d transactions", tail.blocks, tail.txs)
    return status


if __name__ == "__main__":
    sys.exit(main())
