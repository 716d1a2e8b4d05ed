"""Signed note of a release of figures: who published which content, from whose counts.

The note states the hash of the content, so it stays small. A release as JSON carries its note in
the member `signed`; any other file has it in a file beside it (docs/spec/figures.md, "Signature").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import sha256
from broker.errors import NoteError
from broker.tlog.note import Note, NoteSigner, format_note, parse_note, sign_note

HEADING: Final = "concordant.release/v1"
SIGNED: Final = "signed"
"""Member of a release as JSON that holds its note."""


class ReleaseStatement(BaseModel):
    """Statement of an agency about a release.

    Attributes:
        deployment: the partnership's id.
        agency: the agency that publishes it.
        agreement: name of the agreement.
        period: `YYYY-Qn`.
        counted: of what the figures are: `cases` or `referrals`.
        by: dimensions of its table.
        made_ms: when it was made.
        threshold: counts from 1 to below this are hidden.
        round_to: base of the shown numbers.
        counts: agency to the hash of the counts that went in, hexadecimal.
        content: SHA-256 of the content, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    deployment: str
    agency: str
    agreement: str
    period: str
    counted: str
    by: tuple[str, ...]
    made_ms: int
    threshold: int
    round_to: int
    counts: Mapping[str, str]
    content: str


def sign_release(statement: ReleaseStatement, signer: NoteSigner) -> bytes:
    """Return the signed note.

    Args:
        statement: about the release.
        signer: the receipt key of the agency.
    """
    body = format_json(statement.model_dump(mode="json")).decode()
    return format_note(sign_note(f"{HEADING}\n{body}\n".encode(), [signer]))


def parse_release(data: bytes) -> tuple[Note, ReleaseStatement]:
    """Parse a note without verifying its signature.

    Raises:
        NoteError: `release_malformed`.
    """
    try:
        note = parse_note(data)
        heading, _, body = note.text.removesuffix(b"\n").partition(b"\n")
        if heading.decode() != HEADING:
            raise ValueError("another heading")
        parse_json(body)
        return note, ReleaseStatement.model_validate_json(body)
    except (NoteError, CanonicalError, ValidationError, ValueError):
        raise NoteError("The note is of no release.", code="release_malformed") from None


def content_hash(content: bytes) -> str:
    """Return the hash of a file; of JSON, that of its canonical form without the note."""
    document = _document(content)
    if document is not None:
        content = orjson.dumps(
            {name: value for name, value in document.items() if name != SIGNED},
            option=orjson.OPT_SORT_KEYS,
        )
    return sha256(content).hex()


def note_within(content: bytes) -> bytes | None:
    """Return the note that JSON carries; None if it has none, or is not JSON."""
    document = _document(content)
    note = None if document is None else document.get(SIGNED)
    return note.encode() if isinstance(note, str) else None


def _document(content: bytes) -> dict[str, object] | None:
    try:
        document = orjson.loads(content)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
