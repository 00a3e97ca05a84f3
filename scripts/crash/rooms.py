"""Rooms: a host who makes and ends them by HTTP, and a table of players who talk over WebSockets and come back.

What a player says is answered by its own copy. All that anybody heard in a room is put down by its number: players agree on
it, nobody hears a number twice or out of order, and what a player did not hear is its own coming and going. When all have
heard everything, the chat of that list is the chat of the room's records.
"""

import collections
import threading

from promises import Position, insist
from wire import Http, Lost, Refused, WebSocket

CALLS = "/api/rooms"
ROOMS_MAX = 8
# Of those that are gone so many are looked at.
GONE_CHECKED = 20
# As many as the hub takes at once from one player in each of its lives, and a few less.
SAID_MAX = 15
SHOWN_MAX = 200


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Host:
    """Makes rooms, has players join and puts them out, and ends rooms: all by HTTP."""

    def __init__(self, random, totals):
        self.random, self.totals = random, totals
        # By code: the room's identifier, its maker's token, and its other players' tokens by their identifiers.
        self.rooms, self.ended, self.out = {}, collections.deque(maxlen=GONE_CHECKED), collections.deque(maxlen=GONE_CHECKED)
        self.count, self.asked = 0, None
        # Rooms whose making was not answered, by the name of their makers: they may be there or not.
        self.unknown = set()

    def check(self, address):
        http = Http(address)
        self.find_out(http)
        for code, room in self.rooms.items():
            for token in [room["token"], *room["players"].values()]:
                self.insist_is(http, code, token, 200, "a player of a room that was made")
        for code, token in self.ended:
            self.insist_is(http, code, token, 404, "a player of a room that was ended")
        for code, token in self.out:
            if code in self.rooms:
                self.insist_is(http, code, token, 401, "a player who was put out")

    def insist_is(self, http, code, token, status, who):
        answer = http.ask("GET", f"{CALLS}/{code}/messages", **bearer(token))
        insist(answer.status == status, lambda: f"{who} ({code}) asks for the messages: {answer}")

    def find_out(self, http):
        """What has become of that which was not answered."""
        if self.asked is None:
            return
        kind, code, detail = self.asked
        match kind:
            case "joined":
                # If it has joined its name is taken; if not, it joins now.
                answer = http.ask("POST", f"{CALLS}/{code}/join", {"display_name": detail})
                insist(answer.status in (201, 409), lambda: f"{detail} cannot join {code}: {answer}")
                is_so = answer.status == 409
                if not is_so:
                    self.joins(code, answer.json)
            case "put out":
                token = self.rooms[code]["players"][detail]
                is_so = http.ask("GET", f"{CALLS}/{code}/messages", **bearer(token)).status == 401
                if is_so:
                    self.puts_out(code, detail)
            case "ended":
                is_so = http.ask("GET", f"{CALLS}/{code}/messages", **bearer(self.rooms[code]["token"])).status == 404
                if is_so:
                    self.ends(code)
        self.asked = None
        self.totals.add("unanswered and there" if is_so else "unanswered and not there")

    def joins(self, code, answer):
        self.rooms[code]["players"][answer["player_id"]] = answer["token"]

    def puts_out(self, code, player):
        self.out.append((code, self.rooms[code]["players"].pop(player)))

    def ends(self, code):
        self.ended.append((code, self.rooms.pop(code)["token"]))

    def load(self, address):
        http = Http(address)
        while True:
            self.step(http)

    def step(self, http):
        choice = self.random.random()
        if not self.rooms or (choice < 0.2 and len(self.rooms) < ROOMS_MAX):
            return self.make(http)
        code = self.random.choice(list(self.rooms))
        room = self.rooms[code]
        if choice < 0.6 and len(room["players"]) < 10:
            return self.join(http, code)
        if choice < 0.8 and room["players"]:
            return self.put_out(http, code, self.random.choice(list(room["players"])))
        if choice < 0.9:
            answer = http.ask("POST", f"{CALLS}/{code}/events", {"event": "said", "payload": {"n": self.count}})
            insist(answer.status == 202, lambda: f"the back-end cannot speak to {code}: {answer}")
            return self.totals.add("changes answered")
        self.asked = ("ended", code, None)
        answer = self.ask(http, "DELETE", f"{CALLS}/{code}", None, **bearer(room["token"]))
        insist(answer.status == 204, lambda: f"{code} cannot be ended: {answer}")
        return self.ends(code)

    def make(self, http):
        self.count += 1
        name = f"Maker {self.count}"
        self.unknown.add(name)
        try:
            answer = self.ask(http, "POST", CALLS, {"display_name": name})
        except Refused:
            self.unknown.remove(name)
            raise
        insist(answer.status == 201, lambda: f"a room cannot be made: {answer}")
        self.unknown.remove(name)
        room = answer.json
        self.rooms[room["code"]] = {"id": room["room_id"], "token": room["token"], "players": {}}

    def join(self, http, code):
        self.count += 1
        name = f"Player {self.count}"
        self.asked = ("joined", code, name)
        answer = self.ask(http, "POST", f"{CALLS}/{code}/join", {"display_name": name})
        insist(answer.status == 201, lambda: f"{name} cannot join {code}: {answer}")
        self.joins(code, answer.json)

    def put_out(self, http, code, player):
        token = self.random.choice([self.rooms[code]["players"][player], self.rooms[code]["token"]])
        self.asked = ("put out", code, player)
        answer = self.ask(http, "DELETE", f"{CALLS}/{code}/players/{player}", None, **bearer(token))
        insist(answer.status == 204, lambda: f"{player} cannot be put out of {code}: {answer}")
        self.puts_out(code, player)

    def ask(self, http, method, path, body, **headers):
        """A change and its answer. One that is refused is not so."""
        try:
            answer = http.ask(method, path, body, **headers)
        except Refused:
            self.asked = None
            raise
        self.asked = None
        self.totals.add("changes answered")
        return answer


