"""live_tail.py between a real development chain and the real server, with two watchers on the stream."""

import signal
import tempfile
import unittest

from houses import Chain, Hub, Tail, Watcher, until

KEY = "a-key-of-the-test"


class LiveTail(unittest.TestCase):
    def setUp(self) -> None:
        self.chain = Chain()
        self.addCleanup(self.chain.end)
        self.hub = Hub(KEY)
        self.addCleanup(lambda: self.hub.stop())
        self.watchers = [Watcher(self.hub.port) for _ in range(2)]
        for watcher in self.watchers:
            self.addCleanup(watcher.stop)

    def follow(self, *options: str) -> Tail:
        tail = Tail(self.chain.port, self.hub.port, "--key", KEY, "--settle", "5s", *options)
        self.addCleanup(tail.stop)
        tail.says("following|going on")
        return tail

    def ends_with(self, watcher: Watcher, first: int, last: int) -> None:
        """The last that a watcher has seen are these blocks of the chain, in order."""
        expected = self.chain.messages(first, last)
        until(lambda: expected[-1] in watcher.messages, f"the end of block {last} has come")
        self.assertEqual(watcher.messages[-len(expected):], expected)

    def check_once(self) -> None:
        for watcher in self.watchers:
            names = [block["hash"] for block in watcher.blocks()]
            self.assertEqual(len(names), len(set(names)), "no hash comes twice")

    def test_no_block_is_missing_or_doubled_over_restarts_of_everybody(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            options = ["--from", "1", "--state", f"{directory}/state.json"]
            tail = self.follow(*options)
            for number in range(200):
                self.chain.mine(txs=number % 4)
                if number == 50:
                    self.assertEqual(self.hub.stop(), 0)
                if number == 70:
                    self.hub.start()
                if number == 110:
                    tail.says("block 100 ")
                    self.chain.stop()
                    tail.says("the node at .*; trying again")
                    self.chain.start()
                if number == 150:
                    self.assertEqual(tail.stop(signal.SIGINT), 0, tail.text())
                if number == 160:
                    tail = self.follow(*options, "--until", "200")
            self.assertEqual(tail.ended(), 0, tail.text())
            expected = self.chain.messages(1, 200)
            for watcher in self.watchers:
                until(lambda: len(watcher.messages) >= len(expected), "everything has come")
                self.assertEqual(watcher.messages, expected)
                self.assertEqual(watcher.subscribed, 2, "it was cut off once")

    def test_a_reorganisation_publishes_the_new_branch_and_nothing_twice(self) -> None:
        tail = self.follow("--from", "1")
        for _ in range(5):
            self.chain.mine()
        snapshot = self.chain.call("evm_snapshot")
        for _ in range(4):
            self.chain.mine(txs=1)
        tail.says("block 9 ")
        old = self.chain.messages(1, 9)
        self.chain.call("evm_revert", snapshot)
        snapshot = self.chain.call("evm_snapshot")
        for txs in (2, 0, 1, 0, 3, 0):
            self.chain.mine(txs)
        said = tail.says(r"reorganisation: (\d) published blocks .* common ancestor is (\d+) (0x\w+)")
        self.assertEqual(said.groups(), ("4", "5", old[4]["data"]["hash"]))
        tail.says("block 11 ")
        for watcher in self.watchers:
            self.ends_with(watcher, 6, 11)
            self.assertEqual(watcher.messages, old + self.chain.messages(6, 11))

        # Once more, to a head that is no higher than the one before.
        self.chain.call("evm_revert", snapshot)
        for _ in range(6):
            self.chain.mine(txs=1)
        for watcher in self.watchers:
            self.ends_with(watcher, 6, 11)
        self.check_once()

    def test_a_chain_that_begins_anew_is_said_and_followed(self) -> None:
        tail = self.follow()
        for _ in range(6):
            self.chain.mine()
        tail.says("block 6 ")
        self.chain.begin_anew()
        for _ in range(3):
            self.chain.mine(txs=1)
        tail.says("the chain has begun anew: .* starting over")
        for watcher in self.watchers:
            self.ends_with(watcher, 1, 3)
            self.assertEqual(watcher.heights(), [1, 2, 3, 4, 5, 6, 1, 2, 3])
        self.check_once()

    def test_a_hub_that_is_killed_costs_at_most_what_is_warned_of(self) -> None:
        tail = self.follow("--from", "1", "--until", "60")
        for number in range(60):
            self.chain.mine(txs=1)
            if number == 30:
                self.hub.stop(signal.SIGKILL)
                self.hub.start()
        self.assertEqual(tail.ended(), 0, tail.text())
        unsure = [line for line in tail.lines if "perhaps delivered" in line]
        self.assertLessEqual(len(unsure), 1)
        for watcher in self.watchers:
            self.ends_with(watcher, 60, 60)
            heights = watcher.heights()
            missing = sorted(set(range(1, 61)) - set(heights))
            self.assertEqual(heights, sorted(set(heights)), "in order, none twice")
            for height in missing:
                self.assertRegex("".join(unsure), rf"block {height}\b", tail.text())


if __name__ == "__main__":
    unittest.main()
