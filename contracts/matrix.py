"""Who may read which field: the table that information governance officers ask for first.

One row for each field of each type, one column for each role or agency; the same grants that
`contracts/grouping.py` enforces (reference: contracts.md, "Commands people expect").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.model import Contract

__all__ = ["Access", "MatrixRow", "columns", "matrix", "readers_of"]

Access: TypeAlias = Literal["reads", "with consent", "never", "not addressed"]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One field of one event type.

    Attributes:
        event_type: its name.
        path: leaf path.
        clause: that grants it.
        category: what kind of data it is.
        sensitivity: how the law treats it.
        senders: roles that may send it.
        required: whether every event of the type holds it.
        consent: scopes that it rests on.
        access: by column; `not addressed` means that the type never goes there.
    """

    event_type: str
    path: str
    clause: str
    category: str
    sensitivity: str
    senders: tuple[str, ...]
    required: bool
    consent: tuple[str, ...]
    access: Mapping[str, Access]


def columns(contract: Contract, by: Literal["role", "agency"] = "role") -> tuple[str, ...]:
    """Return the columns of the matrix, in the contract's order."""
    if by == "role":
        return tuple(contract.roles)
    return tuple(party.id for party in contract.parties)


def matrix(
    contract: Contract,
    by: Literal["role", "agency"] = "role",
    event_type: str | None = None,
) -> tuple[MatrixRow, ...]:
    """Return the rows, in the contract's order.

    Args:
        contract: the agreement.
        by: one column for each role, or for each agency.
        event_type: only this type, if given.
    """
    roles = {
        column: column if by == "role" else contract.role_of[column]
        for column in columns(contract, by)
    }
    return tuple(
        MatrixRow(
            event_type=name,
            path=path,
            clause=field.clause,
            category=field.category,
            sensitivity=field.sensitivity,
            senders=field.senders or terms.publishers,
            required=field.required,
            consent=field.consent,
            access={
                column: _access(role in terms.recipients, role in field.readers, field.consent)
                for column, role in roles.items()
            },
        )
        for name, terms in contract.event_types.items()
        if event_type is None or name == event_type
        for path, field in terms.fields.items()
    )


def readers_of(contract: Contract, event_type: str, path: str) -> tuple[str, ...]:
    """Return, sorted, the agencies that may read one field; empty where the contract has it not."""
    terms = contract.event_types.get(event_type)
    field = terms.fields.get(path) if terms is not None else None
    if field is None:
        return ()
    return tuple(sorted(p.id for p in contract.parties if p.role in field.readers))


def _access(addressed: bool, reads: bool, consent: tuple[str, ...]) -> Access:
    if not addressed:
        return "not addressed"
    if not reads:
        return "never"
    return "with consent" if consent else "reads"
