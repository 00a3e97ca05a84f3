#!/usr/bin/env bash
# Runs the examples of README.md against a hub with default settings and compares what they print with what the README
# says; --update writes into the README what they print.
#
# ROOMCAST_BIN runs another binary than target/release/roomcast, which is built if there is none given.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/hub.sh
source scripts/hub.sh

binary=${ROOMCAST_BIN:-target/release/roomcast}
[[ ${ROOMCAST_BIN:-} ]] || cargo build --locked --release --quiet --bin roomcast

# A busy machine is no reason to refuse anybody; all else is by default.
start_hub "$binary" --listen 127.0.0.1:0 --loop-lag-limit 60s
python3 scripts/readme/examples.py --binary "$binary" --hub "${hub_url#http://}" "$@" README.md
