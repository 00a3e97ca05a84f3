#!/usr/bin/env bash
# Runs Autobahn's WebSocket fuzzing client against `/echo` and compares the
# outcome of every case with tests/autobahn/expected.json.
#
# The suite is Python 2.7 software. Where the machine has no Python 2.7, PyPy 2.7
# is unpacked from Debian 11's packages into a folder of its own; nothing is
# installed on the machine. All that is made lies in target/autobahn/.
#
# Exit status: 0 all as expected, 1 a case differs, failed or did not run,
# 2 the suite or the server could not be run.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/autobahn.sh [--sections "1 2 3"] [--update] [--server URL]

  --sections LIST  the suite's sections to run (default: all of them, which
                   takes half an hour, most of it for the compression of
                   sections 12 and 13; "1 2 3 4 5 6 7 9 10" takes a minute)
  --update         rewrite the expected-results file for these sections; a
                   failed case still fails
  --server URL     test the server that is already running at URL, such as
                   ws://127.0.0.1:8080/echo, instead of building and starting one

environment:
  ROOMCAST_BIN     start this binary instead of building one
  AUTOBAHN_PYTHON  use this Python 2.7; "debian" unpacks Debian 11's PyPy even
                   where a Python 2.7 is at hand
  AUTOBAHN_MIRROR  the Debian archive that has Debian 11 (default: those that
                   the machine's own apt sources name)
  AUTOBAHN_TIMEOUT seconds for the whole run of the suite (default 5400)
USAGE
}

# virtualenv 20.22 dropped Python 2.7; these run on any Python from 3.8 on.
readonly VIRTUALENV_PINS=(virtualenv==20.21.1 distlib==0.3.9 filelock==3.16.1 platformdirs==3.11.0)
# Optional C code for masking and UTF-8; the last version that comes as C rather than Cython.
readonly ACCELERATOR_PIN=wsaccel==0.6.3
# PyPy and those of its libraries whose names newer releases no longer have.
readonly PYPY_PACKAGES=(pypy pypy-lib pypy-dev libffi7 libssl1.1)

ROOT=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
readonly ROOT
readonly HELPERS=$ROOT/scripts/autobahn
readonly EXPECTED=$ROOT/tests/autobahn/expected.json
readonly WORK=$ROOT/target/autobahn
readonly PYPY=$WORK/pypy
readonly LOG=$WORK/server.log

sections="1 2 3 4 5 6 7 9 10 12 13"
update=()
server_url=
server_pid=
python2=
implementation= # CPython or PyPy
python2_libs= # library path that the unpacked PyPy needs
suite_env=

say() {
  printf 'autobahn: %s\n' "$*"
}

# Ends with status 2: we could not test, which says nothing about the server.
give_up() {
  printf 'autobahn: %s\n' "$*" >&2
  exit 2
}

parse_options() {
  while (($#)); do
    case $1 in
      --sections) sections=${2:?--sections needs a list} && shift 2 ;;
      --server) server_url=${2:?--server needs an address} && shift 2 ;;
      --update) update=(--update) && shift ;;
      -h | --help) usage && exit 0 ;;
      *) usage >&2 && exit 2 ;;
    esac
  done
  [[ $sections =~ ^[0-9]+(\ +[0-9]+)*$ ]] || give_up "--sections takes numbers with spaces between, not '$sections'"
}

# Runs a command with the library path of the unpacked PyPy, if that is in use.
# Only these commands get it: the machine's own programs have their own libraries.
with_python2() {
  if [[ $python2_libs ]]; then
    LD_LIBRARY_PATH=$python2_libs "$@"
  else
    "$@"
  fi
}

# A name on the path may be a stub (pyenv has such), so it must really run.
is_python2() {
  with_python2 "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' >/dev/null 2>&1
}

# Sets python2 to the first Python 2.7 of the machine: on the path, else pyenv's.
find_python2() {
  local pyenv_root candidate
  pyenv_root=${PYENV_ROOT:-$(pyenv root 2>/dev/null || printf %s "$HOME/.pyenv")}
  for candidate in python2.7 pypy "$pyenv_root"/versions/*2.7*/bin/{python2.7,pypy}; do
    if is_python2 "$candidate"; then
      python2=$(command -v "$candidate")
      return
    fi
  done
  return 1
}

# The archives that may hold Debian 11: what the caller says, else what the
# machine's apt sources name. Security and update suites have archives of their own.
debian_mirrors() {
  if [[ ${AUTOBAHN_MIRROR:-} ]]; then
    printf '%s\n' "$AUTOBAHN_MIRROR"
  else
    # shellcheck disable=SC2016 # apt's own placeholders
    apt-get indextargets --format '$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' |
      awk -F'|' '$2 !~ /-security|-updates|\// && !seen[$1]++ { print $1 }'
  fi
}

