"""Idempotency key of a record: it is the same each time the unchanged record is exported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import orjson

_LABEL: Final = b"concordant/1/source-key"


def source_key(agency: str, mapping: str, reference: str, content: Mapping[str, object]) -> bytes:
    """Derive the idempotency key of a record, 32 bytes: exported again, it is one event only.

    The key is derived from the record's own reference and its content as text. Column order, line
    ends and encoding do not change it; a changed value does.

    Args:
        agency: this agency.
        mapping: the adapter's name.
        reference: own reference of the record.
        content: own column -> raw value, without volatile columns (an extract date) and without
            shared ids, which a system learns after the first export.
    """
    settled = {name: _settled(value) for name, value in content.items()}
    body = orjson.dumps(
        [agency, mapping, reference, {name: v for name, v in settled.items() if v not in ("", [])}],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.sha256(_LABEL + b"\0" + body).digest()


def _settled(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)  # orjson cannot write larger integers
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _settled(item) for name, item in value.items()}
    return value
