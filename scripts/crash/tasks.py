"""Tasks: publishers, each of which has a repository to itself and knows what must be in it, and subscribers, who must hear
of all that happened and of nothing else.

A publisher asks one thing at a time. What was not answered when the hub was killed is found out at the next start: it is
there whole, or not at all, and from then on counts as what it was found to be.
"""

import collections

from promises import Position, insist
from wire import Http, Refused, Stream

CALLS = "/api/v1/tasks"
LIVE_MAX = 40
STATUSES = ["pending", "in_progress", "completed", "cancelled"]
PRIORITIES = ["low", "medium", "high"]
# Most are short, and some fill pages of the file.
LENGTHS = [0, 0, 10, 100, 1000, 20_000]


class Publisher:
    """Creates, changes and deletes the tasks of one repository."""

    def __init__(self, number, random, totals):
        self.repository, self.random, self.totals = f"r{number}", random, totals
        self.live, self.gone, self.count = {}, collections.deque(maxlen=30), 0
        # What has happened since it was last compared with what was heard, and what was asked and not answered.
        self.happened, self.asked = [], None

    def check(self, address):
        http = Http(address)
        there, position = self.listed(http)
        self.find_out(there)
        self.compare(there)
        for task in self.random.sample(list(self.live), min(3, len(self.live))):
            answer = http.ask("GET", f"{CALLS}/{task}")
            insist(
                answer.status == 200 and answer.json == self.live[task],
                lambda task=task, answer=answer: f"task {task} was {self.live[task]}, and is {answer}",
            )
            insist(answer.position == position, f"a task is shown at {answer.position}, the list at {position}")
        for task in self.gone:
            status = http.ask("GET", f"{CALLS}/{task}").status
            insist(status == 404, f"task {task} was deleted, and asking for it is answered {status}")

    def listed(self, http):
        """All tasks of the repository, oldest first, and up to which position that is true."""
        there, after = {}, ""
        while after is not None:
            answer = http.ask("GET", f"{CALLS}?repository={self.repository}&limit=25{after}")
            insist(answer.status == 200, lambda answer=answer: f"tasks cannot be listed: {answer}")
            page = answer.json
            there.update((task["id"], task) for task in page["tasks"])
            after = page["next"] and f"&after={page['next']}"
        created = [task["created_at"] for task in there.values()]
        insist(created == sorted(created), f"the tasks of {self.repository} are not listed oldest first")
        return there, answer.position

    def find_out(self, there):
        """What has become of that which was not answered."""
        asked, self.asked = self.asked, None
        if asked is None:
            return
        before = len(self.happened)
        kind, task, fields = asked
        match kind:
            case "created":
                new = [found for found in there.values() if found["id"] not in self.live]
                insist(len(new) < 2, lambda: f"one task was asked for, and these are there: {new}")
                if new:
                    self.insist_fits(new[0], fields)
                    self.happens("task.created", new[0])
            case "updated":
                found = there.get(task)
                if found is not None and found != self.live[task]:
                    self.insist_fits(found, {**self.live[task], **fields, "updated_at": found["updated_at"]})
                    self.happens("task.updated", found)
            case "deleted":
                if task not in there:
                    self.happens("task.deleted", self.live[task])
        is_so = len(self.happened) > before
        self.totals.add("unanswered and there" if is_so else "unanswered and not there")

    def happens(self, kind, task):
        """Something is so from now on."""
        self.asked = None
        if kind == "task.deleted":
            del self.live[task["id"]]
            self.gone.append(task["id"])
            self.happened.append((kind, task["id"], None))
        else:
            self.live[task["id"]] = task
            self.happened.append((kind, task["id"], task))

    def insist_fits(self, task, fields):
        wrong = {name: task[name] for name in fields if task[name] != fields[name]}
        insist(not wrong, lambda: f"task {task['id']} is half there: {task} where {fields} was asked for")

    def compare(self, there):
        for task, found in there.items():
            insist(task in self.live, lambda: f"nobody has asked for this task, or it was deleted: {found}")
            insist(found == self.live[task], lambda: f"a task was {self.live[task]}, and is {found}")
        lost = self.live.keys() - there.keys()
        insist(not lost, lambda: f"tasks that were answered are lost: {[self.live[task] for task in lost]}")

    def load(self, address):
        http = Http(address)
        while True:
            self.step(http)

    def step(self, http):
        choice = self.random.random()
        if not self.live or (choice < 0.4 and len(self.live) < LIVE_MAX):
            self.create(http)
        elif choice < 0.8:
            self.change(http)
        else:
            self.delete(http)

    def fields(self):
        self.count += 1
        return {
            "title": f"{self.repository} {self.count}",
            "description": "d" * self.random.choice(LENGTHS),
            "status": self.random.choice(STATUSES),
            "priority": self.random.choice(PRIORITIES),
        }

    def create(self, http):
        fields = {"repository": self.repository, **self.fields()}
        self.asked = ("created", None, fields)
        answer = self.ask(http, "POST", CALLS, fields)
        insist(answer.status == 201, lambda: f"a task cannot be created: {answer}")
        self.insist_fits(answer.json, fields)
        self.happens("task.created", answer.json)

    def change(self, http):
        task = self.random.choice(list(self.live))
        fields = self.fields()
        if self.random.random() < 0.5:
            fields = {"title": fields["title"]}
        self.asked = ("updated", task, fields)
        answer = self.ask(http, "PATCH", f"{CALLS}/{task}", fields)
        insist(answer.status == 200, lambda: f"a task cannot be changed: {answer}")
        found = answer.json
        self.insist_fits(found, {**self.live[task], **fields, "updated_at": found["updated_at"]})
        self.happens("task.updated", found)

    def delete(self, http):
        task = self.random.choice(list(self.live))
        self.asked = ("deleted", task, None)
        answer = self.ask(http, "DELETE", f"{CALLS}/{task}")
        insist(answer.status == 204, lambda: f"a task cannot be deleted: {answer}")
        self.happens("task.deleted", self.live[task])

    def ask(self, http, method, path, body=None):
        """A change and its answer. One that is refused is not so."""
        try:
            answer = http.ask(method, path, body)
        except Refused:
            self.asked = None
            raise
        self.totals.add("changes answered")
        return answer


