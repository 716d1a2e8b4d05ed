"""Statement for a union: a key, tokens or a result (docs/spec/figures.md, "Unions")."""

from __future__ import annotations

from typing import Final

from broker.errors import RefusedError
from broker.record import UNION_CONTENT_TYPE
from broker.statements.partner_statements import StatementForm
from contracts.durations import DAY_MS


def union_malformed(detail: str) -> RefusedError:
    """Return the error for a statement of another form."""
    return RefusedError(1, "union_malformed", f"not a statement for a union: {detail}")


def union_misplaced(detail: str) -> RefusedError:
    """Return the error for a statement that its author may not make, or not now."""
    return RefusedError(2, "union_misplaced", detail)


def _unopenable() -> RefusedError:
    return RefusedError(5, "union_unopenable", "no exchange key of this agency opens it")


def _many() -> RefusedError:
    return RefusedError(2, "unions_many", "this agency sends too many statements for unions")


UNION: Final = StatementForm(
    content_type=UNION_CONTENT_TYPE,
    heading="concordant.union/v1",
    label=b"concordant/1/union-statement",
    subject=3,
    content_bytes=385 * 1024,
    value_bytes=512 * 1024,
    a_minute=16,
    renew_ms=DAY_MS,
    malformed=union_malformed,
    unopenable=_unopenable,
    many=_many,
)
"""Form of these statements. The subject is the agreement, the period and the part."""
