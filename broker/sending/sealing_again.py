"""Malformed sealed records: found before they are published, held, and sealed again under their id.

A record can be malformed because an older version sealed it, because its bytes were damaged, or
because of a fault that is not known yet. Such a record is not published. The idempotency key of its
item stops counting as published, so the same item, offered again, is sealed again and not skipped.
The agency needs its export for this, because the keys of a sealed event are stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from broker.envelope.layout import LayoutError, parse_value
from broker.store.rows import OutboxRow
from broker.store.transaction import Transaction

ASKED: Final = "seal_again_asked"
"""Code of an event that a person asked to have sealed again."""
ID_WRONG: Final = "id_wrong"


def fault_of(row: OutboxRow) -> str | None:
    """The code with which every reader would refuse a sealed value at step 5, or None.

    Args:
        row: of the outbox, with its value.
    """
    assert row.value is not None
    try:
        sealed = parse_value(row.value)
    except LayoutError as error:
        return error.code
    return None if str(UUID(bytes=sealed.id)) == row.event_id else ID_WRONG


def well_formed(tx: Transaction, rows: Iterable[OutboxRow], now: int) -> list[OutboxRow]:
    """The rows that may be published; each of the others is held, and its item is open again.

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
    """Have an event of this agency sealed again, whether it was published or not.

    For a record that was published and refused. Readers that took it see a repeat.

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
