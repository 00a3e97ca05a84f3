"""Sessions: back-ends that take each from its creation to its end, and watchers who hear of the steps.

An identifier that was never answered cannot be asked for; what has become of such a session is looked up in the file, see
`file.py`.
"""

import collections
import itertools
import time

from promises import insist
from wire import Http, Lost, Refused, Stream

CALLS = "/api/v1/sessions"
LIVE_MAX = 25
# Some are so large that what is beside the file reaches the size at which it is written back though somebody waits.
LENGTHS = [0, 10, 3000, 200_000]
# Of those that were deleted last it is looked whether they are gone.
GONE_CHECKED = 20
# How long a watcher waits for a session that is newer.
PAUSE = 0.005
STATUSES = ["pending", "opened", "action_started", "completed"]


class Backend:
    """Creates, reports, completes and deletes sessions."""

    def __init__(self, number, random, totals):
        self.name, self.random, self.totals = f"b{number}", random, totals
        self.live, self.gone, self.count, self.asked = {}, collections.deque(maxlen=2000), 0, None
        # Creations that were not answered, by their numbers: they may be there or not.
        self.unknown = {}
        self.newest = None

    def check(self, address):
        http = Http(address)
        for session in list(self.live):
            self.look(http, session)
        self.asked = None
        for session in itertools.islice(reversed(self.gone), GONE_CHECKED):
            status = http.ask("GET", f"{CALLS}/{session}").status
            insist(status == 404, f"session {session} was deleted, and asking for it is answered {status}")

    def look(self, http, session):
        """That a session is as it was left, or as what was not answered would have it."""
        was = self.live[session]
        may_be = None
        if self.asked and self.asked[0] == session:
            may_be = self.asked[1]
        answer = http.ask("GET", f"{CALLS}/{session}")
        if answer.status == 404 and may_be == "gone":
            self.found(http, session, None)
            return
        insist(answer.status == 200, lambda: f"session {session} was {was}, and is {answer}")
        found = answer.json
        status = found.pop("status")
        insist(
            found == {name: was[name] for name in ("session_id", "created_at", "metadata")},
            lambda: f"session {session} was {was}, and is {answer}",
        )
        is_other = status != was["status"]
        if is_other:
            insist(isinstance(may_be, dict) and status == may_be["status"], f"session {session} was {was}, and is {answer}")
            was = may_be
        answer = http.ask("GET", f"{CALLS}/{session}/result")
        if status == "completed":
            insist(answer.status == 200, lambda: f"session {session} is completed, and its result {answer}")
            outcome = answer.json
            if is_other:
                was["completed_at"] = outcome["completed_at"]
            expected = {
                "session_id": session,
                "status": status,
                "result": was["result"],
                "completed_at": was["completed_at"],
            }
            insist(outcome == expected, lambda: f"session {session} had the result {expected}, and has {answer}")
        else:
            insist(answer.status == 202, lambda: f"session {session} is {status}, and its result {answer}")
        if may_be is not None:
            self.found(http, session, was)

    def found(self, _, session, record):
        """What has become of that which was not answered."""
        self.asked = None
        is_so = record is not self.live[session]
        self.totals.add("unanswered and there" if is_so else "unanswered and not there")
        self.is_so(session, record)

    def is_so(self, session, record):
        if record is None:
            del self.live[session]
            self.gone.append(session)
        else:
            self.live[session] = record

    def load(self, address):
        http = Http(address)
        while True:
            self.step(http)

    def step(self, http):
        if not self.live or (self.random.random() < 0.3 and len(self.live) < LIVE_MAX):
            return self.create(http)
        session = self.random.choice(list(self.live))
        was = self.live[session]
        status = was["status"]
        if status == "completed" or self.random.random() < 0.1:
            return self.change(http, session, "DELETE", "", None, 204, "gone")
        if status == "action_started" or self.random.random() < 0.2:
            result = {"of": session, "pad": "r" * self.random.choice(LENGTHS)}
            will_be = {**was, "status": "completed", "result": result}
            return self.change(http, session, "POST", "/result", result, 201, will_be)
        step = STATUSES[STATUSES.index(status) + 1]
        will_be = {**was, "status": step}
        return self.change(http, session, "POST", "/status", {"status": step}, 200, will_be)

    def create(self, http):
        self.count += 1
        metadata = {"by": self.name, "n": self.count, "pad": "m" * self.random.choice(LENGTHS)}
        self.unknown[self.count] = metadata
        try:
            answer = http.ask("POST", CALLS, metadata)
        except Refused:
            del self.unknown[self.count]
            raise
        insist(answer.status == 201, lambda: f"a session cannot be created: {answer}")
        session = answer.json
        insist(
            session["metadata"] == metadata and session["status"] == "pending",
            lambda: f"a session was asked for with {metadata}: {answer}",
        )
        del self.unknown[self.count]
        self.totals.add("changes answered")
        self.live[session["session_id"]] = session
        self.newest = session["session_id"]

    def change(self, http, session, method, path, body, status, will_be):
        self.asked = (session, will_be)
        try:
            answer = http.ask(method, f"{CALLS}/{session}{path}", body)
        except Refused:
            self.asked = None
            raise
        insist(answer.status == status, lambda: f"{method} of session {session}{path}: {answer}")
        self.asked = None
        self.totals.add("changes answered")
        if isinstance(will_be, dict) and will_be["status"] == "completed":
            will_be["completed_at"] = answer.json["completed_at"]
        self.is_so(session, None if will_be == "gone" else will_be)


class Watcher:
    """Hears of the newest sessions of a back-end, one after the other; a step that was heard has happened."""

    def __init__(self, backend, totals):
        self.backend, self.totals = backend, totals
        self.heard = {}

    def check(self, _):
        """Nothing can be said before the back-end knows what happened."""

    def compare(self):
        """While nobody changes anything: what was heard is so, or more than that."""
        for session, (status, result) in self.heard.items():
            found = self.backend.live.get(session)
            if found is None:
                insist(session in self.backend.gone, f"session {session} was heard of, and nobody knows it")
                continue
            insist(
                STATUSES.index(found["status"]) >= STATUSES.index(status),
                f"session {session} was heard to be {status}, and is {found['status']}",
            )
            insist(
                result is None or result == found["result"],
                lambda found=found: f"session {session} was heard to have the result {result}, and has {found}",
            )
        self.heard.clear()

    def load(self, address):
        http, last = Http(address), None
        while True:
            session = self.backend.newest
            if session is None or session == last:
                # So it is noticed when the hub is gone.
                http.ask("GET", "/healthz")
                time.sleep(PAUSE)
                continue
            last = session
            stream = Stream(address, f"{CALLS}/{session}/ws")
            if stream.status == 200:
                self.listen(session, stream)
            else:
                insist(stream.status in (404, 503), f"a stream of a session is answered {stream.status}")

    def listen(self, session, stream):
        """Until the session or the hub has ended."""
        last = -1
        try:
            while True:
                _, event = stream.next()
                status = STATUSES.index(event["status"])
                insist(
                    status > last or (status == 3 and event["type"] == "completed"),
                    lambda last=last, event=event: f"behind {STATUSES[last]} came {event}",
                )
                last = status
                _, result = self.heard.get(session, (None, None))
                self.heard[session] = (event["status"], event.get("result", result))
                self.totals.add("messages heard")
        except Lost:
            stream.line.close()
