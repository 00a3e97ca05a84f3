#!/usr/bin/env bash
# Runs the examples of the READMEs against a hub with default settings and compares what they print with what is written
# there; --update writes into the READMEs what they print. What is for a page is tried in a real browser, where there is
# one and tests/browser has its packages (`npm --prefix tests/browser ci`); without them it is said that it was not.
#
# ROOMCAST_BIN runs another binary than target/release/roomcast, which is built if there is none given.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/hub.sh
source scripts/hub.sh

mapfile -t readmes < <(git ls-files --cached --others --exclude-standard '*README.md')
binary=${ROOMCAST_BIN:-target/release/roomcast}
[[ ${ROOMCAST_BIN:-} ]] || cargo build --locked --release --quiet --bin roomcast

# A busy machine is no reason to refuse anybody, and start_hub has nothing kept; all else is by default.
start_hub "$binary" --listen 127.0.0.1:0 --loop-lag-limit 60s
failed=0
python3 scripts/readme/examples.py --binary "$binary" --hub "${hub_url#http://}" "$@" "${readmes[@]}" || failed=1
if [[ -d tests/browser/node_modules && -x ${CHROMIUM:-/usr/bin/chromium} ]]; then
  node scripts/readme/pages.mjs "$hub_url" "${readmes[@]}" || failed=1
else
  echo "readme: no browser, or no packages in tests/browser: what is for a page was not tried"
fi
exit "$failed"
