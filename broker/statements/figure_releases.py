"""Signed note of a release of figures: who published which content, from whose counts.

The note states the hash of the content, so it stays small. A release as JSON carries its note in
the member `signed`; any other file has it in a file beside it (docs/spec/figures.md, "Signature").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import sha256
from broker.errors import NoteError
from broker.strict_json import parse_strict_json
from broker.tlog.note import Note, NoteSigner, format_note, parse_note, sign_note

HEADING: Final = "concordant.release/v1"
SIGNED: Final = "signed"
"""Member of a release as JSON that holds its note."""
_PERIOD: Final = r"^20[0-9]{2}-Q[1-4]$"


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
    period: Annotated[str, Field(pattern=_PERIOD)]
    counted: Literal["cases", "referrals"]
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
    """Return the hash of a file; of JSON, that of its canonical form without the note.

    JSON that two readers could read differently is hashed as it is, so it is never as it was
    signed.
    """
    canonical = _canonical(content)
    return sha256(content if canonical is None else canonical).hex()


def note_within(content: bytes) -> bytes | None:
    """Return the note that JSON carries; None if it has none, or is not JSON."""
    try:
        document = orjson.loads(content)
    except ValueError:
        return None
    note = document.get(SIGNED) if isinstance(document, dict) else None
    return note.encode() if isinstance(note, str) else None


def _canonical(content: bytes) -> bytes | None:
    """Return the canonical form without the note; None unless it is JSON with one meaning.

    A repeated member has two meanings, and so has an integer that only one of two parsers rounds.
    """
    try:
        document = parse_strict_json(content)
        if not isinstance(document, dict) or document != orjson.loads(content):
            return None
        members = {name: value for name, value in document.items() if name != SIGNED}
        return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
    except (ValueError, TypeError, RecursionError):
        return None