# Writes an apt configuration that reads and writes only below $PYPY/apt, so that
# the machine's own sources, lists and hooks stay out of it. The machine's settings
# for fetching (a proxy, certificates) are taken over.
write_apt_config() {
  local mirror=$1 apt=$PYPY/apt keyring signed_by=
  for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    [[ -e $keyring ]] && signed_by="[signed-by=$keyring]"
  done
  mkdir -p "$apt"/{parts,state/lists/partial,cache/archives/partial}
  : >"$apt/status"
  printf 'deb %s %s bullseye main\n' "$signed_by" "$mirror" >"$apt/sources.list"
  apt-config dump | grep '^Acquire::' >"$apt/apt.conf" || true
  cat >>"$apt/apt.conf" <<CONF
Dir::Etc::Main "$apt/none";
Dir::Etc::Parts "$apt/parts";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/parts";
Dir::State "$apt/state";
Dir::State::Status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
APT::Update::Error-Mode "any";
CONF
}

# Fetches the packages from one mirror into $PYPY/packages.
fetch_pypy_from() {
  write_apt_config "$1"
  rm -rf "$PYPY/packages" && mkdir -p "$PYPY/packages"
  (
    export APT_CONFIG=$PYPY/apt/apt.conf
    cd "$PYPY/packages"
    apt-get -qq update && apt-get -qq download "${PYPY_PACKAGES[@]}"
  ) >"$PYPY/apt.log" 2>&1
}

