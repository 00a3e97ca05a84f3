"""The hub: a process on a data file that is killed, or asked to go, and started again."""

import re
import signal
import subprocess
import threading
import time

from promises import Broken
from wire import PATIENCE, Trap

LISTENS = re.compile(r"listening on http://([0-9.]+):([0-9]+)")
# So long it is waited for an answer, where the hub is to be killed by that.
ANSWERS_WITHIN = 2
# All clients are one address; a machine that is busy is no reason to refuse anybody here.
FLAGS = """--listen 127.0.0.1:0 --guest-calls-per-minute 0 --set rooms.rooms_per_guest=0 --set rooms.players_per_guest=0
    --drain 50ms --loop-lag-limit 1h --ping-interval 10m --pong-timeout 20m --write-timeout 5m --header-timeout 5m
    --keep-alive 10m""".split()


class Hub:
    """One process, from its start to its end."""

    def __init__(self, binary, folder, flags):
        self.log_path = folder / "hub.log"
        self.ends = False
        self.address = None
        self.errors = []
        self.listens = threading.Event()
        command = [binary, "--data", folder / "roomcast.db", *FLAGS, *flags]
        environment = {"ROOMCAST_DATA": "off", "RUST_LOG": "info"}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Keeps the log, and looks for what it says."""
        with self.log_path.open("a") as log:
            log.write(f"--- process {self.process.pid}\n")
            for line in self.process.stderr:
                log.write(line)
                if found := LISTENS.search(line):
                    self.address = (found[1], int(found[2]))
                    self.listens.set()
                if " ERROR " in line:
                    self.errors.append(line.strip())
        self.listens.set()

    def wait(self):
        """Until it listens, or has ended before."""
        if not self.listens.wait(PATIENCE):
            raise Broken(f"the hub does not listen within {PATIENCE} s")
        if self.address is None and not self.ends:
            raise Broken(f"the hub does not start: it ended with {self.process.wait()}")

    def kill(self):
        """Ends it in the middle of whatever it does."""
        self.ends = True
        if self.process.poll() is not None:
            raise Broken(f"the hub has ended by itself, with {self.process.returncode}")
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.look()

    def kill_when_it_answers(self):
        """Ends it as soon as anybody is answered: whatever that was must be there."""
        self.ends = True
        Trap.spring = self.process.kill
        try:
            code = self.process.wait(ANSWERS_WITHIN)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            Trap.spring = None
        if code is None:
            return self.kill()
        self.reader.join()
        self.look()
        if code != -signal.SIGKILL:
            raise Broken(f"the hub has ended by itself, with {code}")
        return None

    def stop(self):
        """Asks it to go, and waits until it has."""
        self.ends = True
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise Broken(f"the hub was asked to go, and is there after {PATIENCE} s") from error
        self.reader.join()
        if code != 0:
            raise Broken(f"the hub was asked to go, and ended with {code}")
        self.look()

    def look(self):
        """That it has nothing to complain of."""
        if self.errors:
            raise Broken(f"the hub says: {self.errors[0]}")

    def end(self):
        """Leaves nothing running."""
        self.ends = True
        self.process.kill()
        self.process.wait()
