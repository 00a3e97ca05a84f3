"""Runs every client against the hub, through a witness, and prints what each of them can do as a table.

A client is a program that finds the hub in ROOMCAST_URL and writes `client: NAME VERSION` and then a line for each
scenario: `ok: SCENARIO`, `not offered: SCENARIO: WHY` or `FAILED: SCENARIO: WHY`. Its word is not enough: an "ok" also
needs the frames that prove it, "not offered" is only taken from the libraries named below, and only as long as the wire
shows none of it; and a scenario without a line has failed. Exit status: 0 if nothing has failed.
"""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from evidence import SCENARIOS, SIGNS
from witness import Witness

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "target/clients"
PYTHON = [BUILT / "python/bin/python", "-W", "error"]
CLIENT_SECONDS_MAX = 300

# How each client is started, and what its library does not offer.
CLIENTS = {
    "websockets": ([*PYTHON, HERE / "python/websockets_client.py"], set()),
    "websocket-client": (
        [*PYTHON, HERE / "python/websocket_client_client.py"],
        {"compressed", "compressed fragments"},
    ),
    "aiohttp": ([*PYTHON, HERE / "python/aiohttp_client.py"], {"fragments", "compressed fragments"}),
    "libcurl": ([*PYTHON, HERE / "python/libcurl_client.py"], {"compressed", "compressed fragments"}),
    "ws": (["node", HERE / "javascript/ws_client.mjs"], set()),
    "Chromium": (["node", HERE / "javascript/chromium_client.mjs"], {"ping"}),
    "gorilla": ([BUILT / "gorilla"], set()),
    "tungstenite": ([BUILT / "rust/debug/tungstenite-client"], {"compressed", "compressed fragments"}),
}


class Record:
    """What came of one client."""

    def __init__(self, name, may_lack):
        self.name, self.may_lack = name, may_lack
        self.version = "?"
        self.cells = {}
        self.notes = {}
        self.failures = []
        self.upgrades = {}

    def fail(self, reason, scenario=None):
        self.failures.append(f"{self.name}: {scenario + ': ' if scenario else ''}{reason}")
        if scenario in SCENARIOS:
            self.cells[scenario] = "FAILED"

    def hear(self, line, upgrades):
        """Takes a line of the client's; the upgrades are those since the line before."""
        verdict, _, rest = line.partition(": ")
        scenario, _, why = rest.partition(": ")
        if verdict == "client":
            self.version = rest.removeprefix(f"{self.name} ")
        elif verdict not in ("ok", "not offered", "FAILED") or scenario not in SCENARIOS:
            self.fail(f"said what is no report: {line}")
        elif scenario in self.cells:
            self.fail("was reported twice", scenario)
        else:
            self.cells[scenario], self.upgrades[scenario] = verdict, upgrades
            if verdict == "FAILED":
                self.fail(why, scenario)
            elif verdict == "not offered":
                self.notes[scenario] = why

    def judge(self, all_upgrades):
        """Holds what was said against what was seen."""
        for scenario, check in SCENARIOS.items():
            match self.cells.setdefault(scenario, "missing"):
                case "missing":
                    self.fail("was not reported", scenario)
                case "ok":
                    try:
                        check(self.upgrades[scenario])
                    except AssertionError as error:
                        self.fail(f"the client is content, but on the wire {error}", scenario)
                case "not offered" if scenario not in self.may_lack:
                    self.fail("the library is known to offer it", scenario)
                case "not offered" if any(map(SIGNS[scenario], all_upgrades)):
                    self.fail("was used nevertheless", scenario)


async def examine(name, hub):
    command, may_lack = CLIENTS[name]
    record = Record(name, may_lack)
    async with Witness(hub) as witness:
        environment = {**os.environ, "ROOMCAST_URL": witness.url, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            client = await asyncio.create_subprocess_exec(
                *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            record.fail(f"did not start: {error}")
            record.judge([])
            return record
        try:
            async with asyncio.timeout(CLIENT_SECONDS_MAX):
                seen = 0
                async for line in client.stdout:
                    record.hear(line.decode().rstrip("\n"), witness.since(seen))
                    seen = len(witness.upgrades)
                if await client.wait():
                    record.fail(f"ended with {client.returncode}")
        except TimeoutError:
            record.fail(f"did not end within {CLIENT_SECONDS_MAX} s")
            client.terminate()
            try:
                await asyncio.wait_for(client.wait(), 10)
            except TimeoutError:
                client.kill()
                await client.wait()
        # The last frames of a connection may come behind the last line.
        if left := await witness.settle():
            record.fail(f"{left} connections did not end")
        record.judge(witness.upgrades)
    return record


def table(records):
    """The matrix, as Markdown, a row for each client."""
    rows = [["client", *SCENARIOS], ["---"] * (len(SCENARIOS) + 1)]
    rows += [[f"{r.name} {r.version}", *(r.cells[s] for s in SCENARIOS)] for r in records]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


async def main(names):
    hub = urlsplit(os.environ["ROOMCAST_URL"])
    records = []
    for name in names or CLIENTS:
        record = await examine(name, (hub.hostname, hub.port))
        records.append(record)
        verdicts = list(record.cells.values())
        counts = ", ".join(f"{verdicts.count(v)} {v}" for v in ("ok", "not offered", "FAILED") if v in verdicts)
        print(f"{name} {record.version}: {counts}", flush=True)
    print(f"\n{table(records)}\n\nNot offered by the library:")
    for record in records:
        for scenario, why in record.notes.items():
            print(f"- {record.name}, {scenario}: {why}")
    failures = [failure for record in records for failure in record.failures]
    for failure in failures:
        print(f"FAILED  {failure}", file=sys.stderr)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
