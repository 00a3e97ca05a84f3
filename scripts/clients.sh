#!/usr/bin/env bash
# Other people's clients against the hub: Python's websockets, Node's ws and curl. Installs the first two below target/
# and beside their tests, starts the hub on a free port, and runs each client's script.
#
# ROOMCAST_BIN starts another binary than target/debug/roomcast. Exit status: 0 if every client is content.
set -euo pipefail
cd "$(dirname "$0")/.."

HERE=tests/clients
PYTHON=target/clients/python
binary=${ROOMCAST_BIN:-target/debug/roomcast}

# shellcheck source=scripts/hub.sh
source scripts/hub.sh

[[ ${ROOMCAST_BIN:-} ]] || cargo build --locked --quiet --bin roomcast
if ! cmp -s "$HERE/requirements.txt" "$PYTHON/installed.txt"; then
  python3 -m venv --clear "$PYTHON"
  "$PYTHON/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$HERE/requirements.txt"
  cp "$HERE/requirements.txt" "$PYTHON/installed.txt"
fi
npm --prefix "$HERE" ci --no-audit --no-fund --loglevel=error

start_hub "$binary" --listen 127.0.0.1:0 --key k --echo --max-message 1MiB
export ROOMCAST_URL=$hub_url

status=0
"$PYTHON/bin/python" -W error "$HERE/python_client.py" || status=1
node --test --test-reporter=spec "$HERE/node_client.test.mjs" || status=1
"$HERE/curl_client.sh" || status=1
exit "$status"
