"""Waiting: for signals, and for somebody who is away."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import signal
import time

from .faults import Stopped

BACKOFF_FIRST, BACKOFF_MAX = 0.25, 10.0  # seconds between attempts; doubling, and cut by chance to half at most
REMIND = 30.0  # seconds between two lines that say the same of one outage

log = logging.getLogger("live_tail")


class Signals:
    """SIGINT and SIGTERM. They end a sleep or a question at once, and a publish once it is answered; a second one ends
    everything: what is remembered is on the disk already."""

    def __init__(self) -> None:
        self.stopping = self.in_question = False
        self.woken, self.wake = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._caught)

    def _caught(self, *_: object) -> None:
        if self.stopping:
            os._exit(1)
        self.stopping = True
        os.write(self.wake, b".")
        if self.in_question:
            raise Stopped

    def check(self) -> None:
        if self.stopping:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        select.select([self.woken], [], [], seconds)
        self.check()

    @contextlib.contextmanager
    def question(self):
        """Inside, a signal raises [`Stopped`] wherever it finds us."""
        self.in_question = True
        try:
            self.check()
            yield
        finally:
            self.in_question = False


class Outage:
    """How long to wait for somebody who is away, and what to say of it: at once, and then every now and then."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.since: float | None = None

    def goes_on(self, why: str) -> float:
        """Says why, and how many seconds to wait before the next attempt."""
        now = time.monotonic()
        if self.since is None:
            self.since, self.delay, self.why = now, BACKOFF_FIRST, None
        if why != self.why or now - self.said >= REMIND:
            self.why, self.said = why, now
            log.warning("%s: %s; trying again", self.who, why)
        delay, self.delay = self.delay, min(self.delay * 2, BACKOFF_MAX)
        return delay * random.uniform(0.5, 1.0)

    def is_over(self) -> None:
        if self.since is not None:
            log.info("%s is back after %.1f s", self.who, time.monotonic() - self.since)
        self.since = None
