#!/usr/bin/env bash
# Counts the instructions and allocations of every microbenchmark under valgrind, and fails when one operation costs more
# than benches/micro/budget.toml allows: 3 % more instructions, or any more allocations. Counts, unlike times, are the same on
# a busy machine and an idle one.
#
#   scripts/icount.sh            compares all rows
#   scripts/icount.sh outbox     compares the rows with this word in their names
#   scripts/icount.sh --update   writes the budget anew
#
# Exit status: 0 if all these rows keep to their budget.
set -euo pipefail
cd "$(dirname "$0")/.."

# The caller's flags would make other code of the same source.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
exec cargo bench --locked --quiet --bench micro -- --count "$@"
