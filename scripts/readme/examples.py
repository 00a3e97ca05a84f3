"""The examples of READMEs, run as they are pasted into a shell.

Between the lines `<!-- run -->` and `<!-- end of run -->` every block marked `sh` is run, all of a file in one shell with
a terminal. The block that follows it, marked `text` or `json`, is what it prints; none follows a block that prints
nothing. What is marked `js` or `html` is for a page, and for `pages.mjs`. What runs in the background may print whenever
it likes, so the lines of a block are compared in any order, and the block is over once as many lines have come as are
written.

The READMEs write port 8080 for the hub that is there, and 8081 for one that an example starts itself.

What differs from run to run is compared by kind: times and what a stream of events says of coming back, and by their first
appearance positions, identifiers, tokens and codes. A token is written by its beginning. Empty lines are left out.
"""

import argparse
import difflib
import os
import pty
import re
import select
import socket
import subprocess
import sys
import time

REGION = re.compile(r"^<!-- run -->\n(.*?)^<!-- end of run -->\n", re.M | re.S)
BLOCK = re.compile(r"^```(sh|text|json|js|html)\n(.*?)^```\n", re.M | re.S)
README_BINARY = "target/release/roomcast"
README_HUB, README_OTHER = ":8080", ":8081"
PATIENCE = 60
VOLATILE = re.compile(
    r"(?P<time>(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{3}Z)"
    r"|(?P<retry>(?<=^retry: )\d{4}$)"
    r"|(?P<position>\b[0-9a-f]{8}-\d+\b)"
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
            if kind in ("time", "retry"):
                return f"<{kind}>"
            return self.names.setdefault((kind, text), f"<{kind} {len(self.names) + 1}>")

        return VOLATILE.sub(name, line)


def examples(readme):
    """Pairs of a block to run and the block with what it prints, if there is one."""
    for region in REGION.finditer(readme):
        blocks = list(BLOCK.finditer(readme, region.start(1), region.end(1)))
        for block, following in zip(blocks, [*blocks[1:], None]):
            if block[1] == "sh":
                prints = following if following and following[1] in ("text", "json") else None
                yield block, prints


def free_port():
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def try_examples(path, options):
    """Runs the examples of one file; gives how many there are and how many printed something else."""
    with open(path, encoding="utf-8") as file:
        readme = file.read()
    ports = {README_HUB: options.hub[options.hub.rindex(":") :], README_OTHER: f":{free_port()}"}
    shell, written, got = Shell(), Kinds(), Kinds()
    failures, count, updated, copied = 0, 0, "", 0
    for block, prints in examples(readme):
        count += 1
        text = block[2].replace(README_BINARY, options.binary)
        for ours, port in ports.items():
            text = text.replace(ours, port)
        expected = prints[2].splitlines() if prints else []
        lines = shell.paste(text, len(expected), settle=1.0 if options.update else 0.0)
        for ours, port in ports.items():
            lines = [line.replace(port, ours) for line in lines]
        place = f"{path}:{readme.count(chr(10), 0, block.start()) + 1}"
        if options.update:
            if prints:
                lines = [TOKEN.sub(r"\1…", line) for line in lines]
                updated += readme[copied : prints.start(2)] + "".join(f"{line}\n" for line in lines)
                copied = prints.end(2)
            elif lines:
                sys.exit(f"{place}: this prints, but no block follows\n" + "\n".join(lines))
            continue
        wanted = [written.normal(line) for line in sorted(expected, key=shape)]
        came = [got.normal(line) for line in sorted(lines, key=shape)]
        if wanted != came:
            failures += 1
            print(f"{place}: this prints something else\n\n{block[2]}")
            print("\n".join(difflib.unified_diff(wanted, came, "README", "printed", lineterm="", n=99)) + "\n")
    left_over = shell.paste("wait", 0)
    shell.close()
    if left_over and not options.update:
        failures += 1
        print(f"{path}: printed after the last example:", *left_over, sep="\n")
    if options.update and updated:
        with open(path, "w", encoding="utf-8") as file:
            file.write(updated + readme[copied:])
    return count, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--hub", required=True, help="address of a hub with default settings")
    parser.add_argument("--update", action="store_true", help="write what is printed into the files")
    parser.add_argument("readmes", nargs="+")
    options = parser.parse_args()
    tried = [try_examples(path, options) for path in options.readmes]
    count, failures = map(sum, zip(*tried))
    print(f"readme: {count} examples, {failures} failed")
    sys.exit(1 if failures else 0)


def shape(line):
    """What is the same in every run, to bring lines into one order."""
    return VOLATILE.sub(lambda found: f"<{found.lastgroup}>", line)


if __name__ == "__main__":
    main()
