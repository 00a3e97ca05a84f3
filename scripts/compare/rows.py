"""The rows: what each has the servers do, and what is made of the flood's reports.

A row is one piece of work; it becomes one or several lines of the table. A line has a cell for each server: a `value`,
its `ratio` to the reference server and its `share` of the ceiling, or a `why` where there is nothing to report. What is
counted for each second of CPU time is compared round by round, so that what drifts cancels.
"""

import statistics
from dataclasses import dataclass

import servers
from flood import Refused

# A server that is to show how fast it is must have been busy for this share of the time.
BUSY_SHARE_MIN = 0.95
# Two servers with this many rooms of ten, and what else is open, fit into the 20,000 descriptors of one flood.
ROOMS = 900
ROOM_MEMBERS = 10


@dataclass(frozen=True)
class Effort:
    """How much is done."""

    slice: str = "500ms"
    rounds: int = 6
    # Schedules need many messages, or the rare latencies are those of a few.
    scheduled_slice: str = "2s"
    scheduled_rounds: int = 5
    overload_rounds: int = 4
    rooms: int = ROOMS
    crowd: int = 10_000
    repeats: int = 3
    hold: str = "2s"
    slow: str = "7s"


FULL = Effort()
QUICK = Effort("200ms", 3, "600ms", 3, 3, 100, 2_000, 3, "500ms", "4s")


class Bench:
    """What rows are measured with: the flood, the servers that run all the time, and others for a while."""

    def __init__(self, flood, programs, running, effort, say):
        self.flood = flood
        self.programs = programs
        self.running = running
        self.effort = effort
        self.say = say
        self.reference = next((name for name in [*servers.REFERENCES, *running] if name in running), None)

    def compare(self, work, size, options, group=None):
        """`compare` of these servers; whoever cannot take part is left out. Gives reports by name, and reasons."""
        names = [name for name in group or self.running if name != self.reference]
        names = [self.reference, *names]
        whys = {}
        while names:
            contenders = [part for name in names for part in ["--target", self.running[name].contender()]]
            try:
                report = self.flood.run(["compare", work, str(size), *options, *contenders], names)
                break
            except Refused as refused:
                if refused.server is None or refused.server == self.reference:
                    raise
                self.say(f"without {refused}")
                whys[refused.server] = str(refused).partition(": ")[2]
                names.remove(refused.server)
        return {target["name"]: target for target in report["targets"]}, whys, report["problems"]

    def fresh(self, name):
        """A server of that name that has done nothing yet."""
        return servers.started(name, self.programs)


def per_cpu(part):
    """What a slice did for each second of the server's CPU time."""
    return part["done"] / max(part["cost"]["server_cpu_seconds"] or 0, 1e-6)


def ratio(mine, other):
    """The middle of the ratios of slices of the same round."""
    pairs = zip(mine["slices"], other["slices"])
    return statistics.median(per_cpu(one) / max(per_cpu(two), 1e-6) for one, two in pairs)


def shares(target):
    """How busy a server and the flood were, in the middle slice: with work, and waiting for a core that another had."""
    costs = [part["cost"] for part in target["slices"]]

    def middle(name):
        return statistics.median(cost[name] or 0 for cost in costs)

    return {
        "busy": middle("server_cpu_share"),
        "waited": middle("server_waited_share"),
        "flood": middle("client_busy_share"),
        "flood_waited": middle("client_waited_share"),
    }


def not_reached(target):
    """Why a server did not show how fast it is, if it did not."""
    share = shares(target)
    # A server of several threads may wait for itself.
    wanted = min(share["busy"] + share["waited"], 1.0)
    if target["lost"]:
        return f"not reached: it lost {target['lost']:,} of {target['lost'] + target['done']:,} deliveries"
    if wanted < BUSY_SHARE_MIN:
        others = f" ({share['waited']:.0%} more had other processes not had its core)" if share["waited"] > 0.01 else ""
        flood = f"the flood {share['flood']:.0%}"
        if share["flood_waited"] > 0.01:
            flood += f" ({share['flood_waited']:.0%} waiting for its own)"
        return f"not reached: it was {share['busy']:.0%} busy{others}, {flood}"
    return None


