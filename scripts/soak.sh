#!/usr/bin/env bash
# Loads one hub, on a core of its own, with everything at once on real sockets for so many minutes: all five apps in
# their own dialects, keep-alive calls, slow readers, connections that come and go, hostile clients. Then it prints both
# ends' books, which must agree to the last message, what is left, and the server's memory over time, which must be
# within 2 % of what it was after the warm-up (in runs of a minute and more).
#
#   scripts/soak.sh 30
#   ROOMCAST_SOAK_SECONDS=10 scripts/soak.sh    # seconds instead of minutes
#
# Exit status: 0 if every row comes out exactly, 1 if not, 2 if it was called wrongly.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z ${ROOMCAST_SOAK_SECONDS:-} ]]; then
  if [[ ! ${1:-} =~ ^[1-9][0-9]{0,3}$ ]]; then
    echo "usage: scripts/soak.sh MINUTES, a whole number of them, 1 to 9999" >&2
    exit 2
  fi
  ROOMCAST_SOAK_SECONDS=$(($1 * 60))
fi
export ROOMCAST_SOAK_SECONDS

cargo build --release --locked --quiet --bin roomcast --test soak || exit 2
cargo test --release --locked --quiet --test soak -- --nocapture || exit 1
