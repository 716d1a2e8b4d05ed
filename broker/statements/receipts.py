"""Receipts: a reader's confirmation to a sender (docs/spec/receipts.md).

A receipt is a C2SP cosignature over a sender's checkpoint, by the reader's receipt key. It states
that everything from the reader's recorded start to that size was verified and stored, refused
records included, without an open gap. It does not accept an event's content: decisions of people
are events.
"""

from __future__ import annotations

from broker.errors import NoteError, RefusedError
from broker.tlog.checkpoint import Checkpoint, Origin, format_checkpoint
from broker.tlog.cosignature import (
    SignedCheckpoint,
    cosign,
    format_signed_checkpoint,
    parse_signed_checkpoint,
)
from broker.tlog.note import NoteSigner


def format_receipt(
    origin: Origin, size: int, root: bytes, signer: NoteSigner, time_s: int
) -> bytes:
    """Return a cosigned checkpoint."""
    body = format_checkpoint(Checkpoint(origin.format(), size, root))
    return format_signed_checkpoint(body, cosign(signer, time_s, body))


def parse_receipt(value: bytes) -> SignedCheckpoint:
    """Parse a receipt without verifying its signature.

    Raises:
        RefusedError: ``receipt_malformed``.
    """
    try:
        return parse_signed_checkpoint(value)
    except NoteError:
        raise RefusedError(1, "receipt_malformed", "not a receipt in its canonical form") from None
