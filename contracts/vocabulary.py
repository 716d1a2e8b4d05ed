"""Shared vocabulary as data: dated code lists, and the tasks of fields and event types.

Each list is a file `data/<list>.<date>.json` with its source; the newest date is used. Lists are
read on first use and cached. `Code("borough")` marks a text in an event type as a code of that
list, which pydantic then checks as a set of literals.

The engine names no field, event type or code of a subject. `vocabulary()` says which field holds
the shared id of a case, which fields hold answers about consent, and so on; another subject brings
another file (docs/adr/0042-domain-words-are-data.md).
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

__all__ = [
    "Code", "CodeList", "Vocabulary", "code_list", "codes", "dated_data", "list_names",
    "vocabulary",
]  # fmt: skip

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


def dated_data(name: str) -> dict[str, Any]:
    """Return the content of the newest data file called `name`, a new object each time.

    Raises:
        LookupError: there is no such file (a mistake in code, not in input).
    """
    path = _files().get(name)
    if path is None:
        raise LookupError(f"no code list is called {name}")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def list_names() -> tuple[str, ...]:
    """Return the names of all data files that hold a list of codes, sorted."""
    return tuple(name for name in _files() if "codes" in dated_data(name))


@cache
def code_list(name: str) -> CodeList:
    """Return the newest list called `name`.

    Raises:
        LookupError: there is no such list (a mistake in code, not in input).
    """
    content = dated_data(name)
    return CodeList(
        name=content["list"],
        dated=content["dated"],
        source=content["source"],
        codes=MappingProxyType(content["codes"]),
    )


def codes(name: str) -> Mapping[str, str]:
    """Return code to label of the newest list called `name`.

    Raises:
        LookupError: as `code_list`.
    """
    return code_list(name).codes


@dataclass(frozen=True, slots=True)
class Code:
    """Marks an annotated `str` as a code of the list `name`."""

    name: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(codes(self.name)))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tasks of fields, event types and codes in one subject, for the engine.

    Attributes:
        case: leaf path of the shared id of a case; it decides the partition, and no event is
            without it.
        urgent_types: event types that go before all others at the sender and at each reader.
        altering_types: event types that change what an earlier event said; the disclosure log calls
            them alterations.
        answers: leaf path of each answer about consent to its scope (docs/spec/contracts.md,
            "Consent").
        answer_to: scope to the leaf path of the answer.
        scopes: scope to its label.
        identity_scope: scope that every consent-bound field needs.
        record_kinds: leaf paths that say of what kind a record is.
        depersonalised_kinds: codes of the kinds whose records carry no identifying field where the
            agreement says `never`.
        depersonalised_record: such a record in words.
    """

    case: str
    urgent_types: frozenset[str]
    altering_types: frozenset[str]
    answers: Mapping[str, str]
    answer_to: Mapping[str, str]
    scopes: Mapping[str, str]
    identity_scope: str
    record_kinds: tuple[str, ...]
    depersonalised_kinds: tuple[str, ...]
    depersonalised_record: str


@cache
def vocabulary() -> Vocabulary:
    """Return the newest dated vocabulary."""
    content = dated_data("vocabulary")
    answers = content["answers"]
    return Vocabulary(
        case=content["case"],
        urgent_types=frozenset(content["urgent_types"]),
        altering_types=frozenset(content["altering_types"]),
        answers=MappingProxyType(answers),
        answer_to=MappingProxyType({scope: path for path, scope in answers.items()}),
        scopes=codes(content["scope_list"]),
        identity_scope=content["identity_scope"],
        record_kinds=tuple(content["record_kinds"]),
        depersonalised_kinds=tuple(content["depersonalised_kinds"]),
        depersonalised_record=content["depersonalised_record"],
    )
