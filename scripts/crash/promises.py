"""What a promise is held against: positions, counts, and the sentence that says which one was broken."""

import threading
from collections import Counter


class Broken(Exception):
    """A promise that was not kept: a sentence."""


class Position:
    """The number of a message, in one life of its numbering."""

    def __init__(self, text):
        epoch, _, number = text.partition("-")
        self.text, self.epoch, self.number = text, epoch, int(number)

    def __str__(self):
        return self.text


class Totals:
    """What was done, counted by all who do it."""

    def __init__(self):
        self.lock, self.counts = threading.Lock(), Counter()

    def add(self, name, count=1):
        with self.lock:
            self.counts[name] += count

    def __getitem__(self, name):
        return self.counts[name]


def insist(is_so, sentence):
    """Whether a promise was kept; the sentence is made only if it was not."""
    if not is_so:
        raise Broken(sentence() if callable(sentence) else sentence)
