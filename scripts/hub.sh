# shellcheck shell=bash
# For scripts that need a hub, to be sourced: `start_hub BINARY FLAGS...` starts one, waits until it listens and sets
# hub_url; the hub ends with the script. Its log is in $hub_log. It keeps nothing, unless a flag names a file.

hub_pid='' hub_url='' hub_log=$(mktemp)

stop_hub() {
  # A second signal does not wait for the drain.
  [[ -z $hub_pid ]] || { kill "$hub_pid" && kill "$hub_pid" && wait "$hub_pid"; } 2>/dev/null || true
  rm -f "$hub_log"
}
trap stop_hub EXIT

start_hub() {
  local tries
  # It is read from now on, and the hub makes it later.
  : >"$hub_log"
  # The caller's settings must not change what is tested.
  (
    unset "${!ROOMCAST_@}"
    # By a variable: an older build that is measured beside this one does not know the flag, and passes this over.
    ROOMCAST_DATA=off exec "$@"
  ) >/dev/null 2>"$hub_log" &
  hub_pid=$!
  for ((tries = 0; tries < 1200; tries++)); do
    # shellcheck disable=SC2034 # for whoever sources this
    hub_url=$(sed -nE 's#.*listening on (http://[^ ]+).*#\1#p' "$hub_log")
    [[ -z $hub_url ]] || return 0
    kill -0 "$hub_pid" 2>/dev/null || break
    sleep 0.05
  done
  printf 'the hub does not listen; it said:\n' >&2
  cat "$hub_log" >&2
  exit 1
}
