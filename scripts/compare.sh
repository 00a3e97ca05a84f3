#!/usr/bin/env bash
# Builds roomcast, the flood and the rivals, and runs all of them side by side:
# one table and one page, in target/compare.
#
# Exit status: 0 all rows were measured, 1 something could not be measured or
# a check of roomcast failed, 2 wrong usage, or nothing could be built.
set -euo pipefail

case " $* " in
*' -h '* | *' --help '*) exec python3 -B "$(dirname "${BASH_SOURCE[0]}")/compare" --help ;;
esac

cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"
target=${CARGO_TARGET_DIR:-target}
if [[ " $* " != *' --from '* ]]; then
  cargo build --release --quiet --locked || exit 2
  cargo build --release --quiet --locked --package roomcast-flood || exit 2
  # With 3 some rivals cannot be had; the comparison names them.
  scripts/rivals.sh build || (($? == 3)) || exit 2
fi
exec python3 -B scripts/compare --programs "$target/release" --folder "$target/compare" "$@"
