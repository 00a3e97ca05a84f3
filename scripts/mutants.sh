#!/usr/bin/env bash
# Makes deliberate bugs, one at a time, and shows which seeds of an ordinary run catch each, or which scenarios, if no
# seed comes to it: the list is tests/simulation/mutants.toml.
#
#   scripts/mutants.sh [NAME...]
#
# A name is any part of one in the list; without one all are tried, in about ten seconds each. They are made in a
# scratch copy of what is in the working tree (of files that git knows), built in target/mutants. The exit status is 1
# if a bug survives, and 2 if one cannot be made, or if seeds fail without any.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 -B scripts/mutants "$@"
