"""What was found as one Markdown table, with the reasons of what is not in it, and how it was measured.

Only text is made here: what comes in is what `results.json` has.
"""

PREFIXES = [(1e9, " G"), (1e6, " M"), (1e3, " k")]


def number(value):
    """A number with three digits that count."""
    for size, prefix in PREFIXES:
        if abs(value) >= size * 0.9995:
            return f"{digits(value / size)}{prefix}"
    return digits(value)


def digits(value):
    """A number below a thousand, with three digits that count, or fewer if it is whole."""
    if value == int(value):
        return str(int(value))
    places = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{places}f}"


def share(ratio):
    """How many times as much."""
    return f"×{ratio:.2f}" if ratio < 9.995 else f"×{ratio:.1f}" if ratio < 99.95 else f"×{ratio:.0f}"


def cell_text(cell, is_reference):
    """What stands in a cell that has a value."""
    text = number(cell["value"])
    if "told" in cell and cell["value"]:
        text += f" ({number(cell['told'])} told)"
    if "ratio" in cell and not is_reference:
        text += f" ({share(cell['ratio'])})"
    return text


class Notes:
    """Reasons, each with a number; the same reason has the same one."""

    def __init__(self):
        self.texts = []

    def mark(self, text):
        """The number of a reason, raised."""
        if text not in self.texts:
            self.texts.append(text)
        raised = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
        return str(self.texts.index(text) + 1).translate(raised)


def lines(found, notes):
    """The rows of the table as lists of cells, the heading first."""
    names = list(found["servers"])
    yield ["", *names]
    for row in found["rows"]:
        for line in row["lines"]:
            arrow = "↑" if line["more"] else "↓"
            cells = [f"{row['row']}. {line['what']}: {line['unit']} {arrow}"]
            for name in names:
                cell = line["cells"].get(name)
                if cell is None:
                    cells.append("")
                elif "why" in cell:
                    cells.append("–" + notes.mark(f"{name} in row {row['row']}: {cell['why']}"))
                else:
                    cells.append(cell_text(cell, name == found["reference"]))
            yield cells


def where(found):
    """The machine, the date, and what there is to say against it."""
    machine = found["machine"]
    text = f"Measured on {found['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['kernel']}; "
    if machine["pinned"]:
        text += "all servers on one core, the load on another. "
    else:
        text += "servers and load share their cores, so the figures say little. "
    if machine["load"] >= 1:
        text += f"The machine was not quiet (load {machine['load']}). "
    if found["quick"]:
        text += "A quick run with short slices and smaller crowds, without rows 9 and 10 unless asked for: only a trial. "
    return text.strip()


def how(found):
    """How to read it, and how it was made."""
    return [
        f"↑ more is better, ↓ less is better; × is the ratio to {found['reference']}. All servers are up at once and "
        "loaded in turn in short slices; a ratio is the median of those within a round.",
        "A message is published by an HTTP POST of JSON, and the same number of bytes is delivered by all, each in its "
        "own envelope (nchan: the raw body by POST; roomcast's many rooms: its `rooms` app, otherwise `events`).",
        "The ceiling is a bare loop over the same sockets, without queues or checks: what the kernel allows.",
        "A server that was not kept busy for 95 % of the time, counting when another process had its core, has not shown how "
        "fast it is, and gets no figure in rows 1, 4 and 5.",
    ]


def troubles(found):
    """What else there is to say: who is not there, and each check that did not hold, with its rows."""
    said = [f"{name} is not there: {why}" for name, why in found["absent"].items()]
    said += [f"{name} ended before the comparison did" for name in found["died"]]
    rows = {}
    for row in found["rows"]:
        for problem in row["problems"]:
            rows.setdefault(problem, []).append(str(row["row"]))
    return said + [f"Row {' and '.join(numbers)}: {problem}" for problem, numbers in rows.items()]


def markdown(found):
    """The whole text."""
    notes = Notes()
    text = [where(found), ""]
    for index, cells in enumerate(lines(found, notes)):
        text.append(f"| {' | '.join(cells)} |")
        if index == 0:
            text.append("|---" + "|--:" * (len(cells) - 1) + "|")
    text.append("")
    text += [f"{notes.mark(note)} {note}  " for note in notes.texts]
    text += [f"{trouble}  " for trouble in troubles(found)]
    text += [""] if notes.texts or troubles(found) else []
    text += how(found)
    text += ["", "Made of: " + "; ".join(f"{name}: {made}" for name, made in found["servers"].items()) + "."]
    return "\n".join(text) + "\n"
