"""Rejected records make one file that can be corrected and dropped again."""

from __future__ import annotations

import random

import pytest

from adapters.base import AgencyAdapter, Rejected, Row
from adapters.council import ADAPTER as COUNCIL
from adapters.council import samples as council
from adapters.demo.facts import case_list
from adapters.sources.rejects import rejected_file
from adapters.support import ADAPTER as SUPPORT
from adapters.support import samples as support

COUNCIL_ROWS = council.sample_rows(random.Random(1), case_list(1, 40))
SUPPORT_ROWS = support.sample_rows(random.Random(1), case_list(1, 40), reporting_centre=True)


@pytest.mark.parametrize(
    ("adapter", "suffix", "content"),
    [
        (COUNCIL, ".jsonl", council.sample_file(COUNCIL_ROWS, "jsonl")),
        (COUNCIL, ".csv", council.sample_file(COUNCIL_ROWS, "csv")),
        (COUNCIL, ".CSV", council.sample_file(COUNCIL_ROWS, "csv")),
        (SUPPORT, ".csv", support.sample_file(SUPPORT_ROWS)),
    ],
)
def test_joined_records_are_the_records(
    adapter: AgencyAdapter, suffix: str, content: bytes
) -> None:
    before = list(adapter.read(content))
    after = list(adapter.read(rejected_file(suffix, [item.raw for item in before])))
    assert [item.raw for item in after] == [item.raw for item in before]
    assert sum(isinstance(item, Row) for item in after) > 20


def test_a_record_that_was_cut_off_stays_apart_from_the_next() -> None:
    cut = 'HEAD\r\n"half a reco'
    assert rejected_file(".csv", [cut, "HEAD\r\nb\r\n"]).decode("utf-8-sig") == (
        'HEAD\r\nb\r\n"half a reco\n'
    )
    lines = list(COUNCIL.read(rejected_file(".jsonl", ['{"action": "NE', '{"action": "X"}\n'])))
    assert [type(item) for item in lines] == [Rejected, Row]


def test_elements_are_joined_under_one_root() -> None:
    raws = [f'<?xml version="1.0"?>\n<r xmlns="u">\n<c>{n}</c>\n</r>\n' for n in (1, 2)]
    assert rejected_file(".xml", raws).decode() == (
        '<?xml version="1.0"?>\n<r xmlns="u">\n<c>1</c>\n\n<c>2</c>\n</r>\n'
    )
