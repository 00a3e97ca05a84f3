"""What clients speak, as much of it as is needed here: HTTP on a connection that is kept, streams of events, WebSockets.

Whatever ends a connection is `Lost`, and the caller knows whether that was to be expected. A hub that says nothing for
`PATIENCE` breaks a promise.
"""

import base64
import json
import os
import select
import socket
import struct

from promises import Broken

# How long one answer, or one message that must come, may take.
PATIENCE = 60


class Lost(Exception):
    """The connection has ended, and with it whatever was on its way."""


class Refused(Exception):
    """The hub goes away, and says so."""


class Trap:
    """Is sprung by the next answer to a change, before its client looks at it."""

    spring = None


class Answer:
    """A status, headers by their names in lower case, and a body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def position(self):
        return self.headers.get("roomcast-position")

    def __str__(self):
        return f"{self.status} {self.body.decode(errors='replace')[:300]}"


class Line:
    """A connection: bytes out, and bytes in as they are asked for."""

    def __init__(self, address):
        try:
            self.socket = socket.create_connection(address, timeout=PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Lost(f"connect: {error}") from error
        self.address = address
        self.unread = bytearray()

    def write(self, data):
        try:
            self.socket.sendall(data)
        except TimeoutError as error:
            raise Broken(f"the hub reads nothing for {PATIENCE} s") from error
        except OSError as error:
            raise Lost(f"write: {error}") from error

    def fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError as error:
            raise Broken(f"the hub says nothing for {PATIENCE} s") from error
        except OSError as error:
            raise Lost(f"read: {error}") from error
        if not data:
            raise Lost("the connection was closed")
        self.unread += data

    def take(self, count):
        while len(self.unread) < count:
            self.fill()
        data = bytes(self.unread[:count])
        del self.unread[:count]
        return data

    def until(self, end):
        """Everything up to these bytes, and without them."""
        begin = 0
        while (at := self.unread.find(end, begin)) < 0:
            begin = max(0, len(self.unread) - len(end))
            self.fill()
        data = bytes(self.unread[:at])
        del self.unread[: at + len(end)]
        return data

    def waits(self, seconds):
        """Whether there is something to be read, within so many seconds."""
        return bool(self.unread) or bool(select.select([self.socket], [], [], seconds)[0])

    def head(self):
        """Status and headers of an answer."""
        first, *rest = self.until(b"\r\n\r\n").decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in rest)
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}

    def close(self):
        self.socket.close()


class Http:
    """Asks one thing after the other on one connection, and on another when the hub has ended that."""

    def __init__(self, address):
        self.address, self.line = address, None

    def ask(self, method, path, body=None, **headers):
        self.line = self.line or Line(self.address)
        line = self.line
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if content or method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        line.write("\r\n".join([*lines, "", ""]).encode() + content)
        status, found = line.head()
        if method != "GET" and status in (200, 201, 204) and (spring := Trap.spring):
            spring()
        answer = Answer(status, found, line.take(int(found.get("content-length", 0))))
        if found.get("connection") == "close":
            line.close()
            self.line = None
        if status == 503 and answer.json["error"]["code"] == "draining":
            raise Refused
        return answer


class Stream:
    """A stream of events (Server-Sent Events), from behind this position if there is one."""

    def __init__(self, address, path, since=None):
        self.line = Line(address)
        resume = f"Last-Event-ID: {since}\r\n" if since else ""
        self.line.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{resume}\r\n".encode()
        )
        self.status, headers = self.line.head()
        if self.status != 200:
            self.line.take(int(headers.get("content-length", 0)))
            self.line.close()

    def next(self):
        """The next event that has data: its position, if it has one, and what it says."""
        while True:
            fields = {}
            for line in self.line.until(b"\n\n").decode().split("\n"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            if fields.get("event") == "close":
                raise Lost(f"closed: {fields.get('data')}")
            if "data" in fields:
                return fields.get("id"), json.loads(fields["data"])


class WebSocket:
    """A WebSocket: text out, masked, and text in."""

    def __init__(self, address, path):
        self.line = Line(address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.line.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status, headers = self.line.head()
        if status == 503:
            body = self.line.take(int(headers.get("content-length", 0)))
            if json.loads(body)["error"]["code"] == "draining":
                raise Refused
        if status != 101:
            raise Broken(f"{path.partition('?')[0]}: an upgrade is answered {status}")

    def say(self, message):
        self.frame(1, json.dumps(message).encode())

    def frame(self, opcode, payload):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([0x80 | opcode, 0x80 | length]) if length < 126 else struct.pack(">BBH", 0x80 | opcode, 0xFE, length)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.line.write(head + mask + masked)

    def next(self):
        """The next message, or nothing where a pong comes."""
        while True:
            opcode, payload = self.read()
            if opcode == 1:
                return json.loads(payload)
            if opcode == 10:
                return None
            if opcode == 8:
                code = int.from_bytes(payload[:2], "big")
                raise Lost(f"closed with {code}: {payload[2:].decode()}")
            if opcode == 9:
                self.frame(10, payload)

    def read(self):
        first, length = self.line.take(2)
        if length == 126:
            (length,) = struct.unpack(">H", self.line.take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.line.take(8))
        return first & 15, self.line.take(length)

    def waits(self, seconds):
        return self.line.waits(seconds)

    def ping(self):
        self.frame(9, b"")

    def goodbye(self):
        """Closes it with 1000."""
        self.frame(8, (1000).to_bytes(2, "big"))
