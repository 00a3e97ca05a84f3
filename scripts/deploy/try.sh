#!/usr/bin/env bash
# Tries what lies in this folder: the systemd units with systemd's own checks, a hub on a socket that systemd's own tool
# passes, and the recipes for nginx and Caddy with the real programs, in front of a real hub.
#
# No service of the machine is touched, and nothing is installed: where nginx or Caddy is missing it is unpacked from
# Debian's package into target/deploy/. They run as plain processes on free ports of 127.0.0.1 and are stopped by
# their process ids.
#
# Exit status: 0 all is well, 1 a check failed, 2 there was something that could not be tried.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/deploy/try.sh

environment:
  ROOMCAST_BIN  try this binary instead of building one
  NGINX, CADDY  try these programs
USAGE
}

# How exposed systemd may call the unit, in tenths: what systemd 252 says today. It may only fall.
readonly EXPOSURE_MAX=11

ROOT=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
readonly ROOT
readonly DEPLOY=$ROOT/scripts/deploy
readonly WORK=$ROOT/target/deploy

say() {
  printf 'deploy: %s\n' "$*"
}

# Ends with status 2: we could not try, which says nothing about the recipes.
give_up() {
  printf 'deploy: %s\n' "$*" >&2
  exit 2
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

# Fetches a Debian package into the current folder, with new lists where the old ones name a file that is gone.
download() {
  apt-get download -qq "$1" 2>/dev/null && return
  as_root apt-get update -qq && apt-get download -qq "$1"
}

# Prints the path of a program that was unpacked before.
unpacked() {
  local path
  for path in "$WORK/$1"/usr/{sbin,bin}/"$1"; do
    [[ -x $path ]] && printf '%s\n' "$path" && return
  done
  return 1
}

# Unpacks the package that is called as its program. To install it would start it as a service.
unpack() {
  command -v apt-get >/dev/null || give_up "there is no $1, and no apt-get to fetch it with"
  say "unpacking $1"
  mkdir -p "$WORK/packages"
  cd "$WORK/packages"
  rm -f "$1"_*.deb
  download "$1" || give_up "the package $1 cannot be had"
  dpkg-deb -x "$1"_*.deb "$WORK/$1"
}

# Prints the path of a program: the machine's own, else one that is unpacked here.
program() {
  local path
  PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$1" && return
  path=$(unpacked "$1") || { (unpack "$1" >&2) && path=$(unpacked "$1"); } || exit 2
  if ldd "$path" 2>/dev/null | grep -q 'not found'; then
    give_up "$1 lacks libraries: $(ldd "$path" | awk '/not found/ { print $1 }' | xargs)"
  fi
  printf '%s\n' "$path"
}

# Has systemd read the units, with a binary that is there, and judge how much it leaves open.
try_unit() {
  command -v systemd-analyze >/dev/null || give_up "there is no systemd-analyze (Debian's package systemd)"
  local unit said
  unit=$(mktemp -d)/roomcast.service
  sed "s|^ExecStart=/usr/local/bin/roomcast |ExecStart=$1 |" "$DEPLOY/roomcast.service" >"$unit"
  cp "$DEPLOY/roomcast.socket" "$(dirname "$unit")"
  # It ends with 0 whatever it has said of a directive that it does not know.
  said=$(systemd-analyze verify --man=no "$unit" "${unit%service}socket" 2>&1 | grep -E 'roomcast\.(service|socket)' || true)
  if [[ $said ]]; then
    say "systemd has something against the units: $said"
    return 1
  fi
  if ! said=$(systemd-analyze security --no-pager --offline=true --threshold="$EXPOSURE_MAX" "$unit" 2>&1); then
    say "the unit leaves more open than it did: $(tail -n 1 <<<"$said")"
    return 1
  fi
  rm -r "$(dirname "$unit")"
  say "systemd accepts the units: ${said##*→ }"
}

case ${1:-} in
'') ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

command -v openssl >/dev/null || give_up "there is no openssl to make nginx's certificate with"
if [[ ! ${ROOMCAST_BIN:-} ]]; then
  (cd "$ROOT" && cargo build --locked --quiet --bin roomcast) || give_up "the hub cannot be built"
  ROOMCAST_BIN=${CARGO_TARGET_DIR:-$ROOT/target}/debug/roomcast
fi
mkdir -p "$WORK"
nginx=${NGINX:-$(program nginx)}
caddy=${CADDY:-$(program caddy)}

try_unit "$(realpath "$ROOMCAST_BIN")"
activate=$(command -v systemd-socket-activate) || give_up "there is no systemd-socket-activate (Debian's package systemd)"
exec python3 -B "$DEPLOY/trial" --hub "$ROOMCAST_BIN" --nginx "$nginx" --caddy "$caddy" --activate "$activate"
