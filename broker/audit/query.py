"""Queries of the disclosure log: which agency received which field of a case, under which clause.

Verify the log first (`log.verify_log`); these functions only read it. A case is found by its HMAC,
so a query needs the agency's secret, and a copy of the log alone names no case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from broker.audit.entries import ContractReference, EntryKind, NewLogEntry, parse_log_entry
from broker.store.transaction import Transaction

_PAGE_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """An entry and its index in the log."""

    index: int
    entry: NewLogEntry


@dataclass(frozen=True, slots=True)
class FieldDisclosure:
    """One field that one agency received."""

    index: int
    time_ms: int
    kind: EntryKind
    event_id: str | None
    source: str | None
    type: str | None
    path: str
    recipient: str
    clause: str
    contract: ContractReference | None


def entries_of_case(tx: Transaction, case_key: bytes) -> list[PlacedEntry]:
    """Return all entries of a case, in the order of writing."""
    return [
        PlacedEntry(row.index, parse_log_entry(row.entry))
        for row in tx.disclosures.by_case(case_key)
    ]


def entries_of_log(tx: Transaction) -> Iterator[PlacedEntry]:
    """Yield every entry in the order of writing, one page in memory at a time."""
    rows = tx.disclosures.read(0, _PAGE_ROWS)
    while rows:
        yield from (PlacedEntry(row.index, parse_log_entry(row.entry)) for row in rows)
        rows = tx.disclosures.read(rows[-1].index + 1, _PAGE_ROWS)


def recipients_of_case(tx: Transaction, case_key: bytes, prefix: str = "") -> list[FieldDisclosure]:
    """Return the recipients of a case's fields at or below `prefix` (all, if empty)."""
    return [
        FieldDisclosure(
            index=placed.index,
            time_ms=placed.entry.time_ms,
            kind=placed.entry.kind,
            event_id=placed.entry.event_id,
            source=placed.entry.source,
            type=placed.entry.type,
            path=path,
            recipient=recipient,
            clause=clause,
            contract=placed.entry.contract,
        )
        for placed in entries_of_case(tx, case_key)
        if placed.entry.kind in {"collection", "consultation", "disclosure"}
        for path, recipient, clause in shared_fields(placed.entry, prefix)
    ]


def shared_fields(entry: NewLogEntry, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path, recipient, clause) of the fields at or below `prefix` (all, if empty)."""
    for share in entry.shares:
        for path, clause in share.fields.items():
            if not prefix or path == prefix or path.startswith(prefix + "."):
                for recipient in share.recipients:
                    yield path, recipient, clause
