"""Dated data files of the software: the newest `data/<name>.<date>.json` of each name.

They hold law and samples, which change at a date and not with the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

__all__ = ["dated_data"]

_FOLDER = Path(__file__).parent / "data"


@cache
def _files() -> Mapping[str, Path]:
    newest: dict[str, Path] = {}
    for path in sorted(_FOLDER.glob("*.*.json")):  # sorted: the newest date of a name comes last
        newest[path.name.split(".", 1)[0]] = path
    return MappingProxyType(newest)


def dated_data(name: str) -> dict[str, Any]:
    """Return the content of the newest data file called `name`, a new object each time.

    Raises:
        LookupError: there is no such file (a mistake in code, not in input).
    """
    path = _files().get(name)
    if path is None:
        raise LookupError(f"no data file is called {name}")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content
