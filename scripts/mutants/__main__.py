"""Tries every deliberate bug of tests/simulation/mutants.toml in a scratch copy: against the seeds of an ordinary run, and
against the scenarios where no seed comes to it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = "tests/simulation/mutants.toml"
TEST = "cargo test --locked --quiet --test simulation".split()
SEEDS = [*TEST, "every_seed", "--", "--nocapture"]
# The list of the bugs is a test, too, which finds the one that is made.
SCENARIOS = [*TEST, "--", "--skip", "every_seed", "--skip", "every_deliberate_bug"]
# What fails hangs, or fails at once: an ordinary run takes seconds.
BUILD_AND_RUN_SECONDS_MAX = 900
REPLAY = re.compile(r"^ROOMCAST_SEED=(?P<seed>\d+)(?: ROOMCAST_STEPS=(?P<steps>\S*))? cargo .*? # step (?P<step>\d+): (?P<why>.*)$", re.M)
FAILED = re.compile(r"^failures:\n((?:    \S+\n)+)", re.M)
RAN = re.compile(r"^(?P<ran>\d+) seeds from .*: (?P<failed>\d+) failed$", re.M)
# The list of what happened to a client last: a line of a table has no room for it.
DETAILS = re.compile(r"turn \d+: (client \d+, \w+)[^()]*\(.*?(?:ended [^)]*\)?)\): ")
WHY_MAX = 110


def git(*arguments, folder=ROOT):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def run(tree, command=SEEDS, **environment):
    """What the tests say, and whether they all pass; None if they say nothing in time."""
    environment = {"CARGO_TARGET_DIR": str(ROOT / "target/mutants"), "RUST_BACKTRACE": "0", **environment}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOMCAST_")}
    process = subprocess.Popen(
        command,
        cwd=tree,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=BUILD_AND_RUN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return None, False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return said, process.returncode == 0


def catch(tree):
    """How what is in the tree is caught: the share of the seeds and a sentence, or no sentence if it is not."""
    share, why = catch_by_seeds(tree)
    return (share, why) if why is not None else ("", catch_by_scenarios(tree))


def catch_by_scenarios(tree):
    """The scenarios that what is in the tree fails, or none if it passes them all."""
    said, passed = run(tree, SCENARIOS)
    if said is None:
        return f"the scenarios did not end within {BUILD_AND_RUN_SECONDS_MAX} s"
    if passed:
        return None
    failed = FAILED.findall(said)
    if not failed:
        raise SystemExit(f"this is no failure of scenarios:\n{said}")
    return "scenario " + ", ".join(failed[-1].split())


def catch_by_seeds(tree):
    """How the seeds catch what is in the tree: their share and a sentence, or no sentence if they do not."""
    said, passed = run(tree)
    if said is None:
        return "", f"the run did not end within {BUILD_AND_RUN_SECONDS_MAX} s"
    if passed:
        return "", None
    told = list(REPLAY.finditer(said))
    ran = RAN.search(said)
    if not told or not ran:
        raise SystemExit(f"this is no failure of seeds:\n{said}")
    # One that was made small, of the smallest seed.
    first = min(told, key=lambda told: (told["steps"] is None, int(told["seed"])))
    seed, steps = first["seed"], first["steps"]
    if steps is not None and run(tree, ROOMCAST_SEED=seed, ROOMCAST_STEPS=steps)[1]:
        raise SystemExit(f"seed {seed} fails, and the steps {steps} that were left of it do not")
    least = f" ({len(expanded(steps))} needed)" if steps is not None else ""
    why = DETAILS.sub(r"\1: ", first["why"])
    why = why if len(why) <= WHY_MAX else why[:WHY_MAX] + "…"
    return f"{ran['failed']} of {ran['ran']}", f"seed {seed}, step {first['step']}{least}: {why}"


def expanded(steps):
    parts = [part.split("-") for part in steps.split(",") if part]
    return [step for part in parts for step in range(int(part[0]), int(part[-1]) + 1)]


def main(wanted):
    mutants = tomllib.loads((ROOT / LIST).read_text())["mutant"]
    if wanted:
        mutants = [mutant for mutant in mutants if any(name in mutant["name"] for name in wanted)]
    if not mutants:
        print(f"no name in {LIST} has {' or '.join(wanted)} in it", file=sys.stderr)
        return 2
    # What is in the working tree, whether it is committed or not.
    state = git("stash", "create") or git("rev-parse", "HEAD")
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="roomcast-mutants-") as scratch:
        tree = Path(scratch, "tree")
        git("worktree", "add", "--quiet", "--detach", str(tree), state)
        try:
            print("without a bug", end=": ", flush=True)
            share, why = catch(tree)
            if why is not None:
                print(f"{share} seeds fail: {why}")
                return 2
            print("all seeds keep every promise\n")
            width = max(len(mutant["name"]) for mutant in mutants)
            print(f"{'deliberate bug':{width}}  {'seeds':>10}  caught by", flush=True)
            for mutant in mutants:
                file = tree / mutant["file"]
                text = file.read_text()
                if text.count(mutant["find"]) != 1:
                    print(f"{mutant['name']}: its text does not occur once in {mutant['file']}", file=sys.stderr)
                    return 2
                file.write_text(text.replace(mutant["find"], mutant["replace"]))
                share, why = catch(tree)
                file.write_text(text)
                survivors += why is None
                print(f"{mutant['name']:{width}}  {share:>10}  {why or 'SURVIVED'}", flush=True)
        finally:
            git("worktree", "remove", "--force", str(tree))
    print(f"\n{len(mutants) - survivors} of {len(mutants)} were caught")
    return 1 if survivors else 0


def stop(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
