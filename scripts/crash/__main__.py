"""Kills a loaded hub at random moments, and checks what it promised; see scripts/crash.sh.

Each round starts a hub on what the one before has left. First all clients come back at once, look whether what they were
answered is there, and hear what they missed; while nobody changes anything, what was heard is compared with what happened.
Then all change as much as they can, until the hub is killed at a random moment, or, in a share of the rounds, asked to go.
Some hubs are killed before they have come so far, and some while they have nothing to do.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import kept
from events import Listener, Speaker
from hub import Hub
from promises import Broken, Totals
from rooms import Host, Table
from sessions import Backend, Watcher
from tasks import Publisher, Subscriber
from wire import PATIENCE, Lost, Refused

PUBLISHERS, BACKENDS, SEATS = 4, 2, 3
# Of the hubs so many are killed while they start, and so many about when they have had nothing to do for so long that they
# write back what is beside the file.
AMBUSHED, RESTED = 0.15, 0.04
# So many are killed by the next answer that a client gets.
ANSWERED = 0.5
# In seconds; the load is as long as this at most.
LOADED_FOR, RESTS_FOR = 0.4, 1.1
# So often the file itself is looked at.
LOOKED_EVERY = 20


class Gate:
    """Where clients wait when they have checked, until all have."""

    def __init__(self, clients):
        self.waits, self.clients, self.checked = threading.Condition(), clients, 0
        self.is_open = self.has_ended = False

    def arrive(self):
        """Checked; whether it goes on."""
        with self.waits:
            self.checked += 1
            self.waits.notify_all()
            self.waits.wait_for(lambda: self.is_open or self.has_ended)
            return self.is_open

    def all_checked(self, timeout):
        """Waits until all have, or one cannot go on; whether all have."""
        with self.waits:
            self.waits.wait_for(lambda: self.checked == self.clients or self.has_ended, timeout)
            return self.checked == self.clients

    def open(self):
        with self.waits:
            self.is_open = True
            self.waits.notify_all()

    def end(self):
        with self.waits:
            self.has_ended = True
            self.waits.notify_all()


class Trial:
    """All who take part, and what has been broken."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.totals = arguments, folder, Totals()
        self.random = random.Random(arguments.seed)
        totals = self.totals
        self.publishers = [Publisher(number, self.chance(), totals) for number in range(PUBLISHERS)]
        self.subscribers = [Subscriber(self.publishers, totals), Subscriber(self.publishers, totals, one=0)]
        self.backends = [Backend(number, self.chance(), totals) for number in range(BACKENDS)]
        self.watchers = [Watcher(backend, totals) for backend in self.backends]
        self.host, self.table = Host(self.chance(), totals), Table(SEATS, self.chance(), totals)
        speaker = Speaker(totals)
        self.listener = Listener(speaker, totals)
        self.clients = [*self.publishers, *self.subscribers, *self.backends, *self.watchers]
        self.clients += [self.host, speaker, self.listener]
        self.players = []
        # What clients say was broken; the hub of this round; what a start and its checks take as a rule, in seconds.
        self.broken, self.hub, self.start_seconds = [], None, 0.1

    def chance(self):
        """Random choices of one client's own, whatever the others do."""
        return random.Random(self.random.random())

    def run(self):
        """All rounds; the last hub is stopped, and its file looked at."""
        kills = 0
        while kills < self.arguments.kills:
            is_clean = self.random.random() < self.arguments.clean
            self.round(is_clean, self.random.random() < AMBUSHED)
            kills += not is_clean
            if not is_clean and kills % LOOKED_EVERY == 0:
                self.look_at_file()
            if self.arguments.verbose:
                print(f"round: {dict(self.totals.counts)}", flush=True)
        self.round(True, False)
        self.round(True, False, loads=False)
        self.look_at_file()

    def look_at_file(self):
        kept.check(self.folder, self.publishers, self.backends, self.host)
        self.totals.add("looks at the file")

    def round(self, is_clean, is_ambushed, loads=True):
        self.hub = hub = Hub(self.arguments.hub, self.folder, self.arguments.flags)
        is_ambushed = is_ambushed and not is_clean and bool(self.players)
        ambush = self.random.random() * 2 * self.start_seconds if is_ambushed else None
        gate = Gate(len(self.clients))
        threads = []
        try:
            if is_ambushed and hub.listens.wait(ambush) is False:
                return self.ambushed()
            hub.wait()
            self.open_table(gate)
            threads = [threading.Thread(target=self.attend, args=(client, gate), daemon=True) for client in self.clients]
            for thread in threads:
                thread.start()
            left = None if ambush is None else max(0, hub.began + ambush - time.monotonic())
            if not gate.all_checked(PATIENCE if left is None else left) and not self.broken:
                if is_ambushed:
                    return self.ambushed()
                raise Broken(f"not all clients are served within {PATIENCE} s after a start")
            self.refuse()
            self.start_seconds = 0.9 * self.start_seconds + 0.1 * (time.monotonic() - hub.began)
            self.compare()
            if self.random.random() < RESTED:
                time.sleep(RESTS_FOR * (0.8 + 0.4 * self.random.random()))
            elif loads:
                gate.open()
                time.sleep(self.random.random() * LOADED_FOR)
            self.end(is_clean)
        finally:
            hub.ends = True
            gate.end()
            hub.end()
            for thread in threads:
                thread.join(PATIENCE)
        self.refuse()

    def ambushed(self):
        self.hub.kill()
        self.totals.add("killed while they started")
        self.totals.add("kills")
        self.listener.ended = "unknown"

    def end(self, is_clean):
        if is_clean:
            self.hub.stop()
            self.totals.add("stops in good order")
        else:
            if self.random.random() < ANSWERED:
                self.hub.kill_when_it_answers()
            else:
                self.hub.kill()
            self.totals.add("kills")
        self.listener.ended = "stopped" if is_clean else "killed"

    def open_table(self, gate):
        """The first hub is asked for a room."""
        if not self.players:
            self.players = self.table.open(self.hub.address)
            self.clients += self.players
            gate.clients = len(self.clients)

    def attend(self, client, gate):
        """One client in one round."""
        hub = self.hub
        try:
            client.check(hub.address)
            if gate.arrive():
                client.load(hub.address)
        except (Lost, Refused) as end:
            if not hub.ends:
                self.broken.append(f"a client of a hub that runs was cut off: {end!r}")
        except Broken as broken:
            self.broken.append(str(broken))
        except Exception:  # pylint: disable=broad-except
            # What makes no sense to a client is no promise kept.
            self.broken.append(traceback.format_exc())
        if self.broken:
            gate.end()

    def compare(self):
        for subscriber in self.subscribers:
            subscriber.compare()
        for publisher in self.publishers:
            publisher.happened.clear()
        for watcher in self.watchers:
            watcher.compare()
        self.table.compare(self.hub.address, self.players)

    def refuse(self):
        if self.broken:
            raise Broken(self.broken[0])


