"""Compares a run of Autobahn's fuzzing client with the expected-results file.

Prints a table of counts per section, the cases that differ from the file and
the cases that are wrong whatever the file says. Exit status 0 when there are
neither, 1 otherwise. `--update` rewrites the file for the sections that ran;
it never makes a failed case pass, and does not touch the file when cases that
should have run did not.
"""

import argparse
import collections
import json
import sys

AGENT = "roomcast"
OUTCOMES = ["OK", "NON-STRICT", "INFORMATIONAL", "FAILED", "UNIMPLEMENTED"]
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
GOOD_CLOSE = {"OK", "INFORMATIONAL"}
FIELDS = ("behavior", "behaviorClose")


def section_of(case):
    """The suite's section of a case: 9 for 9.4.2."""
    return case.split(".")[0]


def by_number(case):
    """Sorts 9.10 behind 9.2."""
    return [int(part) for part in case.split(".")]


def read(path):
    """A JSON file's content."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_expected(path, expected):
    """Writes one case a line, so that a change reads well in a diff."""
    lines = ",\n".join(
        f"  {json.dumps(case)}: {json.dumps(expected[case])}"
        for case in sorted(expected, key=by_number)
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{{\n{lines}\n}}\n")


def show(result):
    """One case's outcome on one line."""
    return f"{result['behavior']}, close {result['behaviorClose']}" if result else "absent"


def is_wrong(result):
    """Whether an outcome is wrong even if the expected-results file has it."""
    return result["behavior"] not in GOOD or result["behaviorClose"] not in GOOD_CLOSE


def print_table(got, planned, duration_ms):
    """Counts per section; what fits no column (a new outcome) counts as FAILED."""
    head = ["section", "planned", "ran", *OUTCOMES, "bad close", "seconds"]
    counts = collections.defaultdict(collections.Counter)
    for case in planned:
        counts[section_of(case)]["planned"] += 1
    for case, result in got.items():
        outcome = result["behavior"] if result["behavior"] in OUTCOMES else "FAILED"
        row = counts[section_of(case)]
        row.update(["ran", outcome])
        row["bad close"] += result["behaviorClose"] not in GOOD_CLOSE
        row["seconds"] += duration_ms[case] / 1000
    total = sum(counts.values(), collections.Counter())
    rows = [(section, counts[section]) for section in sorted(counts, key=int)]
    print("  ".join(head))
    for name, row in [*rows, ("all", total)]:
        cells = [name] + [
            f"{row[column]:.1f}" if column == "seconds" else str(row[column])
            for column in head[1:]
        ]
        print("  ".join(cell.rjust(len(title)) for cell, title in zip(cells, head)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", required=True, help="index.json of the run")
    parser.add_argument("--planned", required=True, help="cases.json of the run")
    parser.add_argument("--expected", required=True, help="the checked-in file")
    parser.add_argument("--update", action="store_true", help="rewrite the checked-in file")
    options = parser.parse_args()

    index = read(options.index).get(AGENT, {})
    planned = read(options.planned)
    expected = read(options.expected)
    sections = {section_of(case) for case in planned}
    listed = {case: result for case, result in expected.items() if section_of(case) in sections}
    got = {case: {field: result[field] for field in FIELDS} for case, result in index.items()}
    print_table(got, planned, {case: result["duration"] for case, result in index.items()})

    missing = sorted((set(planned) | set(listed)) - set(got), key=by_number)
    complete = set(planned) <= set(got)
    differing = sorted(
        (case for case in set(listed) | set(got) if listed.get(case) != got.get(case)),
        key=by_number,
    )
    wrong = sorted((case for case in got if is_wrong(got[case])), key=by_number)

    if differing:
        print(f"\n{len(differing)} cases differ from {options.expected} (- expected, + this run):")
    for case in differing:
        print(f"- {case}: {show(listed.get(case))}\n+ {case}: {show(got.get(case))}")
    if wrong:
        print(f"\n{len(wrong)} cases are wrong, whatever is expected:")
    for case in wrong:
        print(f"! {case}: {show(got[case])} ({index[case]['reportfile']})")
    if missing:
        print(f"\n{len(missing)} cases did not run: {' '.join(missing)}")

    if options.update and complete:
        kept = {case: result for case, result in expected.items() if case not in listed}
        write_expected(options.expected, {**kept, **got})
        print(f"\nwrote {options.expected}")
        differing = missing = []
    elif options.update:
        print(f"\nleft {options.expected} as it is: the run is incomplete")
    return 1 if differing or wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
