"""Quarantine of a verified record that was refused: stored with its bytes and one code.

A person may retry a record that was refused at steps 5 to 10 once the cause is corrected
(docs/spec/opening.md, "Quarantine").
"""

from __future__ import annotations

import json
from typing import Final

from broker.errors import RefusedError
from broker.event import uuid_text
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, Record
from broker.store.rows import QuarantineRow, QuarantineStatus
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin


def quarantine(
    tx: Transaction,
    record: Record,
    origin: Origin,
    index: int,
    refusal: RefusedError,
    now: int,
    status: QuarantineStatus = "held",
) -> int:
    """Store a verified record that was refused, with its bytes and one code.

    Only our own headers are stored: others were never checked, and a writer may add a megabyte of
    them.
    """
    headers = _headers(record)
    return tx.quarantine.add(record, headers, origin, index, refusal, now, status)


def told_id(value: bytes | None) -> str | None:
    """Return the id in the clear of a sealed value, which a report can name; None if it has none.

    The value may be malformed: its sender recognises the id, or ignores the report's entry.
    """
    if value is None or len(value) < _ID_ENDS or value[0] != _VERSION:
        return None
    return uuid_text(value[1:_ID_ENDS])


_VERSION: Final = 1
_ID_ENDS: Final = 17


def tell_refused(tx: Transaction, agency: str, value: bytes | None, code: str, now: int) -> bool:
    """Note a refused record for the next report to its sender.

    A record with the id of an event that was taken is no result of that event.

    Returns:
        Whether a report can state it.
    """
    record_id = told_id(value)
    if record_id is None:
        return False
    if tx.inbox.find_record(agency, record_id) is not None:
        return True
    return tx.results.refused(agency, record_id, code, now)


def kept_size(record: Record) -> int:
    """Return the bytes that a record takes in the quarantine."""
    return len(record.value or b"") + len(_headers(record))


def _headers(record: Record) -> str:
    return json.dumps(
        [
            (name.decode("latin-1"), value.decode("latin-1") if value is not None else None)
            for name, value in record.headers
            if name in {CONTENT_TYPE_HEADER, PROOF_HEADER}
        ]
    )


def restored(row: QuarantineRow) -> Record:
    """Return the record as Kafka delivered it, from a held row."""
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1") if value is not None else None)
        for name, value in json.loads(row.headers_json)
    )
    return Record(row.topic, row.partition, headers, row.value, row.offset)
