#!/usr/bin/env bash
# Fuzzes the server: every target of tests/fuzz, or those that are named, for so many minutes each.
#
#   scripts/fuzz.sh MINUTES [TARGET...]
#
# JOBS targets run at once (default: one a core, two at most); more than one only pays where there are cores for it.
# SANITIZER=address builds with AddressSanitizer: the server has no unsafe code, but its libraries do. It costs a third of
# the speed, so it is off by default. It needs a flag of the compiler that is not stable, which is switched on for it.
#
# What is learned stays in target/fuzz/corpus/TARGET and is taken up by the next run; the corpus of the repository is
# only read. A finding is kept in target/fuzz/findings/TARGET, with a line that replays it, and the exit status is 1.
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_FUZZ_VERSION=0.13.2
JOBS=${JOBS:-$(($(nproc) < 2 ? 1 : 2))}
SANITIZER=${SANITIZER:-none}
RSS_MIB_MAX=1024
# Seconds that one input may take: the slowest takes a tenth of one.
TIMEOUT_S=20

usage() {
  echo "usage: scripts/fuzz.sh MINUTES [TARGET...], where a target is one of: ${all[*]}" >&2
  exit 2
}

mapfile -t all < <(cd tests/fuzz/targets && printf '%s\n' *.rs | sed 's/\.rs$//')
minutes=${1:-}
[[ $minutes =~ ^[0-9]+$ && $minutes -gt 0 ]] || usage
shift
targets=("${@:-${all[@]}}")
for target in "${targets[@]}"; do
  [ -f "tests/fuzz/targets/$target.rs" ] || usage
done

tools=$PWD/target/fuzz-tools
if [ "$("$tools/bin/cargo-fuzz" --version 2>/dev/null || true)" != "cargo-fuzz $CARGO_FUZZ_VERSION" ]; then
  echo "installing cargo-fuzz $CARGO_FUZZ_VERSION"
  cargo install --quiet --locked --root "$tools" --version "$CARGO_FUZZ_VERSION" cargo-fuzz
fi
# The sanitizer is a matter of the compiler's that is not stable; everything else is.
[ "$SANITIZER" = none ] || export RUSTC_BOOTSTRAP=1
# What is built with a sanitizer and without is kept apart.
built=target/fuzz/$SANITIZER
mkdir -p "$built"
fuzz() { "$tools/bin/cargo-fuzz" "$1" --fuzz-dir tests/fuzz --target-dir "$built" --sanitizer "$SANITIZER" "${@:2}"; }

echo "building ${#targets[@]} targets, sanitizer: $SANITIZER"
for target in "${targets[@]}"; do
  fuzz build "$target" 2>target/fuzz/build.log || { cat target/fuzz/build.log >&2; exit 1; }
done
host=$(rustc -vV | sed -n 's/^host: //p')

# The longest input that is worth making: a request has to reach the limits on heads.
longest() { case $1 in request | frames) echo 8192 ;; *) echo 4096 ;; esac; }

run() {
  local target=$1 corpus=target/fuzz/corpus/$1 findings=target/fuzz/findings/$1 log=target/fuzz/$1.log
  local dictionary=() status=0 found executions coverage
  mkdir -p "$corpus" "$findings"
  touch "$findings/.started"
  [ -f "tests/fuzz/dictionaries/$target" ] && dictionary=(-dict="tests/fuzz/dictionaries/$target")
  "$built/$host/release/$target" "$corpus" "tests/fuzz/corpus/$target" "${dictionary[@]}" \
    -artifact_prefix="$findings/" -max_total_time=$((60 * minutes)) -max_len="$(longest "$target")" \
    -rss_limit_mb="$RSS_MIB_MAX" -timeout="$TIMEOUT_S" -print_final_stats=1 >"$log" 2>&1 || status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  coverage=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)
  found=$(find "$findings" -type f -newer "$findings/.started" ! -name .started | sort)
  printf '%-10s %12s executions, %s, %s findings\n' \
    "$target" "${executions:-?}" "${coverage:-no coverage}" "$(printf '%s' "$found" | grep -c .)"
  [ -n "$found" ] && printf '  replay: %s\n' "${found//$'\n'/$'\n  replay: '}" |
    sed "s|replay: |replay: $built/$host/release/$target |"
  if [ "$status" -ne 0 ] && [ -z "$found" ]; then
    printf '  %s ended with status %s: see %s\n' "$target" "$status" "$log"
  fi
  [ "$status" -eq 0 ] && [ -z "$found" ]
}

failed=0
running=0
for target in "${targets[@]}"; do
  if [ "$running" -ge "$JOBS" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  run "$target" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
exit "$failed"
