"""Request to publish a manifest again (docs/spec/receipts.md, "Manifest requests").

A reader learns from a heartbeat that it lacks the newest manifest of an agency. It asks the agency
in a signed note to publish its manifest again. The note names no record and no event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.errors import RefusedError
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner, format_note, sign_note

REQUEST_HEADING: Final = "concordant.manifest-request/v1"
_LATEST_MS: Final = 2**53 - 1
_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """Request of a reader.

    Attributes:
        deployment: the partnership's id.
        agency: the agency whose manifest is missing.
        time_ms: time of the request.
    """

    deployment: str
    agency: str
    time_ms: int


def format_manifest_request(request: ManifestRequest, signer: NoteSigner) -> bytes:
    """Return the signed note."""
    lines = (REQUEST_HEADING, request.deployment, request.agency, str(request.time_ms))
    return format_note(sign_note("".join(f"{line}\n" for line in lines).encode(), [signer]))


def is_manifest_request(note: Note) -> bool:
    """Return whether a note has the heading of a manifest request."""
    return note.text.startswith(f"{REQUEST_HEADING}\n".encode())


def parse_manifest_request(note: Note) -> ManifestRequest:
    """Parse a note's text without verifying its signature.

    Raises:
        RefusedError: ``notice_malformed``.
    """
    lines = note.text.split(b"\n")
    try:
        if len(lines) != _LINES or lines[-1] or not is_manifest_request(note):
            raise ValueError
        deployment, agency = (line.decode("utf-8") for line in lines[1:3])
        return ManifestRequest(deployment, agency, parse_decimal(lines[3], _LATEST_MS))
    except ValueError:
        raise RefusedError(
            1, "notice_malformed", "not a manifest request in its canonical form"
        ) from None
