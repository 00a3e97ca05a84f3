#!/usr/bin/env bash
# The tests of scripts/live_tail.py: Python alone for its faults, then a real development chain (from npm, pinned in
# package-lock.json) and the real server. Needs node, npm and python3; takes less than a minute.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
chain="$root/target/live_tail"

if ! cmp -s "$here/package-lock.json" "$chain/package-lock.json" || [ ! -d "$chain/node_modules/ganache" ]; then
  mkdir -p "$chain"
  rm -f "$chain/package-lock.json"
  cp "$here/package.json" "$chain/package.json"
  cp "$here/package-lock.json" "$chain/lock.part"
  mv "$chain/lock.part" "$chain/package-lock.json"
  npm --prefix "$chain" ci --ignore-scripts --no-audit --no-fund --loglevel=error || { rm -f "$chain/package-lock.json"; exit 1; }
fi
cargo build --locked --quiet --manifest-path "$root/Cargo.toml"
cd "$here"
exec python3 -B -W error::ResourceWarning -m unittest "$@"
