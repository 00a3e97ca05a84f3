#!/usr/bin/env python3
"""Clients whose host vanishes without a word: no FIN, no RST, nothing.

Makes two network namespaces with a link of their own between them (so nothing of the machine's network is touched, and
root is needed), runs the hub in one and clients in the other, and takes the link down. Then within their deadlines

- members that were silent are closed with 4408,
- members for whom more waits than the kernel keeps are closed by the write timeout,
- no descriptor, no slot and no queued byte is left of either,

and members on the hub's own side get every event, in order and in time, and are never closed.

    vanish.py BINARY

Cleans up after itself however it ends, and takes less than 20 seconds on a machine that is not busy.
"""

import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HUB, CLIENTS = f"roomcast{os.getpid()}h", f"roomcast{os.getpid()}c"
# Both exist only within the namespaces.
HUB_LINK, CLIENTS_LINK = "hub", "clients"
HUB_ADDRESS, CLIENTS_ADDRESS = "10.213.77.1", "10.213.77.2"
PORT = 8080

SILENT, BACKLOGGED, LOCAL = 20, 5, 3
# The write timeout is long enough for the members on this side, whose machine may be busy, and short enough to come long
# before the pong timeout.
PING_INTERVAL, PONG_TIMEOUT, WRITE_TIMEOUT, CLOSE_TIMEOUT = 1, 20, 5, 2
# A loaded machine may be late by as much.
SLACK = 60
# How long one answer or one frame may take.
PATIENCE = 60
# More than the kernel keeps for one socket.
BURST, PAYLOAD_BYTES = 80, 100_000
FLAGS = f"""--listen 0.0.0.0:{PORT} --insecure-open --data off --ping-interval {PING_INTERVAL}s --pong-timeout {PONG_TIMEOUT}s
    --write-timeout {WRITE_TIMEOUT}s --queue-messages 10000 --queue-bytes 64MiB
    --loop-lag-limit 60s --set stream.connections_per_minute=0
    --set events.history_messages=0 --set stream.history_messages=0""".split()


class WebSocket:
    """As much of a client as is needed here."""

    def __init__(self, address, path, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address, PORT))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address}:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline()
        if b" 101 " not in status:
            raise AssertionError(f"{path}: {status!r}")
        while self.stream.readline() != b"\r\n":
            pass

    def frame(self):
        """The next frame: its opcode and payload."""
        first, length = self.stream.read(2)
        if length == 126:
            (length,) = struct.unpack(">H", self.stream.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.stream.read(8))
        return first & 15, self.stream.read(length)

    def send(self, opcode, payload):
        """A short frame, masked with zeros."""
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


def ask(method, path, body=""):
    """What the hub answers on a connection of its own."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.decode().partition("\r\n\r\n")
    if not head.startswith("HTTP/1.1 20"):
        raise AssertionError(f"{method} {path}: {head}")
    return body


def metrics():
    """Every sample, by its name with its labels."""
    samples = (line.rsplit(" ", 1) for line in ask("GET", "/metrics").splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in samples}


class Local(threading.Thread):
    """A member on the hub's own side, which hears everything, answers its pings, and tells of anything else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.websocket = WebSocket("127.0.0.1", "/ws")
        self.websocket.frame()
        self.heard, self.latest, self.wrong = 0, 0.0, None

    def run(self):
        try:
            while True:
                opcode, payload = self.websocket.frame()
                if opcode == 9:
                    self.websocket.send(10, payload)
                    continue
                if opcode != 1:
                    raise AssertionError(f"a frame of kind {opcode}: {payload!r}")
                event = json.loads(payload)["payload"]
                if event["n"] != self.heard:
                    raise AssertionError(f"event {event['n']} in the place of {self.heard}")
                self.heard += 1
                self.latest = max(self.latest, time.time() - event["at"])
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = repr(error)


def publish(number, padding=0):
    event = {"type": "vanish:event", "payload": {"n": number, "at": time.time(), "pad": "x" * padding}}
    ask("POST", "/api/v1/events", json.dumps(event))


def until(what, limit, began, is_so):
    """Waits until something is so; how long after `began` it was."""
    while not is_so():
        if time.monotonic() - began > limit:
            raise AssertionError(f"not within {limit} s: {what}; {relevant(metrics())}")
        time.sleep(0.02)
    return time.monotonic() - began


def relevant(samples):
    names = re.compile("roomcast_(connections|closes_total|queue)")
    return {name: value for name, value in samples.items() if names.match(name) and value}


def clients():
    """The clients' side: connects, says so, and does nothing any more."""
    silent = [WebSocket(HUB_ADDRESS, "/v1/stream") for _ in range(SILENT)]
    backlogged = [WebSocket(HUB_ADDRESS, "/ws", 4096) for _ in range(BACKLOGGED)]
    print(len(silent) + len(backlogged), "connected", flush=True)
    time.sleep(600)


