"""Matrix of fields and readers, with every term of each field.

It has one row for each field of each type and one column for each role or agency, with the same
grants that `contracts/policy.py` enforces. It shows the fields' own terms and the type's
publishers, recipients and retention. `contracts/explain.py` shows parties, purposes in words, law,
deadlines and the other terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from contracts.consent_needs import ConsentNeeds, consent_needs
from contracts.field_answer import require_field
from contracts.model import Contract
from contracts.names import below
from contracts.terms import EventTerms, FieldTerms

__all__ = ["Access", "MatrixRow", "columns", "matrix", "readers_of"]

Access: TypeAlias = Literal["reads", "with consent", "never", "not addressed"]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One field of one event type.

    Attributes:
        event_type: its name.
        path: leaf path.
        terms: of the field.
        senders: roles that may send it.
        needs: consent that it needs.
        recipients: roles that the type may be addressed to.
        incident_identifiers: of the type.
        kafka_days: how long the type is kept on Kafka, None if no retention is agreed.
        recipient_years: how long the recipient keeps it, None if no retention is agreed.
        access: by column; `not addressed` means that the type is never sent there.
    """

    event_type: str
    path: str
    terms: FieldTerms
    senders: tuple[str, ...]
    needs: ConsentNeeds
    recipients: tuple[str, ...]
    incident_identifiers: str
    kafka_days: int | None
    recipient_years: int | None
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
    path: str | None = None,
) -> tuple[MatrixRow, ...]:
    """Return the rows, in the contract's order.

    Args:
        contract: the agreement.
        by: one column for each role, or for each agency.
        event_type: only this type, if given.
        path: only this field, or those below it, if given.

    Raises:
        UnknownNameError: `type_unknown` or `field_unknown`.
    """
    require_field(contract, path, event_type)
    roles = {
        column: column if by == "role" else contract.role_of[column]
        for column in columns(contract, by)
    }
    return tuple(
        _row(contract, roles, name, terms, each)
        for name, terms in contract.event_types.items()
        if event_type is None or name == event_type
        for each in terms.fields
        if path is None or below(each, path)
    )


def readers_of(contract: Contract, event_type: str, path: str) -> tuple[str, ...]:
    """Return the agencies that may read one field, sorted.

    Empty if the contract lacks the field.
    """
    terms = contract.event_types.get(event_type)
    field = terms.fields.get(path) if terms is not None else None
    if field is None:
        return ()
    return tuple(sorted(p.id for p in contract.parties if p.role in field.readers))


def _row(
    contract: Contract, roles: Mapping[str, str], name: str, terms: EventTerms, path: str
) -> MatrixRow:
    field = terms.fields[path]
    needs = consent_needs(contract, terms, field)
    retention = terms.retention
    return MatrixRow(
        event_type=name,
        path=path,
        terms=field,
        senders=field.senders or terms.publishers,
        needs=needs,
        recipients=terms.recipients,
        incident_identifiers=terms.incident_identifiers,
        kafka_days=retention.kafka_days if retention else None,
        recipient_years=retention.recipient_years if retention else None,
        access={column: _access(terms, field, needs, role) for column, role in roles.items()},
    )


def _access(terms: EventTerms, field: FieldTerms, needs: ConsentNeeds, role: str) -> Access:
    if role not in terms.recipients:
        return "not addressed"
    if role not in field.readers:
        return "never"
    return "with consent" if needs.scopes_for(role) else "reads"
