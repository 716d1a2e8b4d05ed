"""Asks the adapter of a folder whether it lives: exit 0 if `/livez` answers, else 1.

The adapter writes the port it got to `state/http-port`; standard library only, so that it is quick.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TIMEOUT_S = 3


def lives(agency: Path) -> bool:
    """Return whether the adapter of this folder answers."""
    try:
        port = int((agency / "state" / "http-port").read_text())
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, ValueError, HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if lives(Path(sys.argv[1])) else 1)
