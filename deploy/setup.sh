#!/bin/sh
# setup.sh VENV LOCK: installs what LOCK names, by its SHA-256 sums, and this folder's packages into VENV.
set -eu
venv=$1
lock=$2

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then # absent, or its Python has gone
  python=$(sh "$(dirname "$0")/python.sh")
  if ! "$python" -m venv --clear "$venv"; then
    echo "The standard library's venv does not work here; on Debian and Ubuntu: apt install python3-venv" >&2
    exit 3
  fi
fi

# pip takes one package after another, so two of them use two cores. The lock is complete: each takes
# every second package of it, by its own sums, and has nothing to resolve.
halves=$(mktemp -d)
trap 'rm -rf "$halves"' EXIT
awk -v folder="$halves" '/^[A-Za-z0-9]/ {half = 1 - half} {print > (folder "/" half + 0)}' "$lock"

install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps "$@"
}

echo "Installing into $venv (the first time takes about half a minute) ..." >&2
failed=0
install --require-hashes --requirement "$halves/0" &
beside=$!
install --require-hashes --requirement "$halves/1" || failed=$?
wait "$beside" || failed=$?
if [ "$failed" -ne 0 ]; then exit "$failed"; fi
install --no-build-isolation --editable .
# Not every file of every package is for this Python: what does not compile is not imported either.
# Tests and lexers of packages are not imported.
"$venv/bin/python" -m compileall -q -j 0 -x '/(tests?|testing|lexers)/' \
  "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 || true