def line(what, unit, more, cells):
    """One line of the table; `more` says whether more is better."""
    return {"what": what, "unit": unit, "more": more, "cells": cells}


def compared(values, reference, whys):
    """Cells of plain values, with their ratios."""
    cells = {name: {"why": why} for name, why in whys.items()}
    for name, value in values.items():
        cells[name] = {"value": value}
        for other, key in [(reference, "ratio"), ("ceiling", "share")]:
            if values.get(other) and value is not None:
                cells[name][key] = value / values[other]
    return cells


def cpu_cells(reports, reference, whys, is_reached=lambda _: None):
    """Cells of what was done for each second of CPU time; who did not reach it has the reason instead."""
    cells = {name: {"why": why} for name, why in whys.items()}
    reached = {}
    for name, target in reports.items():
        why = is_reached(target)
        if why:
            cells[name] = {"why": why}
        else:
            reached[name] = target
    for name, target in reached.items():
        each = target["per_server_cpu_second"]
        cells[name] = {"value": each["median"], "low": each["p25"], "high": each["p75"]}
        for other, key in [(reference, "ratio"), ("ceiling", "share")]:
            if other in reached:
                cells[name][key] = ratio(target, reached[other])
    return cells


def result(number, title, how, lines, reports=None, problems=()):
    """What a row found."""
    busy = {name: shares(target) for name, target in (reports or {}).items()}
    return {"row": number, "title": title, "how": how, "lines": lines, "busy": busy, "problems": list(problems)}


def fan_out(number, bench, window):
    """One room, as fast as it goes."""
    effort = bench.effort
    options = ["--window", str(window), "--slice", effort.slice, "--rounds", str(effort.rounds)]
    reports, whys, problems = bench.compare("fanout", 1000, options)
    # With one message at a time everybody waits for the flood, too: what counts is the CPU time alone.
    judge = not_reached if window > 1 else lambda _: None
    cells = cpu_cells(reports, bench.reference, whys, judge)
    pace = f"{window} in flight" if window > 1 else "one at a time"
    title = f"1 room × 1,000 members, 128 B, {pace}"
    how = f"compare fanout 1000 {' '.join(options)}"
    return result(number, title, how, [line(title, "deliveries / CPU s", True, cells)], reports, problems)


def row_1(bench):
    """The fan-out that fills the core."""
    return fan_out(1, bench, 64)


def row_2(bench):
    """Each message is with everybody before the next one is sent."""
    return fan_out(2, bench, 1)


def scheduled(number, bench, rate, slice_length, rounds):
    """One room, so many messages a second."""
    options = ["--rate", str(rate), "--slice", slice_length, "--rounds", str(rounds)]
    reports, whys, problems = bench.compare("fanout", 1000, options)
    title = f"1 room × 1,000 members, 128 B, {rate:,} messages a second"
    lines = [line(title, "deliveries / CPU s", True, cpu_cells(reports, bench.reference, whys))]

    def latency(what, field, quantile):
        values = {name: target[field][quantile] / 1e3 for name, target in reports.items()}
        lines.append(line(what, "ms", False, compared(values, bench.reference, whys)))

    latency(f"{rate:,} a second: latency p50", "latency_us", "p50")
    latency(f"{rate:,} a second: latency p99", "latency_us", "p99")
    latency(f"{rate:,} a second: latency p99.9", "latency_us", "p99_9")
    latency(f"{rate:,} a second: to the last member, p99", "last_member_us", "p99")
    row = result(number, title, f"compare fanout 1000 {' '.join(options)}", lines, reports, problems)
    row["curves"] = {
        "Each delivery": {name: target["latency_curve_us"] for name, target in reports.items()},
        "To the last member": {name: target["last_member_curve_us"] for name, target in reports.items()},
    }
    lost = {name: {"value": target["lost"], "told": target["told"]} for name, target in reports.items()}
    lost.update({name: {"why": why} for name, why in whys.items()})
    lines.append(line(f"{rate:,} a second: deliveries lost", "deliveries", False, lost))
    return row


def row_3_and_8(bench, wanted):
    """A hub with time to spare: its CPU time and its latencies come from the same slices."""
    effort = bench.effort
    row = scheduled(3, bench, 100, effort.scheduled_slice, effort.scheduled_rounds)
    cpu, *latencies = row["lines"]
    rows = []
    if 3 in wanted:
        rows.append({**row, "lines": [cpu], "curves": {}})
    if 8 in wanted:
        rows.append({**row, "row": 8, "lines": latencies[:-1]})
    return rows


