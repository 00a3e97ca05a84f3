#!/usr/bin/env bash
# Everything that must hold, on any machine with Rust, Node and Python 3: installs what is missing, then checks the
# format, the lints, the documentation, every test, the pages in a real browser, and the recipes for running it.
#
# Optimized builds keep one core busy for minutes, and most tests of whole programs wait more than they compute: each of
# these runs beside the others, and says at its end what it had to say.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian's packages that are not there yet.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Redis as a program, which tests start. Where Debian starts what it installs, that is ended again: nobody has asked for it.
need_redis() {
  command -v redis-server >/dev/null && return
  need_packages redis-server
  if command -v systemctl >/dev/null && systemctl --quiet is-active redis-server 2>/dev/null; then
    as_root systemctl --quiet disable --now redis-server
  fi
}

work=$(mktemp -d)
declare -A beside=()

# Runs a function beside all that follows, in a group of processes of its own: it cannot ask for a password.
begin() {
  set -m
  "$1" >"$work/$1" 2>&1 &
  set +m
  beside[$1]=$!
}

# Waits for it, shows what it said, and fails if it did.
finish() {
  local status=0
  wait "${beside[$1]}" || status=$?
  unset "beside[$1]"
  cat "$work/$1"
  return "$status"
}

# Ends what still runs.
clean_up() {
  for group in "${beside[@]}"; do
    kill -- "-$group" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT

# What has an optimized build or one of its own.
optimized() {
  say "lints of what is built apart"
  cargo clippy --locked --quiet --manifest-path tests/clients/rust/Cargo.toml --target-dir target/clients/rust -- -D warnings
  cargo clippy --locked --quiet --manifest-path benches/rivals/Cargo.toml --target-dir target/rivals -- -D warnings

  say "tests that need an optimized build: a million simulated connections"
  # Tests unwind, and the hub aborts on a panic however it is built: so all that is optimized is built once, and not twice.
  export CARGO_PROFILE_RELEASE_PANIC=unwind
  cargo test --locked --release --quiet --test memory

  say "instructions and allocations, held against the budget"
  scripts/icount.sh
}

# What starts the hub that has been built for the tests.
programs() {
  say "pages in a real browser"
  npm --prefix tests/browser ci --no-audit --no-fund --loglevel=error
  node --test --test-reporter=spec tests/browser/*.test.mjs

  say "the tables of the comparison"
  python3 -B -m unittest discover -s tests/compare

  say "other people's clients"
  scripts/clients.sh

  say "the examples of the READMEs"
  ROOMCAST_BIN=target/debug/roomcast scripts/readme.sh

  say "a real chain, followed"
  tests/live_tail/run.sh

  say "a hub that is killed under load, and what it had answered"
  scripts/crash.sh 5 --hub target/debug/roomcast --seed 1
}

need_packages chromium curl golang-go golang-github-gorilla-websocket-dev iproute2 openssl python3-venv systemd valgrind
need_redis

say "format"
cargo fmt --all --check
for package in tests/clients/rust tests/fuzz benches/rivals; do
  cargo fmt --check --manifest-path "$package/Cargo.toml"
done

# Where nothing has been built yet there is nothing to build upon, and to prepare for that takes time.
[ -d target/debug/incremental ] || export CARGO_INCREMENTAL=0

# What tells files that come from now on.
touch "$work/began"
begin optimized

say "lints"
cargo clippy --workspace --locked --all-targets -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --locked --no-deps --document-private-items --quiet

say "tests"
cargo test --workspace --locked --quiet --no-run
begin programs
# The same random steps in every run, so that what fails here fails again; a plain `cargo test` draws fresh ones.
PROPTEST_RNG_SEED=1 cargo test --workspace --locked --quiet

say "clients whose host vanishes, in network namespaces of their own"
as_root python3 -B tests/faults/vanish.py target/debug/roomcast

say "the systemd unit and the proxy recipes, with the real programs"
scripts/deploy/try.sh

finish programs
finish optimized

say "no hub has kept anything where it was not told to"
left=$(find . -path ./target -prune -o -name 'roomcast.db*' -newer "$work/began" -print)
[ -z "$left" ] || {
  printf 'a hub was started without --data or ROOMCAST_DATA: %s\n' "$left" >&2
  exit 1
}

say "all is well"
