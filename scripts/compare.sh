#!/usr/bin/env bash
# Builds roomcast, the flood and the rivals, and runs all of them side by side:
# one table and one page, in target/compare. It installs nothing, unless it is
# asked to with --install: a rival that is not to be had here is named, with
# what would install it, and left out.
#
# Exit status: 0 all rows were measured, 1 something could not be measured,
# roomcast has no figure in a row or a check of it failed, 2 wrong usage, or
# nothing could be built.
set -euo pipefail

case " $* " in
*' -h '* | *' --help '*) exec python3 -B "$(dirname "${BASH_SOURCE[0]}")/compare" --help ;;
esac

cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"
target=${CARGO_TARGET_DIR:-target}
if [[ " $* " != *' --from '* ]]; then
  cargo build --release --quiet --locked || exit 2
  cargo build --release --quiet --locked --package roomcast-flood || exit 2
  install=()
  [[ " $* " != *' --install '* ]] || install=(--install)
  # With 3 some rivals cannot be had; the comparison goes without them.
  scripts/rivals.sh build "${install[@]}" || (($? == 3)) || exit 2
fi
exec python3 -B scripts/compare --programs "$target/release" --folder "$target/compare" "$@"
