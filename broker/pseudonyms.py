"""What a sender derives from its secret (docs/spec/envelope.md, "Ids and partitions").

One secret, labelled uses: an event's id, the shared id of a case or referral, a case's partition,
and the name under which the disclosure log knows a case. All are stable for this sender and mean
nothing to anyone else.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from broker.envelope.primitives import hmac_sha256, lp

_PARTITION_HEAD = lp(b"concordant/1/partition", b"")[:-8]
"""``lp`` of the label and of one part more, up to that part's length: every event needs it."""


def event_id(secret: bytes, source_key: bytes | None) -> UUID:
    """The id of an event: the same whenever the same source item is sealed again.

    Args:
        secret: the sender's PRF secret, 32 bytes.
        source_key: the source's idempotency key; without one the id is random (UUIDv4).
    """
    if source_key is None:
        return uuid4()
    return _uuid8(hmac_sha256(secret, lp(b"concordant/1/event-id", source_key)))


def shared_id(secret: bytes, kind: str, own_reference: str) -> UUID:
    """The id that this agency mints for its own case or referral.

    The same whenever it is minted: after a restore the same row must give the same event, or its
    readers would refuse it under the id that they know (``id_reused``).

    Args:
        secret: the sender's PRF secret, 32 bytes.
        kind: ``case`` or ``referral``.
        own_reference: the agency's own reference.
    """
    parts = (b"concordant/1/shared-id", kind.encode(), own_reference.encode())
    return _uuid8(hmac_sha256(secret, lp(*parts)))


def _uuid8(pseudorandom: bytes) -> UUID:
    digest = bytearray(pseudorandom[:16])
    digest[6] = 0x80 | digest[6] & 0x0F  # version 8 (RFC 9562, section 5.8)
    digest[8] = 0x80 | digest[8] & 0x3F  # variant
    return UUID(bytes=bytes(digest))


def partition(secret: bytes, case_id: str, partitions: int) -> int:
    """The partition of a case: one sender keeps one case in order, and nobody can link the two."""
    case = case_id.encode()
    digest = hmac_sha256(secret, _PARTITION_HEAD + len(case).to_bytes(8, "big") + case)
    return int.from_bytes(digest[:8], "big") % partitions


def case_key(secret: bytes, case_id: str) -> bytes:
    """The name of a case in this agency's own disclosure log and inbox, 32 bytes."""
    return hmac_sha256(secret, lp(b"concordant/1/case", case_id.encode()))


def field_digest(secret: bytes, path: str, canonical: bytes) -> bytes:
    """What is kept of a field once its event was delivered: enough to tell whether it is equal."""
    return hmac_sha256(secret, lp(b"concordant/1/field", path.encode(), canonical))[:16]
