"""live_tail.py between a node and a hub that fail on purpose."""

import json
import os
import signal
import tempfile
import threading
import time
import unittest

from fakes import FakeHub, FakeNode
from houses import PATIENCE, Tail, free_port, until


class Faults(unittest.TestCase):
    def setUp(self) -> None:
        self.hub = FakeHub()
        self.addCleanup(self.hub.end)
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.state = os.path.join(self.directory.name, "state.json")

    def chain(self, height: int, txs: int = 0) -> FakeNode:
        self.node = FakeNode(height, txs)
        self.addCleanup(self.node.end)
        return self.node

    def tail(self, *options: str, hub_port: int = 0) -> Tail:
        tail = Tail(self.node.port, hub_port or self.hub.port, "--settle", "0", *options)
        self.addCleanup(tail.stop, signal.SIGKILL)
        return tail

    def names(self, first: int, last: int, branch: str = "a") -> list[str]:
        return [f"0x{branch}{number}" for number in range(first, last + 1)]

    def test_a_publish_that_is_refused_is_sent_again_until_it_is_taken(self) -> None:
        self.chain(3)
        self.hub.moods = [503, 500, 429]
        tail = self.tail("--from", "1", "--until", "3")
        self.assertEqual(tail.ended(), 0, tail.text())
        self.assertEqual(self.hub.taken, self.names(1, 3))

    def test_a_publish_without_an_answer_is_never_sent_again_and_is_warned_of(self) -> None:
        self.chain(3, txs=2)
        self.hub.moods = [202, "lost", 202, 202, "lost"]
        tail = self.tail("--from", "1", "--until", "3")
        self.assertEqual(tail.ended(), 0, tail.text())
        expected = [name for block in self.names(1, 3) for name in (block, f"{block}t0", f"{block}t1")]
        self.assertEqual(self.hub.taken, expected)
        tail.says("transactions 0 to 1 of block 1: sent, but not answered .* perhaps delivered, not sent again")
        tail.says("block 3 0xa3: sent, but not answered")

    def test_a_hub_that_is_not_there_yet_is_waited_for(self) -> None:
        self.chain(2)
        tail = self.tail("--from", "1", hub_port=free_port())
        tail.says("the hub at .* refused; trying again")
        self.assertEqual(tail.stop(), 0)

    def test_a_hub_that_refuses_for_good_ends_it(self) -> None:
        self.chain(2)
        self.hub.moods = [401]
        tail = self.tail("--from", "1", "--state", self.state)
        self.assertEqual(tail.ended(), 1)
        tail.says("the hub refuses /v1/blocks for good: status 401")
        again = self.tail("--state", self.state, "--until", "2")
        self.assertEqual(again.ended(), 0, again.text())
        self.assertEqual(self.hub.taken, self.names(1, 2))

    def test_batches_shrink_to_what_the_hub_takes(self) -> None:
        self.chain(1, txs=500)
        self.hub.body_bytes_max = 5000
        tail = self.tail("--from", "1", "--until", "1")
        self.assertEqual(tail.ended(), 0, tail.text())
        self.assertEqual(self.hub.taken, ["0xa1", *(f"0xa1t{index}" for index in range(500))])

    def test_one_transaction_that_is_too_big_ends_it(self) -> None:
        self.chain(1, txs=3)
        self.hub.moods = [202, 413, 413, 413]
        tail = self.tail("--from", "1")
        self.assertEqual(tail.ended(), 1)
        tail.says("takes no body so big on /v1/txs")

    def test_a_kill_repeats_nothing_and_the_rest_of_the_block_follows(self) -> None:
        self.chain(3, txs=2)
        for held in (1, 2):
            self.hub.taken, self.hub.attempts = [], 0
            self.hub.moods = [202] * held + ["held"]
            state = f"{self.state}{held}"
            tail = self.tail("--from", "1", "--state", state)
            until(lambda: self.hub.attempts == held + 1, "the hub holds a publish")
            tail.stop(signal.SIGKILL)
            again = self.tail("--state", state, "--until", "3")
            self.assertEqual(again.ended(), 0, again.text())
            expected = [name for block in self.names(1, 3) for name in (block, f"{block}t0", f"{block}t1")]
            self.assertEqual(self.hub.taken, expected)
        self.hub.release.set()

    def test_a_stop_while_the_hub_is_away_loses_nothing(self) -> None:
        self.chain(2)
        self.hub.moods = [202] + [503] * 1000
        tail = self.tail("--from", "1", "--state", self.state)
        tail.says("the hub at .*status 503")
        self.assertEqual(tail.stop(), 0)
        self.hub.moods = []
        again = self.tail("--state", self.state, "--until", "2")
        self.assertEqual(again.ended(), 0, again.text())
        self.assertEqual(self.hub.taken, self.names(1, 2))

    def test_a_branch_that_comes_back_is_not_published_again(self) -> None:
        node = self.chain(5)
        tail = self.tail("--from", "1")
        tail.says("block 5 0xa5")
        node.grow("b", 4, 6)
        tail.says("block 6 0xb6")
        node.grow("a", 4, 7)
        tail.says("block 7 0xa7")
        tail.says("block 5 0xa5 is on the chain again; it was published before")
        expected = [*self.names(1, 5), *self.names(4, 6, "b"), *self.names(6, 7)]
        self.assertEqual(self.hub.taken, expected)

    def test_a_reorganisation_while_it_is_stopped_is_found(self) -> None:
        node = self.chain(5)
        self.assertEqual(self.tail("--from", "1", "--until", "5", "--state", self.state).ended(), 0)
        node.grow("b", 4, 6)
        tail = self.tail("--state", self.state, "--until", "6")
        self.assertEqual(tail.ended(), 0, tail.text())
        tail.says("reorganisation: 2 published blocks .* common ancestor is 3 0xa3")
        self.assertEqual(self.hub.taken, self.names(1, 5) + self.names(4, 6, "b"))

    def test_a_reorganisation_deeper_than_it_remembers_is_said(self) -> None:
        node = self.chain(9)
        tail = self.tail("--from", "1", "--depth", "3")
        tail.says("block 9 ")
        node.grow("b", 2, 10)
        tail.says("none of those remembered is; publishing it from height 7")
        tail.says("block 10 0xb10")
        self.assertEqual(self.hub.taken, self.names(1, 9) + self.names(7, 10, "b"))

    def test_a_branch_that_is_shorter_is_followed_at_once(self) -> None:
        node = self.chain(9)
        tail = self.tail("--from", "8")
        tail.says("block 9 ")
        node.grow("b", 8, 8)
        tail.says("block 8 0xb8")
        self.assertEqual(self.hub.taken, [*self.names(8, 9), "0xb8"])

    def test_a_node_that_is_behind_changes_nothing(self) -> None:
        node = self.chain(9)
        tail = self.tail("--from", "8")
        tail.says("block 9 ")
        whole, node.chain = node.chain, node.chain[:6]
        tail.says("the node is at height 5, behind the published 9")
        node.chain = whole
        node.grow("a", 10, 10)
        tail.says("block 10 ")
        self.assertEqual(self.hub.taken, self.names(8, 10))

    def test_another_chain_is_said_at_the_start_too(self) -> None:
        node = self.chain(5)
        self.assertEqual(self.tail("--from", "1", "--until", "5", "--state", self.state).ended(), 0)
        node.grow("c", 0, 7)
        tail = self.tail("--from", "3", "--state", self.state, "--until", "7")
        self.assertEqual(tail.ended(), 0, tail.text())
        tail.says("the chain has begun anew: its genesis is 0xc0, not 0xa0, and its height 7; starting over")
        self.assertEqual(self.hub.taken, self.names(1, 5) + self.names(3, 7, "c"))

    def test_a_node_that_answers_nonsense_is_asked_again(self) -> None:
        node = self.chain(2)
        answers = [(500, b"oops"), (200, b'{"error":{"message":"busy"}}'), (200, b'{"result":{"a":1}}')]

        def fault():
            if len(answers) == 1:
                node.fault = None
            return answers.pop(0)

        node.fault = fault
        tail = self.tail("--from", "1", "--until", "2")
        self.assertEqual(tail.ended(), 0, tail.text())
        self.assertEqual(self.hub.taken, self.names(1, 2))
        tail.says("the node at .* is back")

    def test_latest_is_what_is_newer_than_the_head_at_the_start(self) -> None:
        node = self.chain(5)
        tail = self.tail("--once", "2")
        tail.says("following .* from height 6")
        node.grow("a", 6, 9)
        self.assertEqual(tail.ended(), 0, tail.text())
        self.assertEqual(self.hub.taken, self.names(6, 7))

    def test_a_signal_ends_it_though_the_node_is_silent(self) -> None:
        node = self.chain(2)
        tail = self.tail("--from", "1")
        tail.says("block 2 ")
        asked = threading.Event()
        node.fault = lambda: asked.set() or self.hub.release.wait() and None
        self.assertTrue(asked.wait(PATIENCE))
        before = time.monotonic()
        self.assertEqual(tail.stop(signal.SIGINT), 0)
        # Sooner than it gives up on an answer.
        self.assertLess(time.monotonic() - before, 9)
        tail.says("published 2 blocks and 0 transactions")
        self.hub.release.set()

    def test_a_state_file_that_cannot_be_used_is_exit_2(self) -> None:
        self.chain(2)
        for text in ("", "[]", "{}", json.dumps({"version": 7})):
            with open(self.state, "w", encoding="utf-8") as file:
                file.write(text)
            tail = self.tail("--state", self.state)
            self.assertEqual(tail.ended(), 2)
            tail.says(r"the state file .* cannot be used")

    def test_a_state_file_has_one_user(self) -> None:
        self.chain(2)
        self.tail("--state", self.state).says("following")
        second = self.tail("--state", self.state)
        self.assertEqual(second.ended(), 2)
        second.says("in use by another live_tail")

    def test_wrong_arguments_are_exit_2_and_keys_are_not_shown(self) -> None:
        self.chain(0)
        wrong = ["--poll soon", "--from -1", "--once 0", "--rpc ftp://host", "--hub host", "--hub http://host:port"]
        for options in map(str.split, wrong):
            tail = self.tail(*options, "--key", "hunter2")
            self.assertEqual(tail.ended(), 2, options)
            self.assertNotIn("hunter2", tail.text())


if __name__ == "__main__":
    unittest.main()
