#!/usr/bin/env bash
# Kills a loaded hub N times at random moments, starts it again on the same data file each time, and checks all that it
# had answered, and all that its clients had heard, against what is there.
#
#   scripts/crash.sh 500
#   scripts/crash.sh 5 --hub target/debug/roomcast --seed 7
#
# Exit status: 0 if every promise was kept, 1 at the first that was not (the folder with the file and the hub's log is
# kept, and named), 2 if it was called wrongly or nothing could be built.
set -euo pipefail
cd "$(dirname "$0")/.."

hub=()
case " $* " in
*' -h '* | *' --help '* | *' --hub '* | *' --hub='*) ;;
*)
  cargo build --release --locked --quiet --bin roomcast || exit 2
  hub=(--hub "${CARGO_TARGET_DIR:-target}/release/roomcast")
  ;;
esac
exec python3 -B scripts/crash "${hub[@]}" "$@"
