"""Checks that a rival is the same hub: what it delivers, to whom, in which order, byte for byte.

usage: check.py NAME ADDRESS

Only the standard library, so that nothing needs to be installed, and sockets of its own, so that no client library
forgives a rival what another one would not. `nchan` has paths and answers of its own and delivers bodies as they come.
"""

import base64
import hashlib
import json
import os
import re
import socket
import struct
import sys

TIMEOUT_S = 20
MEMBERS = 3
PUBLISHES = 100
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Stream:
    """A socket with what was read from it and not yet taken."""

    def __init__(self, address, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(address)
        self.read = bytearray()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the rival hung up")
        self.read += data

    def take(self, count):
        while len(self.read) < count:
            self.more()
        taken = bytes(self.read[:count])
        del self.read[:count]
        return taken

    def head(self):
        """The status, and the headers in lower case."""
        while b"\r\n\r\n" not in self.read:
            self.more()
        head = self.take(self.read.index(b"\r\n\r\n") + 4).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = dict(line.split(":", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, value in headers.items()}

    def answer(self):
        """The status and the body of an answer, which must say how long it is."""
        status, headers = self.head()
        return status, self.take(int(headers["content-length"]))

    def is_silent(self, seconds=0.2):
        """Whether nothing comes for a while: a message for another room would long be here."""
        self.socket.settimeout(seconds)
        try:
            self.more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)
        return False

    def close(self):
        self.socket.close()


class WebSocket(Stream):
    def __init__(self, address, path, receive_bytes=None):
        super().__init__(address, receive_bytes)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        status, headers = self.head()
        assert status == 101, status
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        assert headers["sec-websocket-accept"] == accept.decode(), headers
        assert "sec-websocket-extensions" not in headers, headers

    def say(self, opcode, payload):
        self.send(self.frame(opcode, payload))

    @staticmethod
    def frame(opcode, payload):
        key = os.urandom(4)
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, length)
        mask = key * (length // 4 + 1)
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask[:length], "big")
        return head + key + masked.to_bytes(length, "big")

    def hear(self):
        """The opcode and the payload of the next frame; a message is one frame from all of them."""
        first, second = self.take(2)
        assert first & 0x80, "a message in fragments"
        assert not first & 0x70, "a reserved bit"
        assert not second & 0x80, "a server that masks"
        length = second
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        return first & 0x0F, self.take(length)

    def has_frame(self):
        """Whether a whole frame of less than 64 KiB was read already."""
        read = self.read
        if len(read) < 4 or read[1] < 126:
            return len(read) >= 2 and len(read) >= 2 + read[1]
        return len(read) >= 4 + struct.unpack("!H", read[2:4])[0]

    def hear_text(self):
        opcode, payload = self.hear()
        assert opcode == TEXT, (opcode, payload[:80])
        return payload.decode()


