#!/usr/bin/env bash
# Builds, starts and checks the rivals: the hub of the `events` app on other
# people's foundations, to measure against. Everything they are made of is
# kept below target/rivals.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/rivals.sh list             the rivals, a line each
       scripts/rivals.sh build [--install] [NAME...]
                                          builds all, or these
       scripts/rivals.sh start NAME       starts one in the background and
                                          prints its ADDRESS and its PID
       scripts/rivals.sh check [NAME...]  checks that each is the same hub
       scripts/rivals.sh versions         what each one is made of

Nothing is installed without --install, which has npm put Bun below
target/rivals and, where that is allowed, apt-get install Go and nginx. A rival
that cannot be had on this machine is named, with the reason and what would
install it, on standard error; `build` then ends with 3 and all others are
there.

A started rival ends with `kill PID`. It runs on the cores that the caller
allows: `taskset -c 0 scripts/rivals.sh start axum` gives it one. What it says
is kept in target/rivals/log. nchan has paths of its own: /sub/ROOM and
/pub/ROOM.

environment:
  ROOMCAST_BIN  the server that `check roomcast` starts, the yardstick of the
                checks; default target/release/roomcast
USAGE
}

names=(ceiling tungstenite axum fastwebsockets bun gorilla nchan)

say() {
  printf 'rivals: %s\n' "$*" >&2
}

# Says of a rival what it lacks, and that nothing was installed.
lacks() {
  say "$1 needs $2, not here and not installed unasked: scripts/rivals.sh build --install $1 does that"
}

# Of a rival, installs the Debian packages that are not there, where that is asked for and allowed.
packages() {
  local rival=$1 missing=() name
  shift
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ((!installs)); then
    lacks "$rival" "the Debian packages ${missing[*]}"
    return 1
  fi
  if ! command -v apt-get >/dev/null || ((EUID != 0)); then
    say "$rival needs the Debian packages ${missing[*]}: apt-get install ${missing[*]}"
    return 1
  fi
  say "installing ${missing[*]}"
  apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "${missing[@]}" >"$made/apt.log" 2>&1 || {
    say "apt-get could not install ${missing[*]}; see $made/apt.log"
    return 1
  }
}

build_rust() {
  (cd "$source" && cargo build --release --quiet --locked --target-dir "$made" --bins)
}

build_bun() {
  if [[ -x $made/bun/node_modules/.bin/bun ]] && cmp -s "$source/bun/package-lock.json" "$made/bun/package-lock.json"; then
    return
  fi
  if ((!installs)); then
    lacks bun 'the bun of its package-lock.json, from npm'
    return 1
  fi
  command -v npm >/dev/null || {
    say 'bun comes from npm, and there is no npm'
    return 1
  }
  mkdir -p "$made/bun"
  cp "$source"/bun/package.json "$source"/bun/package-lock.json "$made/bun/"
  if ! (cd "$made/bun" && npm ci --no-audit --no-fund >npm.log 2>&1) || ! "$made/bun/node_modules/.bin/bun" --version >/dev/null; then
    say "npm could not install bun; see $made/bun/npm.log"
    return 1
  fi
}

# Debian's Go libraries are below /usr/share/gocode; nothing is fetched.
build_gorilla() {
  packages gorilla golang-go golang-github-gorilla-websocket-dev || return 1
  (cd "$source/go" && GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$made/hub-gorilla" main.go)
}

build_nchan() {
  local was_here=1
  command -v nginx >/dev/null || was_here=0
  packages nchan nginx libnginx-mod-nchan || return 1
  # Debian starts what it installs; nobody has asked for a server on port 80.
  if ((!was_here)) && command -v systemctl >/dev/null && systemctl --quiet is-active nginx 2>/dev/null; then
    systemctl --quiet disable --now nginx
    say 'Debian has started nginx as a service: it is stopped and disabled again'
  fi
}

build() {
  mkdir -p "$made"
  case $1 in
    ceiling | tungstenite | axum | fastwebsockets) build_rust ;;
    *) "build_$1" ;;
  esac
}

# Prints a port that is free now, for those who cannot take one themselves.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Becomes the rival: the process that this is called in is the rival's own.
become() {
  local folder port
  case $1 in
    roomcast)
      unset "${!ROOMCAST_@}"
      # Its rivals ask for no key, and nobody shows one: all load comes from one stranger's address. They keep nothing,
      # either; by a variable, which an older build passes over.
      ROOMCAST_DATA=off exec "$roomcast" --listen 127.0.0.1:0 --echo --max-message 2MiB --guest-calls-per-minute 0 \
        --set rooms.rooms_per_guest=0 --set rooms.players_per_guest=0
      ;;
    ceiling) exec "$made/release/ceiling" --listen 127.0.0.1:0 ;;
    bun) PORT=0 exec "$made/bun/node_modules/.bin/bun" "$source/bun/server.js" ;;
    gorilla) exec "$made/hub-gorilla" --listen 127.0.0.1:0 ;;
    nchan)
      port=$(free_port)
      folder=$made/nchan/$port
      mkdir -p "$folder"
      sed -e "s|PORT|$port|g" -e "s|FOLDER|$folder|g" "$source/nchan/nginx.conf" >"$folder/nginx.conf"
      # nginx says nothing once it listens; whoever waits asks the port itself.
      printf 'may be listening on http://127.0.0.1:%s\n' "$port" >&2
      exec nginx -p "$folder" -e stderr -c "$folder/nginx.conf"
      ;;
    *) exec "$made/release/hub-$1" --listen 127.0.0.1:0 ;;
  esac
}

