#!/usr/bin/env bash
# Builds the server and the flood client, starts the server alone on core 0 and
# floods it from core 1, prints the flood's report, and stops the server again.
#
# Exit status: the flood's (0 all good, 1 a check failed, 2 wrong usage);
# 2 as well if the server could not be built or started.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/flood.sh MODE ARGS...

  scripts/flood.sh connect 19000
  scripts/flood.sh idle 19000
  scripts/flood.sh fanout 1000 --messages 2000
  scripts/flood.sh fanout --rooms 100 --members 10 --duration 5s
  scripts/flood.sh echo 50 --duration 5s
  scripts/flood.sh slow 1000 --size 4KiB --rate 200 --duration 5s
  scripts/flood.sh fairness --rounds 10
  scripts/flood.sh storm 19000
  scripts/flood.sh churn --rate 1000 --duration 10m
  scripts/flood.sh joins 1000 --target scripts/targets/roomcast-tasks.toml
  scripts/flood.sh resume 1000
  scripts/flood.sh resume 10000 --burst
  scripts/flood.sh resume 1000 --sse

MODE and ARGS go to roomcast-flood as they are (`roomcast-flood help` names
them); --server, --pid and a --key are added. The server gets what the mode needs:
--echo and long messages for echo, patience for slow and fairness. compare is not for this
script: it takes servers that run already.

environment:
  ROOMCAST_FLAGS  more flags for the server, separated by spaces
  ROOMCAST_BIN    start this server binary instead of the one just built
USAGE
}

say() {
  printf 'flood: %s\n' "$*" >&2
}

# Builds both programs, and says so once there is something to build, for that may take minutes and cargo says nothing
# of it in between. What else cargo says is passed on.
build() {
  local line says_so=1
  { cargo build --release --color never && cargo build --release --color never --package roomcast-flood; } 2>&1 |
    while IFS= read -r line; do
      case $line in
      *' Compiling '*)
        ((!says_so)) || say 'building the server and the flood; that takes minutes the first time'
        says_so=0
        ;;
      *' Downloading '* | *' Downloaded '* | *' Finished '*) ;;
      *) printf '%s\n' "$line" >&2 ;;
      esac
    done
}

# Prints the port that the server listens on, once it does.
port_of() {
  local log=$1 pid=$2 port
  for _ in {1..100}; do
    port=$(sed -n 's|.*listening on http://127\.0\.0\.1:\([0-9][0-9]*\).*|\1|p' "$log")
    if [[ -n $port ]]; then
      printf '%s\n' "${port%%$'\n'*}"
      return
    fi
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
  say 'the server does not listen after 10 s; it said:'
  tail -n 20 "$log" >&2
  return 1
}

# Stops the server that was started here, and no other.
stop_server() {
  [[ -n $server_pid ]] || return 0
  if ! kill -TERM "$server_pid" 2>/dev/null; then
    say 'the server had ended by itself; its last words:'
    tail -n 20 "$log" >&2
    return 1
  fi
  for _ in {1..100}; do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$server_pid" 2>/dev/null && say 'the server did not stop within 10 s and was killed'
  wait "$server_pid" 2>/dev/null || true
}

clean_up() {
  local status=$?
  trap - EXIT
  if ! stop_server && ((status == 0)); then
    status=1
  fi
  rm -f "$log"
  exit "$status"
}

case ${1:-} in
'' | -h | --help)
  usage
  [[ -n ${1:-} ]] && exit 0 || exit 2
  ;;
esac

# What a server does by default would get in the way of some modes.
mode_flags=()
case $1 in
echo) mode_flags=(--echo --max-message 16MiB) ;;
slow) mode_flags=(--write-timeout 10m --pong-timeout 10m) ;;
fairness) mode_flags=(--write-timeout 10m) ;;
compare)
  say 'compare takes servers that run already: roomcast-flood help compare'
  exit 2
  ;;
esac

cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"
target=${CARGO_TARGET_DIR:-target}/release
build || exit 2
server=${ROOMCAST_BIN:-$target/roomcast}

server_core=() flood_core=()
if (($(nproc) < 2)); then
  say 'there is only one core: server and flood share it, so the times say little'
elif ! command -v taskset >/dev/null; then
  say 'there is no taskset: server and flood are not kept apart'
else
  server_core=(taskset -c 0) flood_core=(taskset -c 1)
fi

# Each end of each connection is a descriptor.
ulimit -Sn "$(ulimit -Hn)"
read -ra flags <<<"${ROOMCAST_FLAGS:-}"

server_pid=
log=$(mktemp)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# The flood shows a key, so that no limit for strangers bends what it measures.
key=()
[[ " $* ${ROOMCAST_FLAGS:-} " == *" --key"[\ =]* ]] || key=(--key flood)
# Nothing is kept, unless ROOMCAST_FLAGS names a file. By a variable: an older build in ROOMCAST_BIN does not know the
# flag, and passes this over.
"${server_core[@]}" env -u ROOMCAST_FLAGS -u ROOMCAST_BIN -u ROOMCAST_KEYS -u ROOMCAST_KEY ROOMCAST_DATA=off \
  "$server" --listen 127.0.0.1:0 "${key[@]}" "${mode_flags[@]}" "${flags[@]}" >/dev/null 2>"$log" &
server_pid=$!
port=$(port_of "$log" "$server_pid") || exit 2

"${flood_core[@]}" "$target/roomcast-flood" "$@" "${key[@]}" --server "127.0.0.1:$port" --pid "$server_pid"