def main():
    parser = argparse.ArgumentParser(prog="scripts/crash.sh", description=__doc__.split("\n", 1)[0])
    parser.add_argument("kills", type=int, metavar="N", help="how often the hub is killed")
    parser.add_argument("--hub", type=os.path.abspath, required=True, metavar="PATH", help="the hub; default: a release build")
    parser.add_argument("--seed", type=int, help="of all choices; default: another each time. It is printed")
    of_clean = "of the hubs that are asked to go instead (%(default)s)"
    parser.add_argument("--clean", type=float, default=0.1, metavar="SHARE", help=of_clean)
    parser.add_argument("--verbose", action="store_true", help="says after each round what was done so far")
    parser.epilog = "What follows behind -- are flags for the hub."
    given = sys.argv[1:]
    behind = given.index("--") if "--" in given else len(given)
    arguments = parser.parse_args(given[:behind])
    arguments.flags = given[behind + 1 :]
    if arguments.kills < 1 or not 0 <= arguments.clean < 1:
        parser.error("N is 1 or more, and SHARE from 0 to below 1")
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
    folder = Path(tempfile.mkdtemp(prefix="roomcast-crash-"))
    print(f"seed {arguments.seed}", flush=True)
    trial, began = Trial(arguments, folder), time.monotonic()
    try:
        trial.run()
    except (Broken, Lost, Refused) as broken:
        print(f"broken after {trial.totals['kills']} kills: {broken}\nkept: {folder}", file=sys.stderr)
        return 1
    told = ", ".join(f"{count} {name}" for name, count in sorted(trial.totals.counts.items()))
    print(f"every promise was kept in {time.monotonic() - began:.0f} s: {told}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
