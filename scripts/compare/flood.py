"""The load generator as a command: one run of it at a time, on a core of its own, and the JSON that it prints."""

import json
import re
import subprocess

from servers import FLOOD_CORE, pinned

# No run takes so long unless something hangs.
SECONDS_MAX = 400


class Refused(Exception):
    """A run that has no report. `server` is the one that it names, if it names one."""

    def __init__(self, said, names):
        super().__init__(said)
        first = said.partition(":")[0]
        self.server = first if first in names else None


class Flood:
    """The program."""

    def __init__(self, programs):
        self.program = str(programs / "roomcast-flood")

    def run(self, arguments, names=()):
        """The report of one run; checks that failed stand in it as `problems`."""
        command = [*pinned(FLOOD_CORE), self.program, *arguments, "--json", "--timeout", "300s"]
        flood = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            printed, said = flood.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            raise Refused(f"it did not end within {SECONDS_MAX} s", names) from error
        finally:
            if flood.poll() is None:
                flood.kill()
                flood.wait()
        if not printed.startswith("{"):
            lines = said.strip().splitlines() or [f"it ended with {flood.returncode} and said nothing"]
            raise Refused(sentence(lines[-1]), names)
        return json.loads(printed)


def sentence(line):
    """What a line of the flood's log says, without its level and where in the program that was."""
    return re.sub(r"^[A-Z]+ +\[[\w:]+\] ", "", line)
