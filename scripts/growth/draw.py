#!/usr/bin/env python3
"""Makes a table and a picture of what a delivery and a connection cost at several numbers of connections.

Reads FOLDER/simulated.jsonl (what the growth benchmark prints) and FOLDER/real.jsonl (a line for each run of the flood:
connections, mode and its report), and writes FOLDER/table.md and FOLDER/growth.svg. The picture needs no script and no
font, and follows the reader's light or dark. Every figure is a median of rounds.
"""

import json
import math
import pathlib
import statistics
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 400
TOP, BOTTOM = 64, 60
PANELS = {"time": (76, 410), "memory": (512, 846)}
STYLE = """
svg { background: #ffffff; font: 13px system-ui, sans-serif }
text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 } .zero { stroke: #818b98 }
.a { stroke: #0b62a8; fill: #0b62a8 } .b { stroke: #b04a00; fill: #b04a00 } .c { stroke: #1a7f37; fill: #1a7f37 }
polyline { fill: none !important; stroke-width: 2 } text.a, text.b, text.c { stroke: none }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #30363d } .zero { stroke: #6e7681 }
  .a { stroke: #6cb8f5; fill: #6cb8f5 } .b { stroke: #ffa35c; fill: #ffa35c } .c { stroke: #6fd58a; fill: #6fd58a }
}
"""
ONE, MANY, HUB = "a write for each delivery", "64 messages in flight", "the hub alone, simulated"


def read(file):
    """The lines of a file of JSON lines; none if it is not there."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def real_figures(runs):
    """Medians by connections: nanoseconds of the hub's CPU for a delivery in each mode, and bytes for a connection."""
    found = {}
    for run in runs:
        report = run["report"]
        figures = found.setdefault(run["connections"], {ONE: [], MANY: [], "bytes": []})
        if run["mode"] == "idle":
            figures["bytes"].append(report["memory"]["rss_per_connection"])
        else:
            per_second = report["broadcast"]["deliveries_per_server_cpu_second"]
            figures[run["mode"]].append(1e9 / per_second)
    medians = lambda figures: {what: statistics.median(values) for what, values in figures.items() if values}
    return {connections: medians(figures) for connections, figures in sorted(found.items())}


def simulated_figures(sizes):
    figure = lambda size: {HUB: statistics.median(size["delivery_ns"]), "bytes": size["idle_bytes"], "told": size["told_bytes"]}
    return {size["connections"]: figure(size) for size in sizes}


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def table(real, simulated):
    lines = [
        "| connections | CPU of the hub for a delivery | memory for a connection |",
        "|---:|---|---|",
    ]
    for connections, figures in real.items():
        times = ", ".join(f"{number(figures[mode] / 1000, 2)} µs ({mode})" for mode in (ONE, MANY) if mode in figures)
        memory = f"{number(figures['bytes'])} B resident" if "bytes" in figures else "–"
        lines.append(f"| {number(connections)} real | {times or '–'} | {memory} |")
    for connections, figures in simulated.items():
        memory = f"{number(figures['bytes'])} B of heap, {number(figures['told'])} B after a message to all"
        lines.append(f"| {number(connections)} simulated | {number(figures[HUB])} ns, without the kernel | {memory} |")
    return "\n".join(lines) + "\n"


class Panel:
    """One pair of axes: connections to the right, in powers of ten, and a cost upwards, which starts at zero or is in
    powers of ten as well."""

    def __init__(self, place, title, unit, ticks, logarithmic):
        self.left, self.right = PANELS[place]
        self.ticks, self.logarithmic, self.unit = ticks, logarithmic, unit
        middle = HEIGHT - BOTTOM
        self.parts = [f'<text x="{self.left}" y="26" font-weight="600">{escape(title)}</text>']
        for tick in ticks:
            at, kind = self.y(tick), "zero" if tick == ticks[0] else "grid"
            self.parts.append(f'<line class="{kind}" x1="{self.left}" x2="{self.right}" y1="{at:.1f}" y2="{at:.1f}"/>')
            self.parts.append(f'<text class="quiet" x="{self.left - 8}" y="{at + 4:.1f}" text-anchor="end">{self.label(tick)}</text>')
        for power in range(3, 7):
            x = self.x(10**power)
            self.parts.append(f'<text class="quiet" x="{x:.1f}" y="{middle + 20}" text-anchor="middle">{10**power:,}</text>')
        centre = (self.left + self.right) / 2
        self.parts.append(f'<text class="quiet" x="{centre}" y="{middle + 42}" text-anchor="middle">connections</text>')

    def label(self, tick):
        if self.unit == "ns" and tick >= 1000:
            return f"{tick / 1000:g} µs"
        return f"{tick:g} {self.unit}"

    def x(self, connections):
        return self.left + 14 + (self.right - self.left - 40) * (math.log10(connections) - 3) / 3

    def y(self, value):
        scale = math.log10 if self.logarithmic else float
        low, high = scale(self.ticks[0]), scale(self.ticks[-1])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (scale(value) - low) / (high - low)

    def line(self, colour, name, figures, below=False):
        if not figures:
            return
        points = [(self.x(connections), self.y(value)) for connections, value in figures]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{colour}" points="{joined}"/>')
        self.parts += [f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
        at = max(y for _, y in points) + 20 if below else min(y for _, y in points) - 12
        x = (points[0][0] + points[-1][0]) / 2
        x = min(max(x, self.left + 90), self.right - 90)
        self.parts.append(f'<text class="{colour}" x="{x:.1f}" y="{at:.1f}" text-anchor="middle">{escape(name)}</text>')


def steps(values):
    """Ticks from zero to past the largest value, five or six of them."""
    largest = max(values) * 1.2
    power = 10 ** math.floor(math.log10(largest / 5))
    step = next(step * power for step in (1, 2, 5, 10) if step * power * 5 >= largest)
    return [step * index for index in range(6)]


def picture(real, simulated):
    figures = lambda found, what: [(connections, each[what]) for connections, each in found.items() if what in each]
    one, many, hub = figures(real, ONE), figures(real, MANY), figures(simulated, HUB)
    resident, heap = figures(real, "bytes"), figures(simulated, "bytes")
    times = [value for _, value in one + many + hub]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times) * 1.3))
    time = Panel("time", "CPU of the hub for a delivery", "ns", [10**power for power in range(low, high + 1)], True)
    time.line("a", ONE, one)
    time.line("b", MANY, many)
    time.line("c", HUB, hub, below=True)
    memory = Panel("memory", "Memory for an idle connection", "B", steps([value for _, value in resident + heap]), False)
    memory.line("a", "resident, real sockets", resident)
    memory.line("c", "heap, simulated", heap, below=True)
    body = "\n".join(time.parts + memory.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">\n'
        f"<title>What a delivery and a connection cost as connections become many</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    real, simulated = real_figures(read(folder / "real.jsonl")), simulated_figures(read(folder / "simulated.jsonl"))
    if not real and not simulated:
        sys.exit(f"growth: {folder} has no measurements")
    text = table(real, simulated)
    (folder / "table.md").write_text(text)
    (folder / "growth.svg").write_text(picture(real, simulated))
    print(text, end="")


main()