# Unpacks the packages, with no root rights and nothing installed.
unpack_pypy() {
  local package mirror
  { command -v apt-get && command -v dpkg; } >/dev/null ||
    give_up "no Python 2.7 here, and no apt-get and dpkg to unpack one: set AUTOBAHN_PYTHON"
  mkdir -p "$PYPY"
  while read -r mirror; do
    fetch_pypy_from "$mirror" && break
    say "no Debian 11 PyPy from $mirror: $(grep -m 1 '^E: ' "$PYPY/apt.log")"
    rm -rf "$PYPY/packages"
  done < <(debian_mirrors)
  [[ -d $PYPY/packages ]] ||
    give_up "no Python 2.7 here, and Debian 11's packages cannot be fetched: set AUTOBAHN_PYTHON or AUTOBAHN_MIRROR"
  for package in "$PYPY"/packages/*.deb; do
    dpkg -x "$package" "$PYPY/root"
  done
}

# Sets python2 to the unpacked PyPy, unpacking it the first time.
use_pypy() {
  local libffi
  [[ -x $PYPY/root/usr/bin/pypy ]] || unpack_pypy
  libffi=$(find "$PYPY/root/usr/lib" -name 'libffi.so.*' -print -quit)
  python2=$PYPY/root/usr/bin/pypy
  python2_libs=$PYPY/root/usr/lib:$(dirname "$libffi")
  is_python2 "$python2" || give_up "the PyPy unpacked in $PYPY does not run; delete that folder to try again"
}

choose_python2() {
  case ${AUTOBAHN_PYTHON:-} in
    debian) use_pypy ;;
    '') find_python2 || use_pypy ;;
    *)
      is_python2 "$AUTOBAHN_PYTHON" || give_up "AUTOBAHN_PYTHON is no Python 2.7: $AUTOBAHN_PYTHON"
      python2=$AUTOBAHN_PYTHON
      ;;
  esac
  implementation=$(with_python2 "$python2" -c 'import platform; print(platform.python_implementation())')
  say "$implementation 2.7 at $python2"
}

# pip of the 2.7 environment. Files are not compiled at installation: pip looks for
# them under names that PyPy does not use, and fails.
pip2() {
  PIP_COMPILE=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_PYTHON_VERSION_WARNING=1 \
    with_python2 "$suite_env/bin/python" -m pip "$@" >>"$WORK/install.log" 2>&1
}

# Makes an empty virtual environment of python2. virtualenv itself runs on the
# machine's Python 3, from a folder of its own: a 2.7 may come without pip.
make_suite_env() {
  python3 -m pip install --target "$WORK/virtualenv" "${VIRTUALENV_PINS[@]}" &&
    PYTHONPATH=$WORK/virtualenv with_python2 python3 -m virtualenv -p "$python2" "$suite_env"
}

# Installs the suite in its environment. A stamp of all that went into it,
# written last, tells whether it is there already.
install_suite() {
  local stamp
  stamp=$(cat "$HELPERS/requirements.txt" - <<<"$python2 $ACCELERATOR_PIN ${VIRTUALENV_PINS[*]}" | sha256sum)
  suite_env=$WORK/env
  [[ $(cat "$suite_env/stamp" 2>/dev/null) == "$stamp" ]] && return
  rm -rf "$suite_env" "$WORK/virtualenv" && : >"$WORK/install.log"
  make_suite_env >>"$WORK/install.log" 2>&1 ||
    give_up "no virtual environment (needs python3 with pip), see $WORK/install.log"
  # Twisted's own set-up program imports some of the others, so it comes second.
  { pip2 install --no-deps -r <(grep -v '^Twisted' "$HELPERS/requirements.txt") &&
    pip2 install --no-deps -r "$HELPERS/requirements.txt"; } ||
    give_up "the suite does not install, see $WORK/install.log"
  if [[ $implementation == CPython ]]; then
    pip2 install --no-deps "$ACCELERATOR_PIN" || say "$ACCELERATOR_PIN does not build here: section 9 will take longer"
  fi
  printf '%s\n' "$stamp" >"$suite_env/stamp"
  say "installed the suite (${SECONDS} s so far)"
}

# The address the server logged, nothing while it has not.
logged_address() {
  sed -nE 's#.*listening on http://([^ /]+).*#\1#p' "$LOG" | head -n 1
}

# Starts the server on a free port and waits until it logs its address.
start_server() {
  local binary=${ROOMCAST_BIN:-} address deadline
  if [[ -z $binary ]]; then
    (cd "$ROOT" && cargo build --release --bin roomcast --target-dir target) || give_up "the server does not build"
    binary=$ROOT/target/release/roomcast
  fi
  : >"$LOG" # now: the background process may open it only after our first look
  (
    unset "${!ROOMCAST_@}" # the caller's settings must not change what is tested
    exec "$binary" --listen 127.0.0.1:0 --data off --echo --max-message 16MiB --queue-bytes 64MiB
  ) >>"$LOG" 2>&1 &
  server_pid=$!
  deadline=$((SECONDS + 10))
  until address=$(logged_address) && [[ $address ]]; do
    kill -0 "$server_pid" 2>/dev/null || give_up "the server ended at its start: $(tail -n 3 "$LOG")"
    ((SECONDS < deadline)) || give_up "the server logged no address within 10 s, see $LOG"
    sleep 0.05
  done
  server_url=ws://$address/echo
}

# Stops the server that we started, and no other.
stop_server() {
  local tries
  [[ $server_pid ]] || return 0
  kill "$server_pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# Fails when the server did not live through the run: an abort in the last case
# could pass for a closed connection.
check_server_alive() {
  [[ -z $server_pid ]] || kill -0 "$server_pid" 2>/dev/null && return
  say "the server died during the run: $(tail -n 5 "$LOG")"
  return 1
}

# Writes what the suite is to run: every case of the sections, none excluded.
write_spec() {
  local section cases=
  for section in $sections; do
    cases+="${cases:+, }\"$section.*\""
  done
  cat >"$WORK/spec.json" <<SPEC
{
  "outdir": "$WORK/report",
  "servers": [{"agent": "roomcast", "url": "$server_url"}],
  "cases": [$cases],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
SPEC
}

# Runs the fuzzing client. It writes its report at the very end, so an old one goes first.
run_suite() {
  local started=$SECONDS
  rm -rf "$WORK/report" "$WORK/cases.json"
  say "running sections $sections against $server_url"
  with_python2 timeout --foreground "${AUTOBAHN_TIMEOUT:-5400}" "$suite_env/bin/python" "$HELPERS/wstest.py" \
    -m fuzzingclient -s "$WORK/spec.json" >"$WORK/wstest.log" 2>&1 ||
    give_up "the suite ended with status $? after $((SECONDS - started)) s: $(tail -n 3 "$WORK/wstest.log")"
  [[ -s $WORK/report/index.json ]] || give_up "the suite wrote no report, see $WORK/wstest.log"
  say "the suite ran for $((SECONDS - started)) s; its report is $WORK/report/index.html"
}

main() {
  local status=0
  parse_options "$@"
  mkdir -p "$WORK"
  choose_python2
  install_suite
  trap stop_server EXIT
  [[ $server_url ]] || start_server
  write_spec
  run_suite
  python3 "$HELPERS/compare.py" --index "$WORK/report/index.json" --planned "$WORK/cases.json" \
    --expected "$EXPECTED" "${update[@]}" || status=1
  check_server_alive || status=1
  stop_server
  if ((status)); then
    say "FAILED after $SECONDS s"
  else
    say "passed after $SECONDS s"
  fi
  exit "$status"
}

main "$@"
