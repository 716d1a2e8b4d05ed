"""Rejected records make one file that can be corrected and dropped again."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

from adapters.base import AgencyAdapter, Records, Rejected, Row
from adapters.council import ADAPTER as COUNCIL
from adapters.demo.samples import council, support
from adapters.demo.samples.facts import case_list
from adapters.sources.rejects import piece_bytes, rejected_pieces, rest_pieces
from adapters.support import ADAPTER as SUPPORT

COUNCIL_ROWS = council.sample_rows(random.Random(1), case_list(1, 40))
SUPPORT_ROWS = support.sample_rows(random.Random(1), case_list(1, 40), reporting_centre=True)


@pytest.mark.parametrize(
    ("adapter", "content"),
    [
        (COUNCIL, council.sample_file(COUNCIL_ROWS, "jsonl")),
        (COUNCIL, council.sample_file(COUNCIL_ROWS, "csv")),
        (SUPPORT, support.sample_file(SUPPORT_ROWS)),
        (SUPPORT, support.sample_file(SUPPORT_ROWS, encoding="cp1252")),
    ],
)
def test_joined_records_are_the_records(adapter: AgencyAdapter, content: bytes) -> None:
    records = adapter.read(content)
    before = list(records)
    kept = joined(records, before, content)
    after = list(adapter.read(kept))
    assert bytes_of(after, kept) == bytes_of(before, content)
    assert sum(isinstance(item, Row) for item in after) > 20


def joined(records: Records, items: Sequence[Row | Rejected], content: bytes) -> bytes:
    return b"".join(piece_bytes(rejected_pieces(records, items), io.BytesIO(content)))


def bytes_of(items: Sequence[Row | Rejected], content: bytes) -> list[bytes]:
    return [content[item.start : item.end] for item in items]


HEAD = b";".join(name.encode() for name in COUNCIL.mapping.known_columns) + b"\r\n"


def test_a_record_with_a_stray_quote_stays_apart_from_the_next() -> None:
    width = HEAD.count(b";")
    good = b"NEW_REFERRAL" + b";" * width + b"\r\n"
    content = HEAD + b'NEW_REFERRAL;"P1\r\n' + good + b'NEW_REFERRAL;P1";x"\r\n'
    records = COUNCIL.read(content)
    first, _, last = records
    kept = joined(records, [first, last], content)
    assert kept == HEAD + content[first.start : first.end] + HEAD + content[last.start : last.end]
    assert [type(item) for item in COUNCIL.read(kept)] == [Rejected, Rejected]


def test_the_encoding_and_the_mark_of_the_file_are_kept() -> None:
    mark = b"\xef\xbb\xbf"
    content = mark + HEAD + "NEW_REFERRAL;Zoë\r\n".encode()
    records = COUNCIL.read(content)
    assert joined(records, list(records), content) == content
    old = SUPPORT.read(support.sample_file(SUPPORT_ROWS, encoding="cp1252"))
    assert not old.head.startswith(mark)


def test_the_rest_of_a_file_is_a_file() -> None:
    content = council.sample_file(COUNCIL_ROWS, "csv")
    records = COUNCIL.read(content)
    items = list(records)
    rest = b"".join(piece_bytes(rest_pieces(records, items[5], len(content)), io.BytesIO(content)))
    assert bytes_of(list(COUNCIL.read(rest)), rest) == bytes_of(items[5:], content)