# Whether the program of a rival is there.
is_here() {
  case $1 in
    roomcast) [[ -x $roomcast ]] ;;
    ceiling) [[ -x $made/release/ceiling ]] ;;
    bun) [[ -x $made/bun/node_modules/.bin/bun ]] ;;
    gorilla) [[ -x $made/hub-gorilla ]] ;;
    nchan) command -v nginx >/dev/null ;;
    *) [[ -x $made/release/hub-$1 ]] ;;
  esac
}

# Starts a rival and waits until it listens; sets address and pid.
launch() {
  local name=$1 log tries
  is_here "$name" || {
    case $name in
      roomcast) say "roomcast is not built: cargo build --release builds it" ;;
      *) say "$name is not built: scripts/rivals.sh build --install $name builds it, and installs what that needs" ;;
    esac
    return 1
  }
  mkdir -p "$made/log"
  log=$(mktemp "$made/log/$name.XXXXXX")
  (
    ulimit -Sn "$(ulimit -Hn)"
    become "$name"
  ) </dev/null >/dev/null 2>"$log" &
  pid=$!
  for ((tries = 0; tries < 200; tries++)); do
    address=$(sed -nE 's#.*listening on http://([0-9.]+:[0-9]+).*#\1#p' "$log" | head -n 1)
    [[ -n $address ]] && answers && return
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  say "$name does not listen; it said:"
  cat "$log" >&2
  kill "$pid" 2>/dev/null || true
  return 1
}

answers() {
  (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null
}

stop() {
  kill "$pid" 2>/dev/null || true
  # roomcast closes its connections in peace; a second signal does not wait for that.
  [[ $1 != roomcast ]] || kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  pid=''
}

# Whether a name is one of ours.
known() {
  local name
  for name in "${names[@]}" roomcast; do
    [[ $1 != "$name" ]] || return 0
  done
  say "there is no rival $1; there are ${names[*]}"
  exit 2
}

version_of() {
  sed -n "/^name = \"$1\"\$/{n;s/version = \"\(.*\)\"/\1/p;}" "$source/Cargo.lock"
}

# The tokio-tungstenite that a package of the lock file is bound to; there are two.
tungstenite_of() {
  (cd "$source" && cargo tree --locked --quiet --package "$1" --depth 1 --prefix none --edges normal) |
    sed -n 's/^tokio-tungstenite v\([0-9.]*\).*/\1/p'
}

versions() {
  local rust
  rust=$(rustc --version | cut -d' ' -f2)
  printf 'ceiling\tRust %s, mio %s\n' "$rust" "$(version_of mio)"
  printf 'tungstenite\tRust %s, tokio %s, hyper %s, tokio-tungstenite %s\n' "$rust" "$(version_of tokio)" "$(version_of hyper)" "$(tungstenite_of roomcast-rivals)"
  printf 'axum\tRust %s, tokio %s, axum %s, tokio-tungstenite %s\n' "$rust" "$(version_of tokio)" "$(version_of axum)" "$(tungstenite_of axum)"
  printf 'fastwebsockets\tRust %s, tokio %s, hyper %s, fastwebsockets %s\n' "$rust" "$(version_of tokio)" "$(version_of hyper)" "$(version_of fastwebsockets)"
  if [[ -x $made/bun/node_modules/.bin/bun ]]; then
    printf 'bun\tBun %s\n' "$("$made/bun/node_modules/.bin/bun" --version)"
  else
    printf 'bun\tnot here\n'
  fi
  if command -v go >/dev/null; then
    printf 'gorilla\tGo %s, gorilla/websocket %s\n' "$(go version | sed 's/.*go\([0-9.]*\).*/\1/')" "$(package_version golang-github-gorilla-websocket-dev)"
  else
    printf 'gorilla\tnot here\n'
  fi
  if command -v nginx >/dev/null; then
    printf 'nchan\tnginx %s, nchan %s\n' "$(nginx -v 2>&1 | sed 's|.*/||')" "$(package_version libnginx-mod-nchan)"
  else
    printf 'nchan\tnot here\n'
  fi
}

package_version() {
  local version
  version=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || version='of unknown version'
  version=${version#*:}
  printf '%s' "${version%%[-+]*}"
}

root=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
cd "$root"
source=$root/benches/rivals
made=${CARGO_TARGET_DIR:-$root/target}/rivals
roomcast=${ROOMCAST_BIN:-$root/target/release/roomcast}
pid='' address='' installs=0

command=${1:-}
[[ -z $command ]] || shift
case $command in
  list) printf '%s\n' "${names[@]}" ;;
  build)
    if [[ ${1:-} == --install ]]; then
      installs=1
      shift
    fi
    (($#)) || set -- "${names[@]}"
    for name in "$@"; do known "$name"; done
    status=0
    for name in "$@"; do
      build "$name" || {
        say "$name is not to be had here"
        status=3
      }
    done
    exit "$status"
    ;;
  start)
    (($# == 1)) || {
      usage >&2
      exit 2
    }
    known "$1"
    launch "$1"
    printf '%s %s\n' "$address" "$pid"
    ;;
  check)
    (($#)) || set -- "${names[@]}"
    for name in "$@"; do known "$name"; done
    trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true' EXIT
    status=0
    for name in "$@"; do
      if launch "$name"; then
        python3 "$source/check.py" "$name" "$address" || status=1
        stop "$name"
      else
        status=1
      fi
    done
    exit "$status"
    ;;
  versions) versions ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