def judge(binary, clients_namespace):
    """The hub's side: runs the hub and holds it against what was promised."""
    with subprocess.Popen([binary, *FLAGS], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as hub:
        try:
            log = []
            for line in hub.stderr:
                log.append(line)
                if "listening on" in line:
                    break
            else:
                raise AssertionError(f"the hub does not listen: {log}")
            threading.Thread(target=lambda: log.extend(hub.stderr), daemon=True).start()
            watch(hub.pid, clients_namespace)
            if hub.poll() is not None:
                raise AssertionError(f"the hub has ended: {log}")
        finally:
            hub.kill()


def watch(pid, clients_namespace):
    def descriptors():
        return len(os.listdir(f"/proc/{pid}/fd"))

    local = [Local() for _ in range(LOCAL)]
    for member in local:
        member.start()
    until("the members here are in", SLACK, time.monotonic(), lambda: descriptors_settle(descriptors))
    before = descriptors()
    enter = ["ip", "netns", "exec", clients_namespace]
    away = subprocess.Popen(
        [*enter, sys.executable, "-B", __file__, "--clients"], stdout=subprocess.PIPE, text=True
    )
    try:
        said = away.stdout.readline()
        if said.split() != [str(SILENT + BACKLOGGED), "connected"]:
            raise AssertionError(f"the clients did not connect: {said!r}")
        if descriptors() < before + SILENT + BACKLOGGED:
            raise AssertionError("every client has a descriptor")
        subprocess.run([*enter, "ip", "link", "set", CLIENTS_LINK, "down"], check=True)
        began = time.monotonic()
    finally:
        away.kill()
        away.wait()
    for number in range(BURST):
        publish(number, PAYLOAD_BYTES)
    count = [BURST]
    stops = threading.Event()

    def go_on():
        while not stops.wait(0.1):
            publish(count[0])
            count[0] += 1

    publisher = threading.Thread(target=go_on, daemon=True)
    publisher.start()
    closes = 'roomcast_closes_total{app="%s",code="%s"}'

    def closed(app, code):
        return metrics()[closes % (app, code)]

    stalled = until(
        "those with a backlog are closed by the write timeout",
        WRITE_TIMEOUT + SLACK,
        time.monotonic(),
        lambda: closed("events", "1006") == BACKLOGGED,
    )
    silent = until(
        "the silent ones are closed with 4408",
        PING_INTERVAL + PONG_TIMEOUT + SLACK,
        began,
        lambda: closed("stream", "4408") == SILENT,
    )
    gone = until(
        "no descriptor is left",
        PING_INTERVAL + PONG_TIMEOUT + CLOSE_TIMEOUT + SLACK,
        began,
        lambda: descriptors_settle(descriptors) and descriptors() <= before,
    )
    stops.set()
    publisher.join()
    until("the members here have heard everything", SLACK, time.monotonic(), lambda: settled(local, count[0]))
    samples = metrics()
    expected = {
        'roomcast_connections{app="events"}': LOCAL,
        'roomcast_connections{app="stream"}': 0,
        "roomcast_queue_bytes": 0,
        "roomcast_queue_messages": 0,
        closes % ("events", "4408"): 0,
        closes % ("stream", "1006"): 0,
        'roomcast_messages_dropped_total{app="events"}': 0,
    }
    # What waits for members here is on its way at any moment; nothing is published any more.
    wrong = {name: samples[name] for name, value in expected.items() if samples[name] != value}
    if wrong:
        raise AssertionError(f"left behind: {wrong}")
    latest = max(member.latest for member in local)
    if latest > SLACK:
        raise AssertionError(f"a member here got an event {latest:.1f} s late")
    print(
        f"{SILENT} silent members closed with 4408 after {silent:.1f} s, {BACKLOGGED} with a backlog {stalled:.1f} s after "
        f"it was there, the last descriptor back after {gone:.1f} s; {LOCAL} members on this side got {count[0]} events, "
        f"none later than {latest * 1000:.0f} ms"
    )


def settled(local, events):
    for member in local:
        if member.wrong:
            raise AssertionError(f"a member here noticed: {member.wrong}")
    return all(member.heard == events for member in local)


def descriptors_settle(descriptors):
    """Whether no request of ours is just coming or going."""
    first = descriptors()
    time.sleep(0.03)
    return descriptors() == first


def run(*command):
    subprocess.run(command, check=True)


def main(binary):
    # However this ends, the namespaces end, too.
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    sides = [(HUB, HUB_LINK, HUB_ADDRESS), (CLIENTS, CLIENTS_LINK, CLIENTS_ADDRESS)]
    try:
        for namespace, _, _ in sides:
            run("ip", "netns", "add", namespace)
        run(
            *("ip", "link", "add", HUB_LINK, "netns", HUB, "type", "veth"),
            *("peer", "name", CLIENTS_LINK, "netns", CLIENTS),
        )
        for namespace, link, address in sides:
            run("ip", "-n", namespace, "address", "add", f"{address}/30", "dev", link)
            run("ip", "-n", namespace, "link", "set", link, "up")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        enter = ["ip", "netns", "exec", HUB, sys.executable, "-B", __file__]
        return subprocess.run([*enter, "--judge", binary, CLIENTS], check=False).returncode
    finally:
        for namespace, _, _ in sides:
            # Whoever is still in it, and then its link with it.
            left = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True)
            for pid in left.stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--clients"]:
            clients()
        case ["--judge", binary, namespace]:
            judge(binary, namespace)
        case [binary]:
            if os.geteuid() != 0:
                sys.exit("vanish.py: only root may make network namespaces")
            sys.exit(main(os.path.abspath(binary)))
        case _:
            sys.exit(__doc__)
