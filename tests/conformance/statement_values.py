"""Values that delegations and manifests have in common (docs/spec/keys.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.conformance.conventions import decode_base64
from tests.conformance.refusals import MalformedError

MAX_TEXT = 256
AGENCY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that may be compromised; a manifest says too when it was first stated."""

    kid: bytes
    since: int
    stated: int | None = None


def members(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise MalformedError("not these members")
    return value


def list_value(value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise MalformedError("not a list")
    return value


def text_value(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise MalformedError("not a text")
    if any(ord(letter) < 0x20 for letter in value):
        raise MalformedError("a control character")
    return value


def id_value(value: object) -> str:
    if not isinstance(value, str) or not AGENCY.fullmatch(value):
        raise MalformedError("not an id")
    return value


def octets(value: object, length: int | None = None) -> bytes:
    if not isinstance(value, str):
        raise MalformedError("not base64")
    found = decode_base64(value)
    if length is not None and len(found) != length:
        raise MalformedError("of another length")
    return found
