"""What was found as one page that stands alone: no script, no font and no picture from elsewhere, light and dark."""

from html import escape

import plot
import table

# Roomcast, the ceiling, and the others in turn; each on light and on dark.
COLOURS = [
    ("#0b62a8", "#6cb8f5"),
    ("#b04a00", "#ffa35c"),
    ("#1a7f37", "#6fd58a"),
    ("#9c2a7a", "#f290d2"),
    ("#6a4fc0", "#b9a5ff"),
    ("#7a6000", "#e6cc4d"),
    ("#b3261e", "#ff8f86"),
    ("#59636e", "#9aa4ae"),
]

STYLE = """
:root {
  color-scheme: light dark; --ink: #1f2328; --dim: #59636e; --line: #d1d9e0; --back: #fff; --wash: #f6f8fa; LIGHT
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9aa4ae; --line: #3d444d; --back: #0d1117; --wash: #151b23; DARK }
}
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { max-width: 48rem; margin: .4rem 0; } .dim, figcaption { color: var(--dim); font-size: .875rem; }
code { font-family: ui-monospace, monospace; font-size: .875em; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } figure { margin: .5rem 0; }
table { border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; font-weight: 400; white-space: normal; min-width: 15rem; }
thead th { font-weight: 600; } .ours { background: var(--wash); font-weight: 600; }
svg { display: block; width: 100%; max-width: 54rem; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .why { fill: var(--dim); } .grid { stroke: var(--line); }
.curve, .lead { fill: none; stroke-width: 2; stroke-linejoin: round; } .lead { stroke-width: 1.25; }
.problem { border-left: 3px solid #b3261e; padding-left: .6rem; }
"""


def style():
    """The style sheet."""
    light = " ".join(f"--k{index}: {colours[0]};" for index, colours in enumerate(COLOURS))
    dark = " ".join(f"--k{index}: {colours[1]};" for index, colours in enumerate(COLOURS))
    rules = [
        f".curve.k{index}, .lead.k{index} {{ stroke: var(--k{index}); }} .bar.k{index} {{ fill: var(--k{index}); }} "
        f"svg text.t{index} {{ fill: var(--k{index}); }}"
        for index in range(len(COLOURS))
    ]
    return STYLE.replace("LIGHT", light).replace("DARK", dark) + "\n".join(rules)


def whole_table(found, notes):
    """The table of all rows."""
    heading, *rest = table.lines(found, notes)

    def cells(row, tag):
        for name, cell in zip(heading[1:], row[1:]):
            ours = ' class="ours"' if name == "roomcast" else ""
            scope = ' scope="col"' if tag == "th" else ""
            yield f"<{tag}{scope}{ours}>{escape(cell)}</{tag}>"

    rows = "".join(f'<tr><th scope="row">{escape(row[0])}</th>{"".join(cells(row, "td"))}</tr>\n' for row in rest)
    head = f"<thead><tr><th></th>{''.join(cells(heading, 'th'))}</tr></thead>"
    return f'<div class="wide"><table>{head}\n<tbody>{rows}</tbody></table></div>'


def bar_text(line, reference):
    """What stands beside a bar: the value, where the quarters lie, and the ratios."""

    def text(name):
        cell = line["cells"][name]
        said = table.cell_text(cell, name == reference)
        if "low" in cell:
            said += f", {table.number(cell['low'])} to {table.number(cell['high'])}"
        if "share" in cell and name != "ceiling":
            said += f", {cell['share']:.0%} of the ceiling" if line["more"] else ""
        return said

    return text


def section(row, found, kinds):
    """One row: its bars, its curves, how busy everybody was, and what went wrong."""
    parts = [f"<h2>{row['row']}. {escape(row['title'])}</h2>"]
    if row["how"]:
        parts.append(f'<p class="dim"><code>roomcast-flood {escape(row["how"])}</code></p>')
    for line in row["lines"]:
        values = {
            # The whole reason is below the table.
            name: (line["cells"][name].get("value"), line["cells"][name].get("why", "").partition(" (")[0])
            for name in found["servers"]
            if name in line["cells"]
        }
        what = f"{line['what']}: {line['unit']}, {'more' if line['more'] else 'less'} is better"
        picture = plot.bars(what, values, kinds, bar_text(line, found["reference"]))
        parts.append(f"<figure><figcaption>{escape(what)}</figcaption>{picture}</figure>")
    for title, drawn in row.get("curves", {}).items():
        picture = plot.curves(f"{row['title']}: {title}", drawn, kinds)
        parts.append(f"<h3>{escape(title)}: latency by percentile</h3><figure>{picture}</figure>")
    if row["busy"]:
        said = [
            f"{name} {each['busy']:.0%} (+ {each['waited']:.0%}, flood {each['flood']:.0%})"
            for name, each in row["busy"].items()
        ]
        parts.append(f'<p class="dim">Busy (+ what it waited for its core): {escape(", ".join(said))}.</p>')
    parts += [f'<p class="problem">{escape(problem)}</p>' for problem in row["problems"]]
    return "\n".join(parts)


def kinds_of(found):
    """The number of each server's colour and dashes."""
    others = [name for name in found["servers"] if name not in ("roomcast", "ceiling")]
    kinds = {"roomcast": 0, "ceiling": len(COLOURS) - 1}
    kinds.update({name: 1 + index % (len(COLOURS) - 2) for index, name in enumerate(others)})
    return kinds


def pictures(found):
    """The curves of each row as pictures that stand alone, by the names of their files."""
    made = {}
    for row in found["rows"]:
        for title, drawn in row.get("curves", {}).items():
            curves = plot.curves(f"{row['title']}: {title}", drawn, kinds_of(found))
            if not curves:
                continue
            head, _, rest = curves.partition(">")
            back = '<rect width="100%" height="100%" fill="var(--back)"/>'
            name = "-".join(["latency", str(row["row"]), *title.lower().split()])
            made[f"{name}.svg"] = (
                f'{head} xmlns="http://www.w3.org/2000/svg"><style>{style()}</style>{back}{rest}\n'
            )
    return made


def html(found):
    """The page."""
    kinds = kinds_of(found)
    notes = table.Notes()
    parts = [
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">\n<link rel="icon" href="data:,">',
        f"<title>roomcast beside others, {escape(found['date'])}</title>\n<style>{style()}</style>",
        f"<h1>roomcast beside others</h1>\n<p>{escape(table.where(found))}</p>",
        whole_table(found, notes),
    ]
    parts += [f'<p class="dim">{notes.mark(note)} {escape(note)}</p>' for note in notes.texts]
    parts += [f'<p class="problem">{escape(sentence)}</p>' for sentence in table.troubles(found)]
    parts += [f"<p>{escape(sentence)}</p>" for sentence in table.how(found)]
    parts += [section(row, found, kinds) for row in found["rows"]]
    made = "".join(f"<li>{escape(name)}: {escape(of)}</li>" for name, of in found["servers"].items())
    commit = escape(found.get("commit", "unknown"))
    parts.append(f"<h2>Made of</h2><ul>{made}</ul>\n<p>The commit was <code>{commit}</code>.</p>\n</html>")
    return "\n".join(parts) + "\n"
