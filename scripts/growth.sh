#!/usr/bin/env bash
# What a delivery and a connection cost as connections become many: real ones over loopback, the hub on core 0 and the
# flood on core 1, and simulated ones up to a million. Writes target/growth/table.md and target/growth/growth.svg.
#
# The sizes take turns for ROUNDS rounds (3), each with a fresh hub, and the medians are what is shown. SIZES are the
# numbers of real connections (1000 5000 10000 19000); one that the descriptor limit does not allow is left out.
# DELIVERIES are those of one figure (500000).
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/hub.sh
source scripts/hub.sh

read -ra sizes <<<"${SIZES:-1000 5000 10000 19000}"
rounds=${ROUNDS:-3}
deliveries=${DELIVERIES:-500000}
# On a busy machine nothing may move for long.
settle=30s
made=target/growth
target=${CARGO_TARGET_DIR:-target}/release

say() { printf 'growth: %s\n' "$*" >&2; }

hub_core=() flood_core=()
if (($(nproc) > 1)); then
  hub_core=(taskset -c 0) flood_core=(taskset -c 1)
else
  say 'there is only one core: hub and flood share it'
fi

# One run of the flood against a hub of its own: CONNECTIONS, the mode's name, and what the flood is to do.
run() {
  local connections=$1 mode=$2 report
  shift 2
  start_hub "${hub_core[@]}" "$target/roomcast" --listen 127.0.0.1:0
  report=$("${flood_core[@]}" "$target/roomcast-flood" "$@" --json --server "${hub_url#http://}" --pid "$hub_pid") || {
    say "the flood of $connections connections failed: $report"
    return 1
  }
  stop_hub
  hub_pid=''
  printf '{"connections":%d,"mode":"%s","report":%s}\n' "$connections" "$mode" "$report" >>"$made/real.jsonl"
}

cargo build --locked --release --quiet
cargo build --locked --release --quiet --package roomcast-flood
mkdir -p "$made"
rm -f "$made"/{real.jsonl,simulated.jsonl,table.md,growth.svg}

ulimit -Sn "$(ulimit -Hn)"
for ((round = 1; round <= rounds; round++)); do
  for connections in "${sizes[@]}"; do
    # The hub keeps some descriptors for itself.
    if ((connections + 500 > $(ulimit -n))); then
      say "$connections connections are more than the descriptor limit, $(ulimit -n), allows"
      continue
    fi
    say "round $round of $rounds: $connections connections"
    messages=$((deliveries / connections))
    run "$connections" idle idle "$connections" --hold 1s
    run "$connections" 'a write for each delivery' fanout "$connections" --messages "$messages" --window 1 --settle "$settle"
    run "$connections" '64 messages in flight' fanout "$connections" --messages $((6 * messages)) --window 64 --settle "$settle"
  done
done

say 'up to a million simulated connections'
cargo bench --locked --quiet --bench growth >"$made/simulated.jsonl"
python3 scripts/growth/draw.py "$made"
say "the table is $made/table.md, the picture $made/growth.svg"
