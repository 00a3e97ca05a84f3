"""Events: what nobody keeps but a stop in good order. A killed hub begins another life of the numbering, and says so."""

from promises import Position, insist
from wire import Http, Lost, Stream


class Speaker:
    """Publishes one event after the other."""

    def __init__(self, totals):
        self.totals, self.count = totals, 0
        self.taken = []

    def check(self, _):
        """Nothing of it is kept for it."""

    def load(self, address):
        http = Http(address)
        while True:
            self.count += 1
            event = {"type": "crash:event", "payload": {"n": self.count}}
            answer = http.ask("POST", "/api/v1/events", event)
            insist(answer.status == 202, lambda answer=answer: f"an event cannot be published: {answer}")
            self.taken.append(self.count)
            self.totals.add("events taken")


class Listener:
    """Hears them in a stream that it resumes, across stops exactly, and across kills with a word that this is another life."""

    def __init__(self, speaker, totals):
        self.speaker, self.totals = speaker, totals
        self.position, self.stream, self.heard = None, None, []
        # How the hub before this one ended: in good order, killed, or nobody knows what it came to.
        self.ended = "unknown"
        self.said = {}

    def check(self, address):
        stream = Stream(address, "/ws", self.position)
        insist(stream.status == 200, f"a stream of events is answered {stream.status}")
        _, head = stream.next()
        here, last = Position(head["position"]), self.position
        resumed = head["payload"].get("resumed")
        if last is None:
            self.position = here
        elif here.epoch == last.epoch:
            insist(self.ended != "killed", f"the hub was killed, and the events go on at {here}")
            insist(resumed["missed"] == 0 and here.number == last.number, lambda: f"since {last} is answered with {head}")
            for _ in range(resumed["sent"]):
                self.hear(stream)
            if self.ended == "stopped":
                lost = set(self.speaker.taken) - set(self.heard)
                insist(not lost, f"a stop in good order has lost events: {sorted(lost)[:10]}")
            self.totals.add("messages resumed", resumed["sent"])
        else:
            insist(self.ended != "stopped", f"a stop in good order ended the life {last}: now it is {here}")
            insist(resumed == {"sent": 0, "missed": None}, lambda: f"since {last} of another life is answered with {head}")
            self.position = here
        self.heard.clear()
        self.speaker.taken.clear()
        self.stream = stream

    def hear(self, stream):
        _, event = stream.next()
        position, last = Position(event["position"]), self.position
        insist(
            (position.epoch, position.number) == (last.epoch, last.number + 1), f"event {position} was heard behind {last}"
        )
        self.position = position
        self.heard.append(event["payload"]["n"])
        self.totals.add("messages heard")

    def load(self, _):
        try:
            while True:
                self.hear(self.stream)
        except Lost:
            self.stream.line.close()
            raise
