"""Listing: what an agency offers, as a statement for its partners (docs/spec/directory.md)."""

from __future__ import annotations

from typing import Final

from broker.errors import RefusedError
from broker.record import LISTING_CONTENT_TYPE
from broker.statements.partner_statements import StatementForm
from contracts.durations import DAY_MS

MAX_CONTENT_BYTES: Final = 128 * 1024
"""Maximum size of the content, as JSON."""


def listing_malformed(detail: str) -> RefusedError:
    """Return the error for a listing of another form."""
    return RefusedError(1, "listing_malformed", f"not a listing: {detail}")


def _unopenable() -> RefusedError:
    return RefusedError(5, "listing_unopenable", "no exchange key of this agency opens it")


def _many() -> RefusedError:
    return RefusedError(2, "listings_many", "this agency sends too many listings")


LISTING: Final = StatementForm(
    content_type=LISTING_CONTENT_TYPE,
    heading="concordant.directory/v1",
    label=b"concordant/1/listing",
    subject=0,
    content_bytes=MAX_CONTENT_BYTES,
    value_bytes=512 * 1024,
    a_minute=4,
    renew_ms=DAY_MS,
    malformed=listing_malformed,
    unopenable=_unopenable,
    many=_many,
)
"""Form of listings. An agency may send 2 in a minute."""
