"""Samples of voluntary services: readable by their adapter, flawed exactly where they say so."""

from __future__ import annotations

import random

import pytest

from adapters.base import Context, MappingError, Rejected, Row
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.sample_rows import SampleRow
from adapters.demo.samples.support import PARTNERS, sample_file, sample_rows
from adapters.mapping import MemoryLinks
from adapters.support import ADAPTER


def taken(content: bytes) -> list[str]:
    """One code for each row of a file: empty for an event."""
    context = Context("lantern-centre", PARTNERS, MemoryLinks())
    codes: list[str] = []
    for item in ADAPTER.read(content):
        if isinstance(item, Rejected):
            codes.append(item.error.code)
            continue
        try:
            ADAPTER.to_event(item, context)
            codes.append("")
        except MappingError as error:
            codes.append(error.code)
    return codes


def sample(*, reporting_centre: bool) -> list[SampleRow]:
    return sample_rows(random.Random(7), case_list(7, 150), reporting_centre=reporting_centre)


@pytest.mark.parametrize("reporting_centre", [True, False])
def test_every_row_is_taken_or_refused_as_its_flaw_says(reporting_centre: bool) -> None:
    rows = sample(reporting_centre=reporting_centre)
    expected = ["" if row.flaw == "duplicate" else row.flaw for row in rows]
    assert taken(sample_file(rows)) == expected
    assert len(rows) > 100
    assert {"referral.made", "critical-incident.declared"} <= {row.event_type for row in rows}


def test_samples_have_the_flaws_of_real_exports() -> None:
    rows = sample_rows(random.Random(1), case_list(1, 400), reporting_centre=True)
    assert {"duplicate", "unknown_value", "invalid_date"} <= {row.flaw for row in rows}


def test_the_same_seed_makes_the_same_file() -> None:
    assert sample_file(sample(reporting_centre=True)) == sample_file(sample(reporting_centre=True))


def test_a_duplicate_row_has_the_key_of_the_first() -> None:
    rows = [row for row in sample(reporting_centre=True) if not row.flaw][:1]
    context = Context("lantern-centre", PARTNERS, MemoryLinks())
    keys = {
        ADAPTER.to_event(item, context).key
        for item in ADAPTER.read(sample_file([*rows, *rows]))
        if isinstance(item, Row)
    }
    assert len(keys) == 1


def test_an_old_encoding_is_read_and_a_half_written_file_loses_only_its_last_row() -> None:
    rows = [row for row in sample(reporting_centre=True) if not row.flaw][:20]
    assert taken(sample_file(rows, encoding="cp1252")) == [""] * 20
    assert taken(sample_file(rows, half_written=True)) == [""] * 19 + ["row_malformed"]