class Table:
    """A room, and all that anybody has heard in it."""

    def __init__(self, seats, random, totals):
        self.random, self.totals, self.seats = random, totals, seats
        self.lock, self.heard, self.upto = threading.Lock(), {}, None
        self.code = None
        # What was said and is not there will never be.
        self.never = set()

    def open(self, address):
        """Makes the room, and gives its players."""
        http = Http(address)
        made = http.ask("POST", CALLS, {"display_name": "Seat 0"}).json
        self.code = made["code"]
        players = [Player(self, 0, made)]
        for seat in range(1, self.seats):
            joined = http.ask("POST", f"{CALLS}/{self.code}/join", {"display_name": f"Seat {seat}"}).json
            players.append(Player(self, seat, joined))
        return players

    def put_down(self, number, message):
        """Somebody has heard this at this number."""
        with self.lock:
            known = self.heard.setdefault(number, message)
        insist(known == message, lambda: f"number {number} of a room is {known} to one player and {message} to another")

    def compare(self, address, players):
        """While nobody says anything, and all have heard everything."""
        token = players[0].token
        answer = Http(address).ask("GET", f"{CALLS}/{self.code}/messages?limit={SHOWN_MAX}", **bearer(token))
        insist(answer.status == 200, lambda: f"a player asks for the messages: {answer}")
        here = Position(answer.position)
        for player in players:
            player.settle()
        numbers = sorted(self.heard)
        for player in players:
            player.compare(here)
        if numbers:
            insist(numbers[-1] <= here.number, f"a room is at {here}, and number {numbers[-1]} was heard")
            whole = list(range(numbers[0], here.number + 1))
            insist(numbers == whole, lambda: f"nobody has heard the numbers {sorted(set(whole) - set(numbers))} of a room at {here}")
        chat = [self.heard[number]["payload"] for number in numbers if self.heard[number]["event"] == "chat"]
        kept = answer.json["messages"][::-1]
        both = min(len(chat), len(kept))
        insist(
            len(kept) >= min(len(chat), SHOWN_MAX) and kept[len(kept) - both :] == chat[len(chat) - both :],
            lambda: f"the chat of a room is {kept[-both:]}, and {chat[-both:]} was heard",
        )
        for said in (message["payload"].get("message") for message in self.heard.values()):
            insist(said not in self.never, f"{said!r} was not there after a start, and is now")
        for number in numbers[:-SHOWN_MAX]:
            del self.heard[number]


