"""The made-up case exports of the prosecution service become case updates, or say why not."""

from __future__ import annotations

import random

from adapters.base import Context, MappingError, Outgoing, Row
from adapters.cps import ADAPTER
from adapters.demo.samples.cps import PARTNERS, sample_file, sample_rows
from adapters.demo.samples.facts import case_list
from adapters.mapping import MemoryLinks

SHARED = "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01"


def converted(content: bytes) -> list[Outgoing | str]:
    context = Context("cps-london", PARTNERS, MemoryLinks())
    results: list[Outgoing | str] = []
    for item in ADAPTER.read(content):
        assert isinstance(item, Row)
        try:
            results.append(ADAPTER.to_event(item, context))
        except MappingError as error:
            results.append(error.code)
    return results


def test_every_case_becomes_an_update_or_is_refused_for_its_flaw() -> None:
    rows = sample_rows(random.Random(3), case_list(2007, 300))
    assert len(rows) > 200
    for row, result in zip(rows, converted(sample_file(rows)), strict=True):
        if isinstance(result, str):
            assert result == row.flaw
        else:
            assert row.flaw in ("", "duplicate")
            assert result.event.type == "case.updated"
            assert "strands" not in result.event.data


def test_a_case_that_came_from_the_police_keeps_its_shared_id() -> None:
    case = next(c for c in case_list(2007, 50) if c.course.outcome)
    rows = sample_rows(random.Random(3), [case], shared_ids={case.number: SHARED}, flaws=False)
    results = converted(sample_file(rows))
    assert len(results) == 2
    for result in results:
        assert isinstance(result, Outgoing)
        assert result.event.data["case_id"] == SHARED
