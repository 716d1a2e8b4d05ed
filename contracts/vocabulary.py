"""Dated code lists: the shared vocabulary as data, so that a list changes without touching code.

Each list is a file `data/<list>.<date>.json` with its source (reference: referrals.md, "Recording"
and "Places"); the newest date wins. Lists are read at first use and kept. `Code("borough")` marks a
text in an event type as a code of that list, which pydantic then checks as a set of literals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["Code", "CodeList", "code_list", "codes", "list_names"]

_FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list at one date.

    Attributes:
        name: of the list, as in `Code(name)`.
        dated: ISO date from which the list holds.
        source: who publishes it.
        codes: code to English label, in the source's order.
    """

    name: str
    dated: str
    source: str
    codes: Mapping[str, str]


@cache
def _files() -> Mapping[str, Path]:
    newest: dict[str, Path] = {}
    for path in sorted(_FOLDER.glob("*.*.json")):  # sorted: the newest date of a list comes last
        newest[path.name.split(".", 1)[0]] = path
    return MappingProxyType(newest)


def list_names() -> tuple[str, ...]:
    """Return the names of all data files that hold a list of codes, sorted."""
    return tuple(name for name in _files() if name not in {"legal_rules", "legal_codes"})


@cache
def code_list(name: str) -> CodeList:
    """Return the newest list called `name`.

    Raises:
        LookupError: there is no such list (a mistake in code, not in input).
    """
    path = _files().get(name)
    if path is None:
        raise LookupError(f"no code list is called {name}")
    content = json.loads(path.read_bytes())
    return CodeList(
        name=content["list"],
        dated=content["dated"],
        source=content["source"],
        codes=MappingProxyType(content["codes"]),
    )


def codes(name: str) -> Mapping[str, str]:
    """Return code to label of the newest list called `name`."""
    return code_list(name).codes


@dataclass(frozen=True, slots=True)
class Code:
    """Marks an annotated `str` as a code of the list `name`."""

    name: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(codes(self.name)))