def row_9(bench):
    """More than a write for each delivery allows: who gathers messages keeps up, the others are late or lose."""
    effort = bench.effort
    row = scheduled(9, bench, 1000, effort.slice, effort.overload_rounds)
    cpu, _, p99, _, _, lost = row["lines"]
    row["lines"] = [p99, lost, cpu]
    return row


def row_4(bench):
    """Many rooms. Where not all servers fit at once, each has its turns with the reference alone."""
    rooms = bench.effort.rooms
    size = rooms * ROOM_MEMBERS
    options = ["--rooms", str(rooms), "--window", "64", "--slice", bench.effort.slice]
    options += ["--rounds", str(bench.effort.rounds)]
    others = [name for name in bench.running if name != bench.reference]
    groups = [others] if size * (len(others) + 1) < 19_000 else [[name] for name in others]
    cells, busy, problems, to_reference = {}, {}, [], {}
    for group in groups or [[]]:
        reports, whys, found = bench.compare("fanout", size, options, group)
        problems += found
        made = cpu_cells(reports, bench.reference, whys, not_reached)
        for name, cell in made.items():
            # The reference was in all groups; what counts is its first, in which roomcast was.
            if name != bench.reference or name not in cells:
                cells[name] = cell
        busy.update({name: shares(target) for name, target in reports.items() if name not in busy})
        to_reference.update({name: cell["ratio"] for name, cell in made.items() if "ratio" in cell})
    for name, cell in cells.items():
        if name in to_reference and "ceiling" in to_reference:
            cell["share"] = to_reference[name] / to_reference["ceiling"]
    title = f"{rooms:,} rooms × {ROOM_MEMBERS} members, 128 B, 64 in flight"
    how = f"compare fanout {size} {' '.join(options)}"
    if len(groups) > 1:
        how += f"; each server in turn with {bench.reference} alone, for two are all that one flood has descriptors for"
    row = result(4, title, how, [line(title, "deliveries / CPU s", True, cells)], None, problems)
    row["busy"] = busy
    return row


def row_5(bench):
    """Messages that come back."""
    effort = bench.effort
    options = ["--slice", effort.slice, "--rounds", str(effort.rounds)]
    group = [name for name in bench.running if name != "nchan"]
    reports, whys, problems = bench.compare("echo", 100, options, group)
    if "nchan" in bench.running:
        whys["nchan"] = "it has no echo"
    cells = cpu_cells(reports, bench.reference, whys, not_reached)
    title = "100 connections echo 128 B, one message outstanding on each"
    lines = [line(title, "round trips / CPU s", True, cells)]
    return result(5, title, f"compare echo 100 {' '.join(options)}", lines, reports, problems)


def row_6(bench):
    """Connects, as fast as they go. The servers have seen as many before: none is measured cold."""
    crowd = bench.effort.crowd
    options = ["connect", str(crowd), "--hold", "300ms"]
    costs, whys, problems = {}, {}, []
    for repeat in range(bench.effort.repeats + 1):
        for name, server in bench.running.items():
            if name in whys:
                continue
            try:
                report = bench.flood.run([*options, *server.alone()])
            except Refused as refused:
                whys[name] = str(refused)
                continue
            opened = report["connect"]["opened"]
            if opened < crowd:
                whys[name] = f"only {opened:,} of {crowd:,} connections opened"
                continue
            problems += [f"{name}: {problem}" for problem in report["problems"]]
            # What the handshakes left to do is done in the hold.
            spent = report["connect"]["cost"]["server_cpu_seconds"] + report["hold"]["cost"]["server_cpu_seconds"]
            if repeat > 0:
                costs.setdefault(name, []).append(spent / opened * 1e6)
    values = {name: statistics.median(each) for name, each in costs.items() if name not in whys}
    title = f"{crowd:,} connects, 256 under way at any time"
    lines = [line(title, "CPU µs each", False, compared(values, bench.reference, whys))]
    how = f"{' '.join(options)}, {bench.effort.repeats} times each in turn, after one that is not counted"
    return result(6, title, how, lines, None, problems)


