"""Who comes in through a proxy: HTTP requests and a WebSocket client, over TLS, from Python's standard library."""

import base64
import contextlib
import http.client
import json
import secrets
import socket
import struct

from programs import KEY, PATIENCE, SITE, expect

ORIGIN = f"https://{SITE}"
EVENT = {"type": "stream:created", "payload": {"projectId": "p", "streamId": "s", "name": "n"}}
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def connect(proxy, name=SITE, tls=None, source="127.0.0.1"):
    """TLS with a proxy, from an address of this machine, as if the site's name led to it."""
    plain = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE, (source, 0))
    # As browsers do; else each first request waits for a delayed acknowledgement.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return (tls or proxy.tls).wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class Browser(http.client.HTTPConnection):
    """HTTP/1.1 requests through a proxy, all on one connection."""

    def __init__(self, proxy, source="127.0.0.1"):
        super().__init__(SITE)
        self.proxy = proxy
        self.source = source

    def connect(self):
        self.sock = connect(self.proxy, source=self.source)

    def ask(self, method, path, body=None, headers=None):
        """One request; gives the answer with its body read."""
        self.request(method, path, body, headers or {})
        answer = self.getresponse()
        answer.text = answer.read().decode()
        return answer


def ask(proxy, method, path, body=None, headers=None):
    """One request on a connection of its own."""
    with contextlib.closing(Browser(proxy)) as browser:
        return browser.ask(method, path, body, headers)


def publish(proxy, event=EVENT):
    """Publishes through a proxy; gives how many it was queued for."""
    answer = ask(proxy, "POST", "/api/v1/events", json.dumps(event), {"X-API-Key": KEY})
    expect("the status of a publish", answer.status, 202)
    return json.loads(answer.text)["receivers"]


class WebSocket:
    """A client that answers pings; `status` is the upgrade's."""

    def __init__(self, proxy, path, origin=ORIGIN):
        self.stream = connect(proxy)
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: {SITE}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\nOrigin: {origin}\r\n\r\n"
        self.stream.sendall(head.encode())
        self.input = self.stream.makefile("rb")
        self.status = int(self.input.readline().split()[1])
        while self.input.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.stream.close()

    def send(self, opcode, payload):
        """One frame, masked with zeros, which is as good as any other mask."""
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BQ", 0x80 | 127, size)
        self.stream.sendall(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    def frame(self):
        """The next frame that is no ping; `None` where the connection ends without one."""
        while True:
            head = self.input.read(2)
            if len(head) < 2:
                return None
            size = head[1] & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self.input.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self.input.read(8))
            payload = self.input.read(size)
            if head[0] & 0x0F != PING:
                return head[0] & 0x0F, payload
            self.send(PONG, payload)

    def message(self):
        """The next message, as JSON."""
        opcode, payload = self.frame() or (None, None)
        expect("the opcode of a message", opcode, TEXT)
        return json.loads(payload)


def subscriber(proxy, path="/ws"):
    """A WebSocket of the events app that has been greeted."""
    client = WebSocket(proxy, path)
    expect("the status of an upgrade", client.status, 101)
    expect("the greeting", client.message()["type"], "connection:status")
    return client
