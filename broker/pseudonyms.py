"""Pseudonyms that a sender derives from its secret (docs/spec/envelope.md, "Ids and partitions").

One secret with labelled uses gives an event's id, the shared id of a case or referral, a case's
partition, and the name of a case in the disclosure log. All are stable for this sender and reveal
nothing to others. An id is the text of a UUID.
"""

from __future__ import annotations

from broker.envelope.primitives import hmac_sha256, lp, random_bytes
from broker.event import uuid_text

_PARTITION_HEAD = lp(b"concordant/1/partition", b"")[:-8]
"""Precomputed ``lp`` of the label and one more part, up to that part's length."""


def event_id(secret: bytes, source_key: bytes | None) -> str:
    """Return an event's id: the same id whenever the same source item is sealed again.

    Args:
        secret: the sender's 32-byte key for pseudonyms.
        source_key: the source's idempotency key; without one the id is random (UUIDv4).
    """
    if source_key is None:
        return _uuid(random_bytes(16), version=4)
    return _uuid(hmac_sha256(secret, lp(b"concordant/1/event-id", source_key)))


def clear_id(secret: bytes, event_id: str, first_agency: str) -> str:
    """Return the id in the clear of a record that is a part or a copy of an event.

    Only the sender can compute it. So Kafka's host cannot tell which record of the event it belongs
    to. Sealing the same part or copy again gives the same id.

    Args:
        secret: the sender's 32-byte key for pseudonyms.
        event_id: the event's id, which follows from its idempotency key.
        first_agency: the first of the agencies to which the record is sealed, sorted.
    """
    parts = (b"concordant/1/clear-id", event_id.encode(), first_agency.encode())
    return _uuid(hmac_sha256(secret, lp(*parts)))


def minted_id(secret: bytes, kind: str, own_reference: str) -> str:
    """Return the id that this agency mints for its own case or referral.

    It is the same each time: after a restore, the same row must give the same event. Otherwise its
    readers would refuse it under the id that they know (``id_reused``).

    Args:
        secret: the sender's 32-byte key for pseudonyms.
        kind: ``case`` or ``referral``.
        own_reference: the agency's own reference.
    """
    parts = (b"concordant/1/shared-id", kind.encode(), own_reference.encode())
    return _uuid(hmac_sha256(secret, lp(*parts)))


def _uuid(random: bytes, version: int = 8) -> str:
    """Return a UUID in text; version 8 is for ids that are derived (RFC 9562, section 5.8)."""
    raw = bytearray(random[:16])
    raw[6] = version << 4 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F  # variant
    return uuid_text(raw)


def partition_of_case(secret: bytes, case_id: str, partitions: int) -> int:
    """Return the partition of a case: stable for one sender, and not linkable to the case."""
    case = case_id.encode()
    digest = hmac_sha256(secret, _PARTITION_HEAD + len(case).to_bytes(8, "big") + case)
    return int.from_bytes(digest[:8], "big") % partitions


def case_key(secret: bytes, case_id: str) -> bytes:
    """Return the name of a case in this agency's own disclosure log and inbox, 32 bytes."""
    return hmac_sha256(secret, lp(b"concordant/1/case", case_id.encode()))


def referral_key(secret: bytes, referral_id: str) -> bytes:
    """Return the name of a referral in this agency's facts for figures, 32 bytes."""
    return hmac_sha256(secret, lp(b"concordant/1/referral", referral_id.encode()))


def field_digest(secret: bytes, path: str, canonical: bytes) -> bytes:
    """Return the digest of a delivered field, enough to tell whether a later value is equal."""
    return hmac_sha256(secret, lp(b"concordant/1/field", path.encode(), canonical))[:16]
