"""A contract with the note of one party as one value of a record (docs/spec/topics.md)."""

from __future__ import annotations

from broker.envelope.primitives import lp
from broker.errors import RefusedError


def pack_contract(raw: bytes, note: bytes) -> bytes:
    """Return a contract and a party's note as one value: lp(file, note)."""
    return lp(raw, note)


def is_signed_contract(value: bytes) -> bool:
    """Return whether a record has the form of ``pack_contract``, not of a bundle or an entry."""
    return not value.startswith((b"PK", b"concordant."))


def unpack_contract(value: bytes) -> tuple[bytes, bytes]:
    """Parse the output of ``pack_contract``.

    Raises:
        RefusedError: ``contract_malformed``.
    """
    first = int.from_bytes(value[8:16], "big")
    raw, rest = value[16 : 16 + first], value[16 + first :]
    note = rest[8:]
    if lp(raw, note) != value:
        raise RefusedError(1, "contract_malformed", "not a contract with a signature")
    return raw, note