class Hub:
    """The calls of the `events` app."""

    # Whether a message is dropped for a member whose queue is full.
    drops = True
    # Whether `?room=NAME` is a room of its own.
    has_rooms = True

    def __init__(self, address):
        self.address = address

    @staticmethod
    def query(room):
        return f"?room={room}" if room else ""

    def enter(self, room="", receive_bytes=None):
        member = WebSocket(self.address, "/ws" + self.query(room), receive_bytes)
        greeting = member.hear_text()
        expected = r'\{"type":"connection:status","payload":\{"status":"connected"\},"timestamp":"' + TIMESTAMP + r'"'
        # A hub may say where its numbering is.
        position = r'(,"position":"[0-9a-f]{8}-\d+")?\}'
        assert re.fullmatch(expected + position, greeting), greeting
        return member

    def request(self, payload, room=""):
        body = f'{{"type":"check:message","payload":{payload}}}'.encode()
        head = (
            f"POST /api/v1/events{self.query(room)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def receivers(self, publisher):
        status, body = publisher.answer()
        assert status == 202, (status, body)
        answer = json.loads(body)
        assert list(answer) == ["type", "timestamp", "receivers"], answer
        assert answer["type"] == "check:message" and re.fullmatch(TIMESTAMP, answer["timestamp"]), answer
        return answer["receivers"]

    def expect(self, member, payload):
        text = member.hear_text()
        start, end = f'{{"type":"check:message","payload":{payload},"timestamp":"', '"}'
        assert text.startswith(start), (text, start)
        assert re.fullmatch(TIMESTAMP + end, text[len(start) :]), text
        return len(text)


class Roomcast(Hub):
    """The server that all of this is held against, which has one room for all here."""

    has_rooms = False

    @staticmethod
    def query(room):
        return ""


class Nchan(Hub):
    """nginx with nchan: a room is a channel, a message a body, nobody is greeted, and no queue has a bound."""

    drops = False

    def enter(self, room="", receive_bytes=None):
        return WebSocket(self.address, f"/sub/{room or 'all'}", receive_bytes)

    def request(self, payload, room=""):
        body = payload.encode()
        head = f"POST /pub/{room or 'all'} HTTP/1.1\r\nHost: localhost\r\nAccept: text/json\r\n"
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def receivers(self, publisher):
        status, body = publisher.answer()
        assert status in (201, 202), (status, body)
        return json.loads(body)["subscribers"]

    def expect(self, member, payload):
        text = member.hear_text()
        assert text == payload, text
        return len(text)


def payload(seq, pad=""):
    return f'{{"seq":{seq},"text":"h\u00e9 <b>&","list":[1,true,null],"pad":"{pad}"}}'


def check_delivery(hub):
    """Whatever is published at once reaches every member, in order, and nobody in another room."""
    members = [hub.enter() for _ in range(MEMBERS)]
    elsewhere = hub.enter("elsewhere") if hub.has_rooms else None
    publisher = Stream(hub.address)
    publisher.send(b"".join(hub.request(payload(seq)) for seq in range(PUBLISHES)))
    counts = [hub.receivers(publisher) for _ in range(PUBLISHES)]
    assert counts == [MEMBERS] * PUBLISHES, counts
    lengths = {hub.expect(member, payload(seq)) for member in members for seq in range(PUBLISHES)}
    if elsewhere:
        assert elsewhere.is_silent(), "a message reached another room"
        publisher.send(hub.request(payload(7), "elsewhere"))
        assert hub.receivers(publisher) == 1
        hub.expect(elsewhere, payload(7))
        elsewhere.close()
    assert all(member.is_silent() for member in members), "a message came twice, or to another room"
    for stream in [*members, publisher]:
        stream.close()
    return f"{PUBLISHES} pipelined messages to {MEMBERS}, {min(lengths)} to {max(lengths)} characters"


def check_leaving(hub):
    """A member that has left is counted no longer; one that closes is answered."""
    stays, leaves = hub.enter("door"), hub.enter("door")
    publisher = Stream(hub.address)
    publisher.send(hub.request(payload(0), "door"))
    assert hub.receivers(publisher) == 2
    hub.expect(leaves, payload(0))
    leaves.say(CLOSE, struct.pack("!H", 1000))
    opcode, _ = leaves.hear()
    assert opcode == CLOSE, opcode
    leaves.close()
    hub.expect(stays, payload(0))
    for seq in range(1, 200):
        publisher.send(hub.request(payload(seq), "door"))
        receivers = hub.receivers(publisher)
        hub.expect(stays, payload(seq))
        if receivers == 1:
            break
    else:
        raise AssertionError("a member that has left is counted on and on")
    stays.close()
    publisher.close()
    return "a close is answered and counts"


def check_ping(hub):
    member = hub.enter("ping")
    member.say(PING, b"alive?")
    opcode, body = member.hear()
    assert (opcode, body) == (PONG, b"alive?"), (opcode, body)
    member.close()
    return "a ping is answered"


def check_sleeper(hub):
    """A member that does not read misses messages; nobody waits for it, and it goes on with whole frames."""
    sleeper, reader = hub.enter("bed", 4096), hub.enter("bed")
    publisher = Stream(hub.address)
    pad = "x" * 60_000
    messages = 400
    for seq in range(messages):
        publisher.send(hub.request(payload(seq, pad), "bed"))
        receivers = hub.receivers(publisher)
        assert receivers in (1, 2), receivers
        hub.expect(reader, payload(seq, pad))
    heard = next_seq = 0
    while not sleeper.is_silent(1):
        while sleeper.has_frame():
            text = sleeper.hear_text()
            if '"type":"connection:lagged"' in text:
                # Which roomcast says of what it has dropped, and the rivals do not.
                continue
            seq = int(re.search(r'"seq":(\d+)', text)[1])
            assert next_seq <= seq, f"{seq} came out of order"
            next_seq, heard = seq + 1, heard + 1
    assert not sleeper.read, "half a frame was left"
    for stream in [sleeper, reader, publisher]:
        stream.close()
    assert 0 < heard < messages or not hub.drops, f"{heard} of {messages} were kept for a member that does not read"
    return f"{messages} messages of 60 KB past a member that does not read and misses {messages - heard}"


def check_echo(hub):
    echo = WebSocket(hub.address, "/echo")
    for opcode, size in [(TEXT, 0), (TEXT, 128), (BINARY, 70_000), (TEXT, 1 << 20)]:
        message = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
        echo.say(opcode, message)
        assert echo.hear() == (opcode, message), f"an echo of {size} bytes"
    echo.send(b"".join(echo.frame(TEXT, b"%d" % seq) for seq in range(PUBLISHES)))
    for seq in range(PUBLISHES):
        assert echo.hear() == (TEXT, b"%d" % seq), seq
    echo.close()
    return "echoes up to 1 MiB, and 100 at once"


def check_health(hub):
    stream = Stream(hub.address)
    for _ in range(2):
        stream.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.answer() == (200, b'{"status":"ok"}')
    stream.close()
    return "healthy"


def main():
    name, address = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    address = host, int(port)
    hub = {"nchan": Nchan, "roomcast": Roomcast}.get(name, Hub)(address)
    checks = [check_health, check_delivery, check_ping, check_leaving, check_sleeper, check_echo]
    if name == "nchan":
        # It has no echo.
        checks.remove(check_echo)
    failed = 0
    for check in checks:
        try:
            print(f"{name}: ok: {check(hub)}", flush=True)
        except (AssertionError, EOFError, KeyError, OSError, ValueError) as error:
            failed += 1
            print(f"{name}: FAILED: {check.__name__}: {error!r}"[:600], flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
