"""Keeping a verified record that was refused, with its bytes and one code, and giving it back.

What was refused at steps 5 to 10 is business that went wrong: a person may retry it once the cause
is mended (docs/spec/opening.md, "Quarantine").
"""

from __future__ import annotations

import json

from broker.errors import RefusedError
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, Record
from broker.store.rows import QuarantineRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Origin


def quarantine(
    tx: Transaction, record: Record, origin: Origin, index: int, refusal: RefusedError, now: int
) -> int:
    """Keep a verified record that was refused, with its bytes and one code.

    Of the headers only ours: others were never looked at, and anybody may add a megabyte of them.
    """
    headers = _headers(record)
    return tx.quarantine.add(record, headers, origin, index, refusal, now)


def kept_size(record: Record) -> int:
    """Bytes that a record takes in the quarantine."""
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
    """The record as it was taken from Kafka; of a row that is held."""
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1") if value is not None else None)
        for name, value in json.loads(row.headers_json)
    )
    return Record(row.topic, row.partition, headers, row.value, row.offset)
