"""The examples of a README, run as they are pasted into a shell.

Between the lines `<!-- apps -->` and `<!-- end of apps -->` every block marked `sh` is run, all in one shell with a
terminal. The block that follows it, marked `text` or `json`, is what it prints; none follows a block that prints nothing.
What runs in the background may print whenever it likes, so the lines of a block are compared in any order, and the block
is over once as many lines have come as are written.

What differs from run to run is compared by kind: times, and by their first appearance identifiers, tokens and codes. A
token is written by its beginning.
"""

import argparse
import difflib
import os
import pty
import re
import select
import subprocess
import sys
import time

BEGIN, END = "<!-- apps -->", "<!-- end of apps -->"
README_HUB, README_BINARY = "localhost:8080", "target/release/roomcast"
BLOCK = re.compile(r"^```(sh|text|json)\n(.*?)^```\n", re.M | re.S)
PATIENCE = 60
VOLATILE = re.compile(
    r"(?P<time>(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{3}Z)"
    r"|(?P<token>eyJ\w+(?:\.[\w-]+\.[\w-]+|…))"
    r"|(?P<id>\b[0-9a-f]{32}\b)"
    r"|(?P<code>\b[A-HJKMNP-Z2-9]{6}\b)"
)
TOKEN = re.compile(r"(eyJ\w{5})\w*\.[\w-]+\.[\w-]+")


class Shell:
    """A shell that has a terminal, and what it and its background jobs print there."""

    def __init__(self):
        self.terminal, screen = pty.openpty()
        own = {name: value for name, value in os.environ.items() if not name.startswith("ROOMCAST")}
        self.process = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=screen, stderr=screen, env={**own, "NO_PROXY": "*"}
        )
        os.close(screen)
        self.pending = ""
        self.pasted = 0

    def paste(self, text, lines_expected, settle=0.0):
        """Runs the text; gives the lines that come until it is over and as many have come as are expected."""
        self.pasted += 1
        marker = f"=== {self.pasted} ==="
        self.process.stdin.write(f"{text}\necho '{marker}'\n".encode())
        self.process.stdin.flush()
        lines, is_over = [], False
        deadline = time.monotonic() + PATIENCE
        while not is_over or len(lines) < lines_expected or settle:
            if is_over and settle:
                deadline, settle = time.monotonic() + settle, 0.0
                lines_expected = float("inf")
            line = self.line(deadline)
            if line is None:
                break
            if line == marker:
                is_over = True
            elif line:
                lines.append(line)
        return lines

    def line(self, deadline):
        """The next line; None when it does not come in time."""
        while "\n" not in self.pending:
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                return None
            self.pending += os.read(self.terminal, 65536).decode().replace("\r", "")
        line, self.pending = self.pending.split("\n", 1)
        return line

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


class Kinds:
    """Names for what differs from run to run."""

    def __init__(self):
        self.names = {}

    def normal(self, line):
        def name(found):
            kind, text = found.lastgroup, found.group()
            if kind == "time":
                return "<time>"
            return self.names.setdefault((kind, text), f"<{kind} {len(self.names) + 1}>")

        return VOLATILE.sub(name, line)


def examples(readme):
    """Pairs of a block to run and the block with what it prints, if there is one."""
    begin, end = readme.index(BEGIN), readme.index(END)
    blocks = list(BLOCK.finditer(readme, begin, end))
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block[1] == "sh":
            prints = following if following and following[1] != "sh" else None
            yield block, prints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--hub", required=True, help="address of a hub with default settings")
    parser.add_argument("--update", action="store_true", help="write what is printed into the file")
    parser.add_argument("readme")
    options = parser.parse_args()
    with open(options.readme, encoding="utf-8") as file:
        readme = file.read()
    shell, written, got = Shell(), Kinds(), Kinds()
    failures, count, updated, copied = 0, 0, "", 0
    for block, prints in examples(readme):
        count += 1
        text = block[2].replace(README_HUB, options.hub).replace(README_BINARY, options.binary)
        expected = prints[2].splitlines() if prints else []
        lines = shell.paste(text, len(expected), settle=1.0 if options.update else 0.0)
        lines = [line.replace(options.hub, README_HUB) for line in lines]
        if options.update:
            if prints:
                lines = [TOKEN.sub(r"\1…", line) for line in lines]
                updated += readme[copied : prints.start(2)] + "".join(f"{line}\n" for line in lines)
                copied = prints.end(2)
            elif lines:
                sys.exit(f"line {readme.count(chr(10), 0, block.start()) + 1}: this prints, but no block follows")
            continue
        wanted = [written.normal(line) for line in sorted(expected, key=shape)]
        came = [got.normal(line) for line in sorted(lines, key=shape)]
        if wanted != came:
            failures += 1
            place = readme.count("\n", 0, block.start()) + 1
            print(f"{options.readme}:{place}: this prints something else\n\n{block[2]}")
            print("\n".join(difflib.unified_diff(wanted, came, "README", "printed", lineterm="", n=99)) + "\n")
    left_over = shell.paste("wait", 0)
    shell.close()
    if left_over and not options.update:
        failures += 1
        print("printed after the last example:", *left_over, sep="\n")
    if options.update:
        with open(options.readme, "w", encoding="utf-8") as file:
            file.write(updated + readme[copied:])
    print(f"readme: {count} examples, {failures} failed")
    sys.exit(1 if failures else 0)


def shape(line):
    """What is the same in every run, to bring lines into one order."""
    return VOLATILE.sub(lambda found: f"<{found.lastgroup}>", line)


if __name__ == "__main__":
    main()
