"""Whether a comparison is one: what it lacks, a sentence each.

The figures of roomcast are what it is made for, so each row must have them. One lacks its figure when the flood refused
the server (it hung up, or did not take what was published), when it kept less than all of its core or lost deliveries (in
rows 1, 4 and 5), when too few of its connections opened or stayed (rows 6 and 7), or when the whole row failed. Of a rival
that is said in the table, and no more.
"""

OURS = "roomcast"


def faults(found):
    """Why the comparison failed; nothing if it did not."""
    said = []
    if OURS in found["absent"]:
        said.append(f"{OURS} is not there: {found['absent'][OURS]}")
    for row in found["rows"]:
        said += [problem for problem in row["problems"] if problem.startswith(f"{OURS}: ")]
        if not row["lines"]:
            said.append(f"row {row['row']} has no figures: {'; '.join(row['problems']) or 'nothing was said of why'}")
        elif OURS in found["servers"]:
            said += [f"row {row['row']} has no figure of {OURS}: {why}" for why in whys(row["lines"])]
    said += [f"{name} ended before the comparison did" for name in found["died"]]
    return said


def whys(lines):
    """Why lines of a row have no figure of roomcast: each reason once, with the lines that it is the reason of."""
    reasons = {}
    for line in lines:
        cell = line["cells"].get(OURS, {})
        if cell.get("value") is None:
            reasons.setdefault(cell.get("why", "the report of the flood has none"), []).append(line["what"])
    return [why if len(whats) == len(lines) else f"{why} ({'; '.join(whats)})" for why, whats in reasons.items()]
