#!/usr/bin/env bash
# Runs seeds of the simulation that nobody has run, on all cores, for so many minutes.
#
#   scripts/sweep.sh MINUTES [SEED]
#
# The first seed is drawn from the clock, so two sweeps have nothing in common; SEED begins with that one, to go over the
# same ones again. The build is optimized, with every assertion and overflow check of a debug build.
#
# A failure is made small and printed when it is found, as one line to paste that replays it. Ctrl-C ends the sweep
# early, with all that it has found. The exit status is 1 if a seed failed.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  echo "usage: scripts/sweep.sh MINUTES [SEED]" >&2
  exit 2
}

minutes=${1:-}
# A second has a million seeds of its own: more than are run in it.
seed=${2:-$(($(date +%s) << 20))}
[[ $# -le 2 && $minutes =~ ^[0-9]+$ && $minutes -gt 0 && $seed =~ ^[0-9]+$ ]] || usage

cargo test --locked --quiet --profile sweep --test simulation --no-run
echo "seeds from $seed on, for $minutes minutes, on $(nproc) cores"
# The run itself hears of Ctrl-C, and tells what it has found.
trap '' INT
ROOMCAST_SEED=$seed ROOMCAST_SECONDS=$((60 * minutes)) \
  cargo test --locked --quiet --profile sweep --test simulation every_seed -- --nocapture
