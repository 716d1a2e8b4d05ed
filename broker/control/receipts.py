"""Receipts, refusal notices and replay requests: what readers say back (docs/spec/receipts.md).

A receipt is a C2SP cosignature over a sender's checkpoint, by the reader's receipt key. It states
that everything from the reader's recorded start to that size was verified and stored, refused
records included, without an open gap. It is not an acceptance: what people decide is an event.

A refusal notice names only a stream and an index, and a replay request a stream and a range, so
neither tells Kafka's host anything that the stream did not. None of them answers another notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.errors import RefusedError
from broker.judging.partition_state import PartitionState
from broker.tlog.checkpoint import (
    Checkpoint,
    Origin,
    format_checkpoint,
    parse_decimal,
    parse_origin,
)
from broker.tlog.cosignature import (
    SignedCheckpoint,
    cosign,
    format_signed_checkpoint,
    parse_signed_checkpoint,
)
from broker.tlog.errors import NoteError
from broker.tlog.merkle import MAX_LOG_SIZE
from broker.tlog.note import Note, NoteSigner, format_note, sign_note

REFUSAL_HEADING: Final = "concordant.refusal/v1"
REPLAY_HEADING: Final = "concordant.replay/v1"
RECEIPT_CONTENT_TYPE: Final = b"application/vnd.concordant.receipt"
NOTICE_CONTENT_TYPE: Final = b"application/vnd.concordant.notice"
NOTICES_PER_MINUTE: Final = 30
"""Refusal notices and replay requests that a reader sends to one sender in a minute."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A refusal of one record, or a request to publish a range again (``last`` >= ``first``)."""

    kind: str
    origin: Origin
    first: int
    last: int


def receiptable(state: PartitionState) -> tuple[str, int, bytes] | None:
    """The (generation, size, root) that a receipt may state now, or None.

    The head must be a checkpoint's, the whole batch under it here, and no gap open.
    """
    newest = state.generations[state.newest]
    if state.stopped or any(held.gaps for held in state.generations.values()):
        return None
    if newest.latest.size != newest.size:
        return None
    return newest.name, newest.size, newest.latest.root


def format_receipt(
    origin: Origin, size: int, root: bytes, signer: NoteSigner, time_s: int
) -> bytes:
    """A cosigned checkpoint."""
    body = format_checkpoint(Checkpoint(origin.format(), size, root))
    return format_signed_checkpoint(body, cosign(signer, time_s, body))


def parse_receipt(value: bytes) -> SignedCheckpoint:
    """Read a receipt; its signature is not verified yet.

    Raises:
        RefusedError: ``receipt_malformed``.
    """
    try:
        return parse_signed_checkpoint(value)
    except NoteError:
        raise RefusedError(1, "receipt_malformed", "not a receipt in its one form") from None


def format_notice(notice: Notice, signer: NoteSigner) -> bytes:
    """The signed note."""
    text = f"{notice.kind}\n{notice.origin.format()}\n{notice.first}\n{notice.last}\n"
    return format_note(sign_note(text.encode(), [signer]))


def parse_notice(note: Note) -> Notice:
    """Read a notice's text; its signature is not verified yet.

    Raises:
        RefusedError: ``notice_malformed``.
    """
    lines = note.text.split(b"\n")
    try:
        if len(lines) != 5 or lines[4]:
            raise ValueError
        kind = lines[0].decode("ascii")
        origin = parse_origin(lines[1].decode("ascii"))
        first = parse_decimal(lines[2], MAX_LOG_SIZE)
        last = parse_decimal(lines[3], MAX_LOG_SIZE)
        if kind not in {REFUSAL_HEADING, REPLAY_HEADING} or last < first:
            raise ValueError
        if kind == REFUSAL_HEADING and last != first:
            raise ValueError
    except (ValueError, NoteError):
        raise RefusedError(1, "notice_malformed", "not a notice in its one form") from None
    return Notice(kind, origin, first, last)
