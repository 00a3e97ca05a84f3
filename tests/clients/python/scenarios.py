"""The scenarios, for every client in Python: each is a class with the methods of `Socket`, given to `run`."""

import json
import os
import traceback
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

HTTP = os.environ["ROOMCAST_URL"]
WS = HTTP.replace("http://", "ws://")
MEBIBYTE = 1 << 20
PATIENCE_SECONDS = 60
WORDS = "naïve 日本 👩‍🚀"
# Too varied to be compressed into next to nothing; one piece is empty, which is allowed.
_NUMBERS = [str(number) for number in range(2000)]
PIECES = [" ".join(_NUMBERS[:700]) + " ", "", " ".join(_NUMBERS[700:1400]) + " ", " ".join(_NUMBERS[1400:])]


class Refused(Exception):
    """The hub answered an upgrade with another status than 101."""

    def __init__(self, status):
        super().__init__(f"refused with {status}")
        self.status = status


class Socket:
    """What a library must be brought to do. Texts are str, binary messages bytes."""

    # The scenarios that the library has nothing for, and what it lacks.
    NOT_OFFERED = {}

    def __init__(self, path, headers=(), compressed=False):
        """Connects, offering compression or not; raises Refused."""
        raise NotImplementedError

    def is_compressed(self):
        """Whether the library says that compression was agreed upon."""
        raise NotImplementedError

    def send(self, message):
        raise NotImplementedError

    def send_pieces(self, pieces):
        """Sends one message, a frame for each piece."""
        raise NotImplementedError

    def receive(self):
        raise NotImplementedError

    def ping(self, payload):
        """Gives the payload of the pong."""
        raise NotImplementedError

    def close(self, code, reason):
        """Closes and gives the code with which the hub agreed."""
        raise NotImplementedError

    def closed(self):
        """Waits until the hub closes, and gives its code."""
        raise NotImplementedError


def same(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r:.200}, found {found!r:.200}")


def call(method, path, body=None):
    """The status and the JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
    request = Request(HTTP + path, data, headers, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def _echo(client, *messages, compressed=False):
    socket = client("/echo", compressed=compressed)
    same(socket.is_compressed(), compressed)
    for message in messages:
        socket.send(message)
        same(socket.receive(), message)
    same(socket.close(1000, ""), 1000)


def text(client):
    _echo(client, WORDS)


def binary(client):
    _echo(client, bytes(range(256)))


def mebibyte(client):
    _echo(client, os.urandom(MEBIBYTE), "é" * (MEBIBYTE // 2))


def _fragments(client, compressed):
    socket = client("/echo", compressed=compressed)
    for pieces in [PIECES, [piece.encode() for piece in PIECES]]:
        socket.send_pieces(pieces)
        same(socket.receive(), type(pieces[0])().join(pieces))
    same(socket.close(1000, ""), 1000)


def fragments(client):
    _fragments(client, False)


def ping(client):
    socket = client("/echo")
    same(socket.ping(b"are you there"), b"are you there")
    same(socket.close(1000, ""), 1000)


def compressed(client):
    _echo(client, "é" * (MEBIBYTE // 2), os.urandom(MEBIBYTE), compressed=True)


def compressed_fragments(client):
    _fragments(client, True)


def close_by_the_client(client):
    same(client("/echo").close(4321, "enough"), 4321)


def close_by_the_hub(client):
    _, session = call("POST", "/api/v1/sessions", {})
    path = f"/api/v1/sessions/{session['session_id']}"
    socket = client(path + "/ws", {"Authorization": "Bearer k"})
    same(json.loads(socket.receive())["status"], "pending")
    call("POST", path + "/result", {"paid": True})
    same(json.loads(socket.receive())["result"], {"paid": True})
    same(call("DELETE", path), (204, None))
    same(socket.closed(), 1000)


def broadcast(client):
    socket = client("/ws")
    status = json.loads(socket.receive())
    same((status["type"], status["payload"]), ("connection:status", {"status": "connected"}))
    payload = {"text": WORDS}
    code, answer = call("POST", "/api/v1/events", {"type": "chat:said", "payload": payload})
    same((code, answer["receivers"]), (202, 1))
    epoch, number = status["position"].split("-")
    position = f"{epoch}-{int(number) + 1}"
    heard = {"type": "chat:said", "payload": payload, "timestamp": answer["timestamp"], "position": position}
    same(json.loads(socket.receive()), heard)
    same(socket.close(1000, "enough"), 1000)


def refused(client):
    path = "/api/v1/sessions/any/ws"
    for headers in [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}]:
        try:
            client(path, headers)
        except Refused as refusal:
            same(refusal.status, 401)
        else:
            raise AssertionError(f"let in with {headers}")


SCENARIOS = {
    "text": text,
    "binary": binary,
    "1 MiB": mebibyte,
    "fragments": fragments,
    "ping": ping,
    "compressed": compressed,
    "compressed fragments": compressed_fragments,
    "close by the client": close_by_the_client,
    "close by the hub": close_by_the_hub,
    "broadcast": broadcast,
    "refused": refused,
}


def run(name, version, client):
    """Plays every scenario and reports on each."""
    print(f"client: {name} {version}", flush=True)
    for scenario, play in SCENARIOS.items():
        if scenario in client.NOT_OFFERED:
            print(f"not offered: {scenario}: {client.NOT_OFFERED[scenario]}", flush=True)
            continue
        try:
            play(client)
        except Exception as error:
            traceback.print_exc()
            print(f"FAILED: {scenario}: {' '.join(repr(error).split())}", flush=True)
        else:
            print(f"ok: {scenario}", flush=True)