class Subscriber:
    """Hears of the tasks of some repositories, or of all, in a stream of events that it resumes at every start."""

    def __init__(self, publishers, totals, one=None):
        self.publishers = [publishers[one]] if one is not None else publishers
        self.path = f"{CALLS}/ws?version=1.0" + ("" if one is None else f"&repositories=r{one}")
        self.hears_all, self.totals = one is None, totals
        self.position = None
        self.heard = {publisher.repository: [] for publisher in self.publishers}
        self.stream = None

    def check(self, address):
        """Comes in again, and hears all that it has not heard."""
        stream = Stream(address, self.path, self.position)
        insist(stream.status == 200, f"a stream of tasks is answered {stream.status}")
        _, head = stream.next()
        insist(head["type"] == "subscribed", lambda: f"a stream of tasks begins with {head}")
        here = Position(head["data"]["position"])
        resumed = head["data"].get("resumed")
        now = Position(Http(address).ask("GET", f"{CALLS}?limit=1").position)
        if self.position is None:
            self.position = here
            insist(resumed is None, lambda: f"nothing was to be resumed: {head}")
        else:
            last = self.position
            insist(here.epoch == last.epoch, f"tasks were at {last}, and are at {here}: another epoch")
            insist(now.number >= last.number, f"tasks are at {now}, and {last} was heard")
            insist(resumed is not None and resumed["missed"] == 0, lambda: f"since {last} something was missed: {head}")
            insist(here.number >= last.number, f"who has heard {last} is to go on behind {here}")
            self.position = here
            for _ in range(resumed["sent"]):
                self.hear(stream)
            insist(
                not self.hears_all or self.position.number == now.number,
                f"since {last} {resumed['sent']} messages were sent, up to {self.position}, and tasks are at {now}",
            )
            self.totals.add("messages resumed", resumed["sent"])
        self.stream = stream

    def hear(self, stream):
        position, event = stream.next()
        insist(position == event["position"], lambda: f"a message has two positions: {position} and {event}")
        position, last = Position(position), self.position
        insist(position.epoch == last.epoch, f"the epoch of tasks changes from {last} to {position}")
        is_next = position.number == last.number + 1 if self.hears_all else position.number > last.number
        insist(is_next, f"{position} was heard behind {last}")
        self.position = position
        data = event["data"]
        heard = self.heard.get(data["repository"])
        insist(heard is not None, lambda: f"nobody has asked for this: {event}")
        heard.append((event["type"], data["task_id"], data.get("task")))
        self.totals.add("messages heard")

    def compare(self):
        """While nobody changes anything: what was heard is what happened, in its order, once."""
        for publisher in self.publishers:
            heard, happened = self.heard[publisher.repository], publisher.happened
            insist(
                heard == happened,
                lambda heard=heard, happened=happened: "what subscribers have heard is not what happened: "
                + first_difference(heard, happened),
            )
            heard.clear()

    def load(self, _):
        while True:
            self.hear(self.stream)


def first_difference(heard, happened):
    """Where two lists part, in words."""
    for index in range(max(len(heard), len(happened))):
        one = heard[index] if index < len(heard) else None
        other = happened[index] if index < len(happened) else None
        if one != other:
            return f"message {index} of {len(heard)}: heard {one}, happened {other} ({len(happened)} in all)"
    return "they are the same"
