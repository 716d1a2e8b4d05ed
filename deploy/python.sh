#!/bin/sh
# Prints the Python to use: $PYTHON if it is set, else the first one here that is 3.11 or later.
set -eu
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
  if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    command -v "$name"
    exit 0
  fi
done
echo "Concordant needs Python 3.11 or later; set PYTHON=/path/to/it if it has another name." >&2
exit 3