class Player:
    """Talks, hears, goes away and comes back, with the token that it was given first."""

    def __init__(self, table, seat, joined):
        self.table, self.seat = table, seat
        self.id, self.token = joined["player_id"], joined["token"]
        self.position, self.count = None, 0
        # What it said and has not heard itself, and the numbers that it did not hear.
        self.asked, self.unheard = None, []
        self.socket = None

    def check(self, address):
        """Comes in again, and hears all that it has not heard."""
        self.enter(address)

    def enter(self, address):
        since = f"&since={self.position}" if self.position else ""
        self.socket = WebSocket(address, f"/ws/rooms/{self.table.code}?player_id={self.id}&token={self.token}{since}")
        state = self.socket.next()
        insist(state["type"] == "state" and state["event"] == "room", lambda: f"a player enters, and hears {state}")
        payload = state["payload"]
        seats = {player["player_id"] for player in payload["players"]}
        insist(len(seats) == self.table.seats and self.id in seats, lambda: f"there are {self.table.seats} players: {state}")
        here, last, resumed = Position(payload["position"]), self.position, payload.get("resumed")
        if last is None:
            self.position = here
            return
        insist(here.epoch == last.epoch, f"a room was at {last}, and is at {here}: another epoch")
        insist(resumed is not None and resumed["missed"] == 0, lambda: f"since {last} something was missed: {resumed}")
        insist(here.number >= last.number, f"who has heard {last} is to go on behind {here}")
        self.skip(here.number)
        self.position = here
        for _ in range(resumed["sent"]):
            self.hear()
        self.table.totals.add("messages resumed", resumed["sent"])

    def skip(self, upto):
        """Numbers up to this one are not for it."""
        self.unheard.extend(range(self.position.number + 1, upto + 1))

    def hear(self):
        """The next message; whether it is the own copy of what was said last. Nothing where a pong comes."""
        message = self.socket.next()
        if message is None:
            return None
        own = message.pop("correlation_id", None)
        if message["type"] == "error":
            insist(message["event"] == "storage", lambda: f"a player hears {message}")
            self.asked = None
            raise Refused
        insist(message["type"] == "event" and "position" in message, lambda: f"a player hears {message}")
        position, last = Position(message["position"]), self.position
        insist(position.epoch == last.epoch, f"the epoch of a room changes from {last} to {position}")
        insist(position.number > last.number, lambda: f"{position} was heard behind {last}: {message}")
        self.skip(position.number - 1)
        self.position = position
        self.table.put_down(position.number, message)
        self.table.totals.add("messages heard")
        if own is not None:
            insist(own == self.asked, f"a player has said {self.asked}, and hears its own {own}")
            self.asked = None
        return own is not None

    def settle(self):
        """Hears all that is on its way: a pong comes in its turn."""
        self.socket.ping()
        while self.hear() is not None:
            pass

    def compare(self, here):
        """It has heard everything but its own coming and going."""
        for number in range(self.position.number + 1, here.number + 1):
            self.unheard.append(number)
        heard = self.table.heard
        first = min(heard, default=here.number + 1)
        for number in self.unheard:
            if number < first:
                # It was the first to come in, and there was nobody to hear that.
                continue
            message = heard.get(number)
            insist(message is not None, f"nobody has heard number {number} of a room at {here}")
            is_own = message["event"] in ("player_connected", "player_disconnected") and message["payload"]["player_id"] == self.id
            insist(is_own, lambda message=message: f"a player has not heard {message}")
        self.unheard = []
        self.position = Position(f"{here.epoch}-{here.number}")
        if self.asked is not None:
            said = self.asked
            is_so = any(said in (it["payload"].get("message"), it["payload"].get("said")) for it in heard.values())
            self.table.totals.add("unanswered and there" if is_so else "unanswered and not there")
            if not is_so:
                self.table.never.add(said)
            self.asked = None

    def load(self, address):
        said = 0
        while True:
            if said < SAID_MAX:
                said += 1
                self.say()
                while not self.hear():
                    pass
                self.table.totals.add("changes answered")
                if self.table.random.random() < 0.05:
                    self.come_back(address)
            while said == SAID_MAX or self.socket.waits(self.table.random.random() * 0.02):
                self.hear()

    def say(self):
        self.count += 1
        said = self.asked = f"{self.seat}: {self.count}"
        is_chat = self.table.random.random() < 0.7
        payload = {"message": said} if is_chat else {"said": said}
        self.socket.say({"type": "chat" if is_chat else "vote", "correlation_id": said, "payload": payload})

    def come_back(self, address):
        """Says goodbye, hears what is still said, and comes again."""
        self.socket.goodbye()
        try:
            while True:
                self.hear()
        except Lost as lost:
            if "closed with 1000" not in str(lost):
                raise
        self.enter(address)
