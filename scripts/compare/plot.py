"""Pictures as inline SVG: curves of latencies by percentile, and bars. Their colours are the page's, by class."""

import math
from html import escape

WIDTH = 860
LEFT = 64
RIGHT = 150
TOP = 16
HEIGHT = 400
BOTTOM = 52
LABEL_GAP = 17
DASHES = ["none", "7 4", "2 3", "9 3 2 3"]


def nines(portion):
    """How many nines a share of the values has: 0.9 has one."""
    return -math.log10(max(1 - portion, 1e-9))


def percent(count):
    """The percentile with so many nines."""
    return ["0 %", "90 %", "99 %"][count] if count < 3 else f"99.{'9' * (count - 2)} %"


def spread_out(wanted):
    """Heights near the wanted ones, in the order given, so that no label lies on another."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = list(wanted)
    least = TOP
    for index in order:
        placed[index] = max(placed[index], least)
        least = placed[index] + LABEL_GAP
    most = HEIGHT - BOTTOM
    for index in reversed(order):
        placed[index] = min(placed[index], most)
        most = placed[index] - LABEL_GAP
    return placed


def curves(title, drawn, kinds):
    """Latencies of each server by percentile. `kinds` gives each name the number of its colour and dashes."""
    drawn = {name: points for name, points in drawn.items() if points}
    if not drawn:
        return ""
    right_nines = max(1, math.ceil(max(nines(points[-1][0]) for points in drawn.values()) - 0.05))
    # The few that were faster than three in ten would take the picture's lower half.
    values = [max(us, 1) / 1e3 for points in drawn.values() for portion, us in points if portion >= 0.3]
    values = values or [points[-1][1] / 1e3 for points in drawn.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(count):
        return LEFT + count / right_nines * (right - LEFT)

    def y(milliseconds):
        return bottom - (math.log10(max(milliseconds, 10.0**low)) - low) / (high - low) * (bottom - TOP)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for count in range(right_nines + 1):
        parts.append(f'<line class="grid" x1="{x(count):.1f}" y1="{TOP}" x2="{x(count):.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{x(count):.1f}" y="{bottom + 20}" text-anchor="middle">{percent(count)}</text>')
    for decade in range(low, high + 1):
        at = y(10.0**decade)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 42}" text-anchor="middle">percentile</text>')
    height = (TOP + bottom) / 2
    parts.append(f'<text transform="translate(16 {height}) rotate(-90)" text-anchor="middle">ms</text>')
    ends = []
    for name, points in drawn.items():
        # Of two that lie on each other roomcast is seen.
        places = [(x(min(nines(portion), right_nines)), y(us / 1e3)) for portion, us in points]
        ends.append((name, places))
    heights = spread_out([places[-1][1] for _, places in ends])
    for (name, places), label in sorted(zip(ends, heights), key=lambda end: end[0][0] == "roomcast"):
        kind = kinds[name]
        path = "M" + "L".join(f"{across:.1f} {up:.1f}" for across, up in places)
        dashes = DASHES[kind % len(DASHES)]
        parts.append(f'<path class="curve k{kind}" stroke-dasharray="{dashes}" d="{path}"/>')
        across, up = places[-1]
        lead = f"M{across:.1f} {up:.1f}L{right + 10} {label:.1f}L{right + 28} {label:.1f}"
        parts.append(f'<path class="lead k{kind}" stroke-dasharray="{dashes}" d="{lead}"/>')
        parts.append(f'<text class="name t{kind}" x="{right + 34}" y="{label + 4:.1f}">{escape(name)}</text>')
    parts.append("</svg>")
    return "\n".join(parts)


def bars(title, values, kinds, text):
    """A bar for each server. `values` are numbers, or none with its reason; `text` makes what stands beside one."""
    known = [value for value, _ in values.values() if value is not None]
    largest = max([*known, 0]) or 1
    left, right, step = 120, 340, 24
    height = step * len(values) + 4
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for index, (name, (value, why)) in enumerate(values.items()):
        top = index * step + 4
        parts.append(f'<text class="name" x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>')
        if value is None:
            parts.append(f'<text class="why" x="{left}" y="{top + 14}">{escape(why)}</text>')
            continue
        width = max(value, 0) / largest * (WIDTH - left - right)
        shape = f'x="{left}" y="{top}" width="{max(width, 1):.1f}" height="18" rx="2"'
        parts.append(f'<rect class="bar k{kinds[name]}" {shape}/>')
        parts.append(f'<text x="{left + width + 8:.1f}" y="{top + 14}">{escape(text(name))}</text>')
    parts.append("</svg>")
    return "\n".join(parts)
