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

# pip takes one package after another, and waits for the network before each. Four of them wait and
# unpack at once. The lock is complete: each takes every fourth package of it, by its own sums, and
# has nothing to resolve.
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
awk -v folder="$parts" '/^[A-Za-z0-9]/ {part = (part + 1) % 4} {print > (folder "/" part + 0)}' "$lock"

install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps "$@"
}

echo "Installing into $venv (the first time takes one to five minutes) ..." >&2
failed=0
running=
for part in "$parts"/*; do
  install --require-hashes --requirement "$part" &
  running="$running $!"
done
for one in $running; do wait "$one" || failed=$?; done
if [ "$failed" -ne 0 ]; then exit "$failed"; fi
# Not every file of every package is for this Python: what does not compile is not imported either.
# Tests, lexers, other databases and compilers of packages are not imported.
"$venv/bin/python" -m compileall -q -j 0 -x '/(tests?|testing|lexers|mssql|mysql|oracle|f2py)/' \
  "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 &
compiling=$!
install --no-build-isolation --editable . || failed=$?
wait "$compiling" || true
exit "$failed"
