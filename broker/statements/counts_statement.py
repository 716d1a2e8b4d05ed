"""Counts for figures, as a statement for partners (docs/spec/figures.md, "Exchange")."""

from __future__ import annotations

from typing import Final

from broker.errors import RefusedError
from broker.record import COUNTS_CONTENT_TYPE
from broker.statements.partner_statements import StatementForm
from contracts.durations import DAY_MS

MAX_CONTENT_BYTES: Final = 512 * 1024
"""Maximum size of the content: compressed counts."""


def counts_malformed(detail: str) -> RefusedError:
    """Return the error for counts of another form."""
    return RefusedError(1, "counts_malformed", f"not counts: {detail}")


def _unopenable() -> RefusedError:
    return RefusedError(5, "counts_unopenable", "no exchange key of this agency opens it")


def _many() -> RefusedError:
    return RefusedError(2, "counts_many", "this agency sends too many counts")


COUNTS: Final = StatementForm(
    content_type=COUNTS_CONTENT_TYPE,
    heading="concordant.counts/v1",
    label=b"concordant/1/counts",
    subject=2,  # agreement, period
    content_bytes=MAX_CONTENT_BYTES,
    value_bytes=960 * 1024,
    a_minute=32,
    renew_ms=7 * DAY_MS,
    malformed=counts_malformed,
    unopenable=_unopenable,
    many=_many,
    floor_bytes=16 * 1024,
)
"""Form of counts. An agency may send 16 in a minute."""
