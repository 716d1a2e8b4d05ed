"""Combination: the moment at which records of a further source join those of a case (s62)."""

from __future__ import annotations

from collections.abc import Collection

from broker.audit.entries import Entry
from broker.store.transaction import Transaction

OWN_SYSTEM = ""
"""The source that is this agency's own system."""


def combined(
    tx: Transaction,
    pairs: Collection[tuple[bytes, str]],
    agency: str,
    now: int,
    operator: str,
) -> list[Entry]:
    """Note the sources of cases, and say which of them joined records of other sources.

    Args:
        tx: the transaction in which the records are written.
        pairs: (case key, source); `OWN_SYSTEM` for this agency's own system.
        agency: this agency's id: how entries name its own system.
        now: ms.
        operator: who did it, for the log.

    Returns:
        One entry for each source that is new to a case with records of others.
    """
    return [
        Entry(
            kind="combination",
            time_ms=now,
            case_key=case,
            source=source or agency,
            joined=tuple(other or agency for other in others),
            operator=operator,
        )
        for (case, source), others in tx.disclosures.join_sources(pairs).items()
        if others
    ]
