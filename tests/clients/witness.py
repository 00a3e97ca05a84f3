"""A relay between a client and the hub that writes down what each of them sends: which frames, in how many pieces,
compressed or not, and with what in them.

It changes nothing on the way, and knows nothing of what a scenario expects; that is evidence.py's. A byte is written
down before it is passed on, so whatever a client has reacted to is on record by then.
"""

import asyncio
import zlib
from contextlib import suppress
from dataclasses import dataclass, field

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SETTLE_SECONDS_MAX = 60


@dataclass
class Message:
    """A whole message, as it was meant: inflated, if it was compressed."""

    opcode: int
    payload: bytes
    frames: int
    compressed: bool
    wire_bytes: int


@dataclass
class Side:
    """What one of the two sent after the handshake."""

    is_client: bool
    messages: list[Message] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    close: tuple[int, str] | None = None
    fault: str = ""
    _bytes: bytearray = field(default_factory=bytearray)
    _pieces: list[bytes] = field(default_factory=list)
    _opcode: int = 0
    _compressed: bool = False

    def take(self, data):
        self._bytes += data
        while not self.fault and (frame := self._frame()):
            try:
                self._note(*frame)
            except (ValueError, zlib.error) as error:
                self.fault = f"a frame with opcode {frame[1]} makes no sense: {error}"

    def _frame(self):
        """The first and the second byte's meaning, and the payload without its mask; None while it is incomplete."""
        if len(self._bytes) < 2:
            return None
        first, second = self._bytes[:2]
        length, start = second & 0x7F, 2
        if length > 125:
            start += 2 if length == 126 else 8
            length = int.from_bytes(self._bytes[2:start])
        mask = b""
        if second & 0x80:
            mask = bytes(self._bytes[start : start + 4])
            start += 4
        if len(self._bytes) < start + length:
            return None
        if bool(mask) != self.is_client:
            self.fault = "a client must mask its frames, and only a client"
        payload = bytes(self._bytes[start : start + length])
        del self._bytes[: start + length]
        if mask:
            key = (mask * (length // 4 + 1))[:length]
            payload = (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
        return first & 0xF0, first & 0x0F, payload

    def _note(self, flags, opcode, payload):
        final, compressed = flags & 0x80, bool(flags & 0x40)
        if flags & 0x30 or (compressed and opcode not in (TEXT, BINARY)):
            raise ValueError(f"its reserved bits are {flags & 0x70:#x}")
        if self.close:
            raise ValueError("it came behind the close frame")
        if opcode == PING:
            self.pings.append(payload)
        elif opcode == PONG:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            self.close = (int.from_bytes(payload[:2]) or 1005, payload[2:].decode())
        elif opcode in (0, TEXT, BINARY):
            if (opcode == 0) != bool(self._pieces):
                raise ValueError("it is out of turn")
            if opcode:
                self._opcode, self._compressed = opcode, compressed
            self._pieces.append(payload)
            if final:
                self._finish()
        else:
            raise ValueError("nobody knows that opcode")

    def _finish(self):
        wire = b"".join(self._pieces)
        # Neither side keeps its window from one message to the next, so each inflates by itself.
        whole = zlib.decompressobj(-15).decompress(wire + b"\0\0\xff\xff") if self._compressed else wire
        self.messages.append(Message(self._opcode, whole, len(self._pieces), self._compressed, len(wire)))
        self._pieces = []


@dataclass
class Upgrade:
    """A connection that asked to be a WebSocket."""

    path: str
    offered: str
    status: int = 0
    accepted: str = ""
    closed_first: str = ""
    client: Side = field(default_factory=lambda: Side(True))
    hub: Side = field(default_factory=lambda: Side(False))

    def take(self, who, data):
        side = self.client if who == "client" else self.hub
        side.take(data)
        if side.close and not self.closed_first:
            self.closed_first = who


class Relay:
    """One connection. Plain HTTP goes through unwritten."""

    def __init__(self, witness):
        self.witness = witness
        self.upgrade = None
        self.heads = {"client": bytearray(), "hub": bytearray()}

    def take(self, who, data):
        head = self.heads[who]
        if head is None:
            if self.upgrade:
                self.upgrade.take(who, data)
            return
        head += data
        if b"\r\n\r\n" not in head:
            return
        self.heads[who] = None
        text, _, rest = bytes(head).partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        extensions = headers.get("sec-websocket-extensions", "")
        if who == "hub" and self.upgrade:
            self.upgrade.status, self.upgrade.accepted = int(first.split()[1]), extensions
            if self.upgrade.status == 101:
                self.upgrade.take(who, rest)
        elif who == "client" and headers.get("upgrade", "").lower() == "websocket":
            self.upgrade = Upgrade(first.split()[1], extensions)
            self.witness.upgrades.append(self.upgrade)
            self.upgrade.take(who, rest)

    async def run(self, reader, writer):
        hub_reader, hub_writer = await asyncio.open_connection(*self.witness.hub)
        try:
            # Either may leave without a word once it has said goodbye.
            with suppress(OSError):
                await asyncio.gather(self._pass("client", reader, hub_writer), self._pass("hub", hub_reader, writer))
        finally:
            for end in (writer, hub_writer):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()

    async def _pass(self, who, reader, writer):
        while data := await reader.read(1 << 16):
            self.take(who, data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Witness:
    """Listens on a port of its own for as long as its block lasts; `url` is where."""

    def __init__(self, hub):
        self.hub = hub
        self.upgrades = []
        self._relays = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for relay in self._relays:
            relay.cancel()

    async def _meet(self, reader, writer):
        relay = asyncio.current_task()
        self._relays.add(relay)
        try:
            await Relay(self).run(reader, writer)
        finally:
            self._relays.discard(relay)

    def since(self, count):
        """The upgrades behind the first so many."""
        return self.upgrades[count:]

    async def settle(self):
        """Waits until every connection has ended; says how many have not."""
        if self._relays:
            await asyncio.wait(self._relays, timeout=SETTLE_SECONDS_MAX)
        return len(self._relays)
