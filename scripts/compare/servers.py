"""The servers that are compared: started on a core of their own by scripts/rivals.sh, and stopped by their process ids.

It starts nothing by itself but that script, and ends nothing but what that script has named.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RIVALS = ROOT / "scripts/rivals.sh"
TARGETS = ROOT / "scripts/targets"

# In the order in which they stand in the table; the ceiling is no hub that anybody would use.
NAMES = ["roomcast", "bun", "tungstenite", "fastwebsockets", "axum", "gorilla", "nchan", "ceiling"]
# What the others are compared with: the first of these that is there.
REFERENCES = ["bun", "tungstenite"]
SERVER_CORE = 0
FLOOD_CORE = 1
# How long a server may take to end once it was asked to.
STOP_SECONDS_MAX = 10


def pinned(core):
    """What stands before a command that is to run on one core, where that can be had."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return []
    return ["taskset", "-c", str(core)]


class Server:
    """One running server."""

    def __init__(self, name, address, pid):
        self.name = name
        self.address = address
        self.pid = pid
        self.began = began(pid)

    def file(self):
        """Its description, as the flood takes it."""
        if self.name == "roomcast":
            return "roomcast"
        return str(TARGETS / ("nchan.toml" if self.name == "nchan" else "rival.toml"))

    def contender(self):
        """The server, as `roomcast-flood compare` takes it."""
        return f"{self.name}={self.file()}@{self.address}@{self.pid}"

    def alone(self):
        """The same for every other mode."""
        described = [] if self.name == "roomcast" else ["--target", self.file()]
        return [*described, "--server", self.address, "--pid", str(self.pid)]

    def lives(self):
        """Whether the process is still the one that was started, and not just waited for."""
        return self.began is not None and began(self.pid) == self.began

    def stop(self):
        """Ends it, and waits until it has ended."""
        # Its first signal lets roomcast close its connections in peace, its second does not wait for that.
        for number in [signal.SIGTERM, signal.SIGTERM, signal.SIGKILL]:
            if not self.lives():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            patience = 0.2 if number == signal.SIGTERM and self.name == "roomcast" else STOP_SECONDS_MAX
            deadline = time.monotonic() + patience
            while self.lives() and time.monotonic() < deadline:
                time.sleep(0.02)


def began(pid):
    """When a process began, in ticks since the machine did; none if it has ended, waited for or not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


@contextlib.contextmanager
def held_signals():
    """Puts an interruption off until the block is over, so that nothing is started whose id nobody has read."""
    caught = []
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.signal(number, lambda number, _: caught.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in caught:
            signal.raise_signal(number)


@contextlib.contextmanager
def started(name, programs):
    """One server that runs as long as the block."""
    env = {**os.environ, "ROOMCAST_BIN": str(programs / "roomcast")}
    server = None
    try:
        with held_signals():
            # In a session of its own: what a terminal sends to all is not for the servers.
            ran = subprocess.run(
                [*pinned(SERVER_CORE), str(RIVALS), "start", name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=env,
                cwd=ROOT,
                start_new_session=True,
                check=False,
            )
            if ran.returncode == 0:
                address, pid = ran.stdout.split()
                server = Server(name, address, int(pid))
        if server is None:
            last = ran.stderr.strip().splitlines() or ["it said nothing"]
            raise OSError(last[-1].removeprefix("rivals: "))
        yield server
    finally:
        if server is not None:
            server.stop()


def commit():
    """What roomcast was built of, as git names it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()


def versions(programs):
    """What each server is made of."""
    ran = subprocess.run([str(RIVALS), "versions"], capture_output=True, text=True, cwd=ROOT, check=False)
    made_of = dict(line.split("\t", 1) for line in ran.stdout.splitlines() if "\t" in line)
    own = subprocess.run([str(programs / "roomcast"), "--version"], capture_output=True, text=True, check=False)
    rust = made_of.get("ceiling", "unknown").partition(",")[0]
    lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    mio = re.search(r'^name = "mio"\nversion = "(.*)"$', lock, re.MULTILINE)[1]
    return {"roomcast": f"{own.stdout.strip().removeprefix('roomcast ')}, {rust}, mio {mio}", **made_of}
