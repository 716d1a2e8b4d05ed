"""The made-up exports of a Community Safety Unit behave like real ones, flaws included."""

from __future__ import annotations

import random

from adapters.base import Context, MappingError, Outgoing, Rejected
from adapters.csu import ADAPTER
from adapters.demo.samples.csu import PARTNERS, sample_file, sample_rows
from adapters.demo.samples.facts import case_list
from adapters.mapping import MemoryLinks
from tests.support.words import validate_event


def converted(content: bytes) -> list[Outgoing | MappingError]:
    context = Context("csu-camden", PARTNERS, MemoryLinks())
    results: list[Outgoing | MappingError] = []
    for item in ADAPTER.read(content):
        if isinstance(item, Rejected):
            results.append(item.error)
            continue
        try:
            results.append(ADAPTER.to_event(item, context))
        except MappingError as error:
            results.append(error)
    return results


def test_the_same_seed_gives_the_same_file() -> None:
    files = {sample_file(sample_rows(random.Random(3), case_list(2007, 40))) for _ in range(2)}
    assert len(files) == 1


def test_every_row_becomes_an_event_or_is_refused_for_its_flaw() -> None:
    rows = sample_rows(random.Random(3), case_list(2007, 300))
    results = converted(sample_file(rows))
    assert len(results) == len(rows)
    keys = set()
    for row, result in zip(rows, results, strict=True):
        if row.flaw in ("", "duplicate"):
            assert isinstance(result, Outgoing), (row.case, result)
            assert result.event.type == row.event_type
            validate_event(result.event.type, result.event.data)
            assert (result.key in keys) == (row.flaw == "duplicate")
            keys.add(result.key)
        else:
            assert isinstance(result, MappingError)
            assert result.code == row.flaw
    assert {row.flaw for row in rows} == {
        "", "duplicate", "unknown_value", "invalid_date", "text_too_long"
    }  # fmt: skip


def test_an_old_client_writes_cp1252_and_a_cut_off_file_loses_only_its_last_row() -> None:
    rows = sample_rows(random.Random(3), case_list(2007, 20), flaws=False)
    assert all(isinstance(r, Outgoing) for r in converted(sample_file(rows, encoding="cp1252")))
    results = converted(sample_file(rows, half_written=True))
    assert [r.code for r in results if isinstance(r, MappingError)] == ["row_malformed"]
    assert len(results) == len(rows)


def test_the_cases_have_what_real_ones_have() -> None:
    cases = case_list(2007, 300)
    assert any(case.consent.statistics_only for case in cases)
    channels = {c.incident.reporting_channel for c in cases if not c.incident.known_to_police}
    assert channels & {"third_party_centre", "voluntary"}
    assert any(len(case.incident.strands) > 1 for case in cases)
    assert any(case.incident.record_type == "hate_incident" for case in cases)
    assert any(case.victim.name is None for case in cases)
    assert cases[:10] == case_list(2007, 10)
