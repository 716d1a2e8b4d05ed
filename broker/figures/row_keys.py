"""Keys under which the state encrypts rows for figures, one for each kind of row."""

from __future__ import annotations

from enum import Enum

from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import lp

__all__ = ["FigureRowKind", "bound_to", "row_key"]


class FigureRowKind(Enum):
    """Kind of row; the value is the label of its key."""

    FACT = b"concordant/1/figure-fact"
    REFERRAL_FACT = b"concordant/1/figure-referral"
    COUNTS = b"concordant/1/figure-counts"
    RELEASE = b"concordant/1/figure-release"
    UNION_CASE = b"concordant/1/union-case"
    UNION_STATEMENT = b"concordant/1/union-statement"


def row_key(secret: bytes, kind: FigureRowKind) -> AtRestKey:
    """Return the key of a kind of row.

    Args:
        secret: this agency's key for pseudonyms.
        kind: of the row.
    """
    return AtRestKey(secret, kind.value)


def bound_to(*parts: str | bytes) -> bytes:
    """Return the name of a row, to which its content is bound."""
    return lp(*(part.encode() if isinstance(part, str) else part for part in parts))
