"""Heartbeats, written from docs/spec/heartbeats.md alone: the text, and what is newest.

Signatures are read elsewhere. This module reads the third line and computes registry hashes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tests.conformance import json_form
from tests.conformance.conventions import is_name, lp, sha256
from tests.conformance.refusals import MalformedError

MAX_HEADS = 1024
MAX_REGISTRY = 64
HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


def read(text: bytes, deployment: str) -> dict[str, Any]:
    """The JSON of a heartbeat's text.

    Raises:
        MalformedError: the text has another form.
    """
    lines = text.split(b"\n")
    if len(lines) != 4 or lines[0] != b"concordant.heartbeat/v1" or lines[3]:
        raise MalformedError("not three lines")
    if lines[1] != deployment.encode():
        raise MalformedError("another deployment")
    body = _members(json_form.parse(lines[2]), "agency heads log manifest registry time")
    _name(body["agency"])
    _count(body["time"], 0)
    _hash(_members(body["log"], "root size")["root"])
    _count(body["log"]["size"], 0)
    places = []
    for head in _list(body["heads"], MAX_HEADS):
        _members(head, "generation partition root size topic")
        _name(head["topic"])
        _name(head["generation"])
        _count(head["partition"], 0)
        _count(head["size"], 0)
        _hash(head["root"])
        places.append((head["topic"], head["partition"]))
    _ascending(places)
    manifest = _members(body["manifest"], "delegation hash version")
    _count(manifest["delegation"], 1)
    _count(manifest["version"], 1)
    _hash(manifest["hash"])
    contracts = []
    for one in _list(body["registry"], MAX_REGISTRY):
        _members(one, "contract hash")
        _hash(one["contract"])
        _hash(one["hash"])
        contracts.append(one["contract"])
    _ascending(contracts)
    return body


def registry_hash(
    deployment: str, contract: bytes, delegations: Mapping[str, bytes | None]
) -> bytes:
    """The registry hash of a contract: the hash of the newest delegation by party, or None."""
    elements: list[bytes | str] = ["concordant/1/registry", deployment, contract]
    for agency in sorted(delegations):
        elements += [agency, delegations[agency] or b""]
    return sha256(lp(*elements))


def _members(value: Any, names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names.split()):
        raise MalformedError("other members")
    return value


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise MalformedError("no list, or one that is too long")
    return value


def _name(value: object) -> None:
    if not is_name(value):
        raise MalformedError("not a name")


def _count(value: object, least: int) -> None:
    if type(value) is not int or value < least:
        raise MalformedError("not a number")


def _hash(value: object) -> None:
    if not isinstance(value, str) or not HEXADECIMAL.fullmatch(value):
        raise MalformedError("not a hash")


def _ascending(values: list[Any]) -> None:
    if any(one >= other for one, other in pairwise(values)):
        raise MalformedError("not ascending, or one of them twice")
