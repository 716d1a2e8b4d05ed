"""Malformed sealed records: detected before publication, held, sealed again under their id.

A record can be malformed because an older version sealed it, because its bytes were damaged, or
because of an unknown fault. Such a record is not published. The idempotency key of its item no
longer counts as published, so the same item, offered again, is sealed again. The agency needs its
export for this, because the keys of a sealed event are not stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from broker.envelope.layout import LayoutError, parse_value
from broker.store.rows import OutboxRow
from broker.store.transaction import Transaction

ASKED: Final = "seal_again_asked"
"""Code of an event that a person asked to seal again."""
ID_WRONG: Final = "id_wrong"


def fault_of(row: OutboxRow) -> str | None:
    """Return the code with which every reader would refuse a sealed value at step 5, or None.

    Args:
        row: a row of the outbox, with its value.
    """
    assert row.value is not None
    try:
        sealed = parse_value(row.value)
    except LayoutError as error:
        return error.code
    return None if str(UUID(bytes=sealed.id)) == row.record_id else ID_WRONG


def well_formed(tx: Transaction, rows: Iterable[OutboxRow], now: int) -> list[OutboxRow]:
    """Return the rows that may be published; hold the others, and reopen their items.

    Args:
        tx: a write transaction.
        rows: waiting rows of the outbox.
        now: ms.
    """
    good = []
    for row in rows:
        code = fault_of(row)
        if code is None:
            good.append(row)
        else:
            _hold(tx, row, code, now)
    return good


def ask_again(tx: Transaction, event_id: str, now: int) -> bool:
    """Hold an event of this agency to be sealed again, whether it was published or not.

    It is for a record that was published and refused. Readers that accepted it see a repeat.

    Args:
        tx: a write transaction.
        event_id: as the disclosure log has it.
        now: ms.

    Returns:
        False if this agency sealed no event of that id.
    """
    row = tx.outbox.find(event_id)
    if row is None:
        return False
    if not any(held.event_id == event_id for held in tx.outbox.held(_ALL)):
        _hold(tx, row, ASKED, now)
    return True


_ALL: Final = 1_000_000


def _hold(tx: Transaction, row: OutboxRow, code: str, now: int) -> None:
    tx.outbox.hold(row.seq, code, now)
    tx.items.reopen(row.event_id, code)