def row_7(bench):
    """Members that are told nothing: the memory of a new process with them, less that without."""
    crowd = bench.effort.crowd
    options = ["idle", str(crowd), "--hold", bench.effort.hold]
    values, whys, problems, bare = {}, {}, [], {}
    for name in bench.running:
        try:
            with bench.fresh(name) as server:
                report = bench.flood.run([*options, *server.alone()])
        except (Refused, OSError) as error:
            whys[name] = str(error)
            continue
        problems += [f"{name}: {problem}" for problem in report["problems"]]
        if report["hold"]["open"] < crowd:
            whys[name] = f"only {report['hold']['open']:,} of {crowd:,} connections stayed open"
            continue
        values[name] = report["memory"]["rss_per_connection"]
        bare[name] = report["memory"]["before"]["rss"] / 2**20
    title = f"{crowd:,} idle members: resident memory of each"
    lines = [
        line(title, "bytes", False, compared(values, bench.reference, whys)),
        line("resident memory of the server without them", "MiB", False, compared(bare, bench.reference, whys)),
    ]
    return result(7, title, " ".join(options) + ", a new process each", lines, None, problems)


def row_10(bench):
    """Members that stop reading, and what that does to the server and to the others."""
    options = ["slow", "500", "--share", "0.1", "--rate", "100", "--size", "16KiB", "--duration", bench.effort.slow]
    growth, p50, p99, told, silent, gone, whys, problems = {}, {}, {}, {}, {}, {}, {}, []
    for name in bench.running:
        try:
            with bench.fresh(name) as server:
                report = bench.flood.run([*options, *server.alone()])
        except (Refused, OSError) as error:
            whys[name] = str(error)
            continue
        slow, broadcast = report["slow"], report["broadcast"]
        if name == "roomcast":
            # Of the others nobody expects that they tell of their drops.
            problems += [f"{name}: {problem}" for problem in report["problems"]]
        if slow["lost_by_readers"]:
            problems.append(f"{name}: {slow['lost_by_readers']:,} deliveries to those who read were lost")
        memory = slow["memory"] or {"rss": 0}
        growth[name] = (memory["rss"] - report["memory"]["connected"]["rss"]) / 2**20
        p50[name], p99[name] = (broadcast["latency_us"][quantile] / 1e3 for quantile in ["p50", "p99"])
        told[name] = slow["dropped_by_notices"]
        silent[name] = max(slow["dropped_by_count"] - slow["dropped_by_notices"], 0)
        gone[name] = slow["given_up"]
    title = "500 members, 100 a second × 16 KiB, a tenth stops reading"

    def plain(what, unit, values):
        return line(what, unit, False, compared(values, None, whys))

    def ratios(what, unit, values):
        return line(what, unit, False, compared(values, bench.reference, whys))

    lines = [
        plain("a tenth stops reading: growth of the server", "MiB", growth),
        plain("… drops that the slow were told of", "messages", told),
        plain("… drops in silence", "messages", silent),
        plain("… slow members that were disconnected", "members", gone),
        ratios("… the others' latency p50", "ms", p50),
        ratios("… the others' latency p99", "ms", p99),
    ]
    return result(10, title, " ".join(options) + ", a new process each", lines, None, problems)


ALL = list(range(1, 11))
# Overload takes its time, and so do queues until they are full.
QUICK_ROWS = [1, 2, 3, 4, 5, 6, 7, 8]
ONE_BY_ONE = {1: row_1, 2: row_2, 4: row_4, 5: row_5, 6: row_6, 7: row_7, 9: row_9, 10: row_10}


def measure(bench, wanted):
    """The rows with these numbers, in their order. One that fails has its reason, and the others go on."""
    found = []
    for number in ALL:
        if number not in wanted or (number == 8 and 3 in wanted):
            continue
        bench.say(f"row {number}")
        try:
            if number in (3, 8):
                found += row_3_and_8(bench, wanted)
            else:
                found.append(ONE_BY_ONE[number](bench))
        except (Refused, OSError) as error:
            bench.say(f"row {number} failed: {error}")
            found.append(result(number, f"row {number}", "", [], None, [f"could not be measured: {error}"]))
    return sorted(found, key=lambda row: row["row"])
