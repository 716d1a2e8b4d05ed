"""Samples of councils: the same records in both forms, flawed exactly where they say so."""

from __future__ import annotations

import random

import pytest

from adapters.base import Context, MappingError, Rejected
from adapters.council import ADAPTER
from adapters.council.forms import Form
from adapters.demo.samples.council import PARTNERS, sample_file, sample_rows
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.sample_rows import SampleRow
from adapters.mapping import MemoryLinks


def taken(content: bytes) -> list[str]:
    """One code for each record of a file: empty for an event."""
    context = Context("council-camden", PARTNERS, MemoryLinks())
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


def sample(count: int = 150) -> list[SampleRow]:
    return sample_rows(random.Random(7), case_list(7, count))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_every_record_is_taken_or_refused_as_its_flaw_says(form: Form) -> None:
    rows = sample()
    expected = ["" if row.flaw == "duplicate" else row.flaw for row in rows]
    codes = taken(sample_file(rows, form))
    # An update about a case whose referral was refused is refused too: nothing is guessed.
    later = [
        (found, meant, row)
        for found, meant, row in zip(codes, expected, rows, strict=True)
        if found != meant
    ]
    assert all(found == "unknown_case" and meant == "" for found, meant, _ in later)
    spoiled = {row.case for row in rows if row.flaw not in ("", "duplicate")}
    assert {row.case for *_, row in later} <= spoiled
    assert {row.event_type for row in rows} == {
        "referral.made",
        "case.updated",
        "critical-incident.declared",
    }


def test_samples_have_the_flaws_of_real_exports() -> None:
    assert {"duplicate", "unknown_value", "invalid_date"} <= {row.flaw for row in sample(300)}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_half_written_file_loses_only_its_last_record(form: Form) -> None:
    rows = sample_rows(random.Random(7), case_list(7, 30), flaws=False)
    codes = taken(sample_file(rows, form, half_written=True))
    assert codes == [""] * (len(rows) - 1) + ["row_malformed"]


def test_an_odd_encoding_is_refused_as_a_whole() -> None:
    rows = sample_rows(random.Random(7), case_list(7, 30), flaws=False)
    for form, encoding in (("jsonl", "cp1252"), ("csv", "cp1252"), ("csv", "utf-16")):
        with pytest.raises(MappingError) as refusal:
            taken(sample_file(rows, form, encoding=encoding))  # type: ignore[arg-type]  # one of two
        assert refusal.value.code == "file_encoding"
