"""Refusal notices and replay requests from a reader to a sender (docs/spec/receipts.md).

A refusal notice names only a stream and an index. A replay request names a stream, a range and a
time. So neither tells Kafka's host anything new. A notice never answers a notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.errors import NoteError, RefusedError
from broker.tlog.checkpoint import Origin, parse_decimal, parse_origin
from broker.tlog.merkle import MAX_LOG_SIZE
from broker.tlog.note import Note, NoteSigner, format_note, sign_note

REFUSAL_HEADING: Final = "concordant.refusal/v1"
REPLAY_HEADING: Final = "concordant.replay/v1"
NOTICES_PER_MINUTE: Final = 30
"""Maximum number of refusal notices and replay requests from a reader to one sender in a minute."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A refusal of one record, or a request to publish a range again (``last`` >= ``first``)."""

    kind: str
    origin: Origin
    first: int
    last: int
    time_ms: int = 0
    """Time of a replay request; a refusal has none."""


def format_notice(notice: Notice, signer: NoteSigner) -> bytes:
    """Return the signed note."""
    text = f"{notice.kind}\n{notice.origin.format()}\n{notice.first}\n{notice.last}\n"
    if notice.kind == REPLAY_HEADING:
        text += f"{notice.time_ms}\n"
    return format_note(sign_note(text.encode(), [signer]))


def parse_notice(note: Note) -> Notice:
    """Parse a notice's text without verifying its signature.

    Raises:
        RefusedError: ``notice_malformed``.
    """
    lines = note.text.split(b"\n")
    try:
        kind = lines[0].decode("ascii")
        if len(lines) != (6 if kind == REPLAY_HEADING else 5) or lines[-1]:
            raise ValueError
        origin = parse_origin(lines[1].decode("ascii"))
        first = parse_decimal(lines[2], MAX_LOG_SIZE)
        last = parse_decimal(lines[3], MAX_LOG_SIZE)
        time_ms = parse_decimal(lines[4], MAX_LOG_SIZE) if kind == REPLAY_HEADING else 0
        if kind not in {REFUSAL_HEADING, REPLAY_HEADING} or last < first:
            raise ValueError
        if kind == REFUSAL_HEADING and last != first:
            raise ValueError
    except (ValueError, NoteError):
        raise RefusedError(1, "notice_malformed", "not a notice in its canonical form") from None
    return Notice(kind, origin, first, last, time_ms)
