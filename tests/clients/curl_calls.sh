#!/usr/bin/env bash
# curl against the hub: every HTTP call, and the ways in which curl sends a body.
#
# Run by scripts/clients.sh, which starts the hub with --key k, and gives its address in ROOMCAST_URL.
set -euo pipefail

failures=0

# The header that says who asks.
shown='Authorization: Bearer k'

# Calls with these arguments of curl; the path comes last. Leaves the answer in $status and $body.
call() {
  local arguments=("$@") path=${*: -1} answer
  unset 'arguments[-1]'
  answer=$(curl --http1.1 --silent --show-error --noproxy '*' --max-time 20 \
    --header "$shown" --write-out '\n%{http_code}' "${arguments[@]}" "$ROOMCAST_URL$path")
  status=${answer##*$'\n'} body=${answer%$'\n'*}
}

# Checks the status, and that the body has these words.
expect() {
  local label=$1 code=$2 words=${3:-}
  if [[ $status == "$code" && $body == *"$words"* ]]; then
    printf 'ok  %s\n' "$label"
  else
    printf 'FAILED  %s: expected %s and %s, got %s and %s\n' "$label" "$code" "$words" "$status" "${body:0:300}"
    failures=$((failures + 1))
  fi
}

# A field of the body, which is JSON on one line.
field() { sed -nE "s/.*\"$1\":\"([^\"]*)\".*/\1/p" <<<"$body"; }

JSON=(--header 'Content-Type: application/json')
EVENT='{"type":"order:placed","payload":{"id":7}}'

# The ways in which curl sends a body.
call "${JSON[@]}" --data "$EVENT" /api/v1/events
expect 'a body of a known length' 202 '"receivers":0'
call --data "$EVENT" /api/v1/events
expect 'a body that -d labels as a form' 202 '"type":"order:placed"'
call --request POST --upload-file - /api/v1/events <<<"$EVENT"
expect 'a chunked body from standard input' 202 '"type":"order:placed"'
call --request POST --header 'Expect: 100-continue' --data "$EVENT" /api/v1/events
expect 'a body that waits for 100 Continue' 202 '"type":"order:placed"'
call --request POST --header 'Expect: 100-continue' --upload-file - /api/v1/events <<<"$EVENT"
expect 'a chunked body that waits for 100 Continue' 202 '"type":"order:placed"'
text=$(head -c 900000 /dev/zero | tr '\0' a)
call --request POST --upload-file - /api/v1/events <<<'{"type":"a:b","payload":{"text":"'"$text"'"}}'
expect 'a chunked body of 900 kB' 202 '"type":"a:b"'
call --data-binary @- /api/v1/events <<<"$text$text"
expect 'a body that is too large' 413 '"error"'
shown='X-API-Key: none' call "${JSON[@]}" --data "$EVENT" /api/v1/events
expect 'a body without the key' 401 '"unauthorized"'

# Health and metrics.
call /healthz
expect 'health' 200 '{"status":"ok"}'
call --head /healthz
expect 'a HEAD' 200 'Content-Length: 15'
call /readyz
expect 'readiness' 200 '{"status":"ready"}'
call --compressed /metrics
expect 'metrics' 200 'roomcast_http_requests_total{'
call /
expect 'the page' 200 '<title>'
shown='X-API-Key: wrong' call /metrics
expect 'metrics with a wrong key' 401 '"unauthorized"'
shown='X-API-Key: k' call /metrics
expect 'metrics with the other header' 200 'roomcast_'

# sessions
call "${JSON[@]}" --data '{"order":7}' /api/v1/sessions
expect 'a session' 201 '"metadata":{"order":7}'
session=/api/v1/sessions/$(field session_id)
call "$session"
expect 'the session' 200 '"status":"pending"'
call "$session/result"
expect 'no result yet' 202 '"status":"pending"'
call --data '{"status":"opened"}' "$session/status"
expect 'a status' 200 '"status":"opened"'
call --data '{"paid":true}' "$session/result"
expect 'a result' 201 '"status":"completed"'
call "$session/result"
expect 'the result' 200 '"result":{"paid":true}'
call --request DELETE "$session"
expect 'the end of the session' 204
call "$session"
expect 'no session any more' 404 '"not_found"'

# tasks
call --header 'X-Changed-By: cli' --data '{"repository":"web","title":"Paint it"}' /api/v1/tasks
expect 'a task' 201 '"status":"pending"'
task=/api/v1/tasks/$(field id)
call "$task"
expect 'the task' 200 '"title":"Paint it"'
call --request PATCH "${JSON[@]}" --data '{"status":"completed"}' "$task"
expect 'a change' 200 '"status":"completed"'
call --get --data-urlencode 'repository=web' --data 'limit=10' /api/v1/tasks
expect 'a listing' 200 '"next":null'
call --request DELETE "$task"
expect 'the end of the task' 204

# stream
call "${JSON[@]}" \
  --data '{"height":1,"hash":"0xb","tx_count":0,"timestamp":1700000000,"miner":"0xm","gas_used":0}' /v1/blocks
expect 'a block' 202 '{"accepted":1}'
call --data '[{"hash":"0xt","from_addr":"0xf","value_wei":"1","block_height":1}]' /v1/txs
expect 'transactions' 202 '{"accepted":1}'

# rooms
shown='X-API-Key: none' call --data '{"display_name":"Ada"}' /api/rooms
expect 'a room' 201 '"token":"'
code=$(field code) token=$(field token)
room=/api/rooms/$code
shown='X-API-Key: none' call --data '{"display_name":"Bob"}' "/api/rooms/${code,,}/join"
expect 'a second player, with the code in lower case' 201 '"player_id":"'
call --data '{"event":"phase_changed","payload":{}}' "$room/events"
expect 'an event' 202 '{"receivers":0}'
shown="Authorization: Bearer $token" call "$room/messages?limit=10"
expect 'what was said' 200 '{"messages":[]}'

exit "$((failures > 0))"
