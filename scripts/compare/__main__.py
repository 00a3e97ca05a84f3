"""Loads roomcast and its rivals side by side and writes what came of it: a table and a page.

All servers run all the time on one core and are loaded in turn from another, in slices so short that what drifts hits
all of them. Everything that was started is stopped, also after an interruption. Exit status 0 when every row was
measured and has its figure of roomcast, 1 otherwise.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import signal
import sys
import time

import page
import rows
import servers
import table
import verdict
from flood import Flood


def machine():
    """Where this runs."""
    cpu = "unknown CPU"
    with contextlib.suppress(OSError):
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [part.partition(":")[2].strip() for part in lines if part.startswith("model name")]
        family = [part.partition(":")[2].strip() for part in lines if part.startswith("cpu family")]
        cpu = f"{names[0]} (family {family[0]})" if names and family else (names or [cpu])[0]
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('-')[0].split('.')[:2])}",
        "load": round(os.getloadavg()[0], 1),
        "pinned": bool(servers.pinned(servers.SERVER_CORE)),
    }


def numbers(text):
    """Rows, separated by commas."""
    wanted = [int(part) for part in text.split(",")]
    if not set(wanted) <= set(rows.ALL):
        raise argparse.ArgumentTypeError(f"there are rows 1 to {rows.ALL[-1]}")
    return wanted


def names(text):
    """Servers, separated by commas."""
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in servers.NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]}; there are {', '.join(servers.NAMES)}")
    return [name for name in servers.NAMES if name in wanted]


def arguments():
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="scripts/compare.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=names, default=servers.NAMES, help=f"some of {','.join(servers.NAMES)}")
    parser.add_argument("--rows", type=numbers, help="some of 1 to 10, like 1,2,8; default all, with --quick 1 to 8")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller, to see that it works")
    parser.add_argument(
        "--install", action="store_true", help="install the rivals that are not here, with npm and apt-get"
    )
    parser.add_argument("--from", dest="source", type=pathlib.Path, metavar="FILE", help="write a results.json anew")
    parser.add_argument("--programs", type=pathlib.Path, default="target/release", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, default="target/compare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rows is None:
        options.rows = rows.QUICK_ROWS if options.quick else rows.ALL
    return options


def measure(options):
    """All rows that were asked for, of all servers that can be had."""
    start = time.monotonic()

    def say(text):
        print(f"compare: {time.monotonic() - start:4.0f} s  {text}", file=sys.stderr, flush=True)

    found = {"date": datetime.date.today().isoformat(), "quick": options.quick, "machine": machine()}
    with contextlib.ExitStack() as stack:
        running, found["absent"] = {}, {}
        for name in options.servers:
            try:
                running[name] = stack.enter_context(servers.started(name, options.programs.resolve()))
            except OSError as error:
                say(f"without {name}: {error}")
                found["absent"][name] = str(error)
        if len(running) < 2:
            sys.exit("compare: fewer than two servers have started, so there is nothing to compare")
        made_of = servers.versions(options.programs.resolve())
        found["commit"] = servers.commit()
        found["servers"] = {name: made_of.get(name, "unknown") for name in running}
        effort = rows.QUICK if options.quick else rows.FULL
        bench = rows.Bench(Flood(options.programs.resolve()), options.programs.resolve(), running, effort, say)
        found["reference"] = bench.reference
        say(f"{', '.join(running)} are up; ratios are to {bench.reference}")
        found["rows"] = rows.measure(bench, options.rows)
        dead = [name for name, server in running.items() if not server.lives()]
        found["died"] = dead
    found["seconds"] = round(time.monotonic() - start)
    say("done")
    return found


def main():
    """Measures, and writes the results, the table, the page and its curves."""
    options = arguments()
    if options.source:
        found = json.loads(options.source.read_text(encoding="utf-8"))
    else:
        found = measure(options)
    options.folder.mkdir(parents=True, exist_ok=True)
    written = {
        "results.json": json.dumps(found, indent=1) + "\n",
        "table.md": table.markdown(found),
        "index.html": page.html(found),
        **page.pictures(found),
    }
    for name, text in written.items():
        (options.folder / name).write_text(text, encoding="utf-8")
    print(written["table.md"])
    print(f"compare: {options.folder}/index.html has the curves", file=sys.stderr)
    faults = verdict.faults(found)
    for fault in faults:
        print(f"compare: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    # So that an end by a signal stops what was started.
    for number in [signal.SIGTERM, signal.SIGHUP]:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
