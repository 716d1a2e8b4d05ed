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

echo "Installing into $venv (the first time takes about a minute) ..." >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable .
# Not every file of every package is for this Python: what does not compile is not imported either.
"$venv/bin/python" -m compileall -q -j 0 "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 || true
