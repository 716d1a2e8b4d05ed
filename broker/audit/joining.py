"""Combination: records of a further source join the records of a case (s62)."""

from __future__ import annotations

from collections.abc import Collection

from broker.audit.entries import NewLogEntry
from broker.store.transaction import Transaction

OWN_SYSTEM = ""
"""Source that means this agency's own system."""


def combined(
    tx: Transaction,
    pairs: Collection[tuple[bytes, str]],
    agency: str,
    now: int,
    operator: str,
) -> list[NewLogEntry]:
    """Record the sources of cases, and return an entry for each that joined other sources.

    Args:
        tx: the transaction in which the records are written.
        pairs: (case key, source); `OWN_SYSTEM` for this agency's own system.
        agency: this agency's id, by which entries name its own system.
        now: ms.
        operator: name of the actor, for the log.

    Returns:
        One entry for each source that is new to a case with records of others.
    """
    return [
        NewLogEntry(
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
