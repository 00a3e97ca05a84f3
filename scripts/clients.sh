#!/usr/bin/env bash
# Clients we did not write against the hub: four in Python (curl's own WebSocket among them), Node's ws, Chromium,
# Gorilla's in Go and Rust's tungstenite, each through the same scenarios, as a table; and every HTTP call with curl.
# Installs and builds them below target/clients and beside their sources, and starts the hub on a free port.
#
# Arguments name the clients to run, instead of all. ROOMCAST_BIN starts another binary than target/debug/roomcast.
# Exit status: 0 if every client is content.
set -euo pipefail
cd "$(dirname "$0")/.."

HERE=tests/clients
BUILT=$PWD/target/clients
GORILLA=golang-github-gorilla-websocket-dev
binary=${ROOMCAST_BIN:-target/debug/roomcast}

# shellcheck source=scripts/hub.sh
source scripts/hub.sh

# Needs what the first argument says, with Debian's package that brings it; the rest is a command that finds it.
needs() {
  local what=$1
  shift
  "$@" >/dev/null 2>&1 && return
  printf 'clients.sh: needs %s, which is missing; install it, or run scripts/test.sh, which does\n' "$what" >&2
  exit 1
}
needs 'cargo' command -v cargo
needs 'Node' command -v node
needs "Node's npm" command -v npm
needs 'Python 3.11 or later, with venv (python3-venv)' \
  python3 -c 'import sys, ensurepip, venv; assert sys.version_info >= (3, 11)'
needs 'curl (curl)' command -v curl
needs 'Chromium (chromium)' command -v "${CHROMIUM:-/usr/bin/chromium}"
needs 'Go (golang-go)' command -v go
needs "Gorilla's WebSocket for Go ($GORILLA)" dpkg-query -L "$GORILLA"

[[ ${ROOMCAST_BIN:-} ]] || cargo build --locked --quiet --bin roomcast
mkdir -p "$BUILT"
if ! cmp -s "$HERE/python/requirements.txt" "$BUILT/python/installed.txt"; then
  python3 -m venv --clear "$BUILT/python"
  "$BUILT/python/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$HERE/python/requirements.txt"
  cp "$HERE/python/requirements.txt" "$BUILT/python/installed.txt"
fi
for folder in "$HERE/javascript" tests/browser; do
  cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed.json" && continue
  npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
  cp "$folder/package-lock.json" "$folder/node_modules/.installed.json"
done
# Debian keeps Go's libraries as sources in one tree, for a build without modules and without a network.
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$BUILT/go GOFLAGS='' go build -o "$BUILT/gorilla" \
  -ldflags "-X main.version=$(dpkg-query -W -f '${source:Upstream-Version}' "$GORILLA")" "$HERE/go/gorilla_client.go"
cargo build --locked --quiet --manifest-path "$HERE/rust/Cargo.toml" --target-dir "$BUILT/rust"

# A busy machine is no reason to refuse anybody.
start_hub "$binary" --listen 127.0.0.1:0 --key k --echo --max-message 1MiB --loop-lag-limit 60s
export ROOMCAST_URL=$hub_url

status=0
python3 -W error "$HERE/run.py" "$@" || status=1
[[ $# -gt 0 ]] || "$HERE/curl_calls.sh" || status=1
exit "$status"
