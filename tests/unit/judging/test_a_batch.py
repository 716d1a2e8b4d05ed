"""A batch is judged as its records would be one by one, whatever is wrong with some of them."""

from __future__ import annotations

from dataclasses import replace

from drafts import draft_event
from readers import Reader
from sent_records import Log

from broker.judging.judging import Judgement, judge_each
from broker.record import Record


def spoiled(log: Log) -> list[Record]:
    """Honest records, one twice, one altered, one without a proof, one of another topic."""
    good = [log.send_one(draft_event().value()) for _ in range(4)]
    altered = replace(good[1], value=b"x" + (good[1].value or b"")[1:])
    bare = replace(good[2], headers=())
    elsewhere = replace(good[3], partition=good[3].partition + 1)
    return [good[0], altered, good[1], good[0], bare, good[2], elsewhere, good[3]]


def seen(judgement: Judgement) -> tuple[object, ...]:
    refusal = judgement.refusal
    return (
        judgement.outcome,
        None if refusal is None else (refusal.step, refusal.code),
        None if judgement.event is None else judgement.event.id,
        None if judgement.placement is None else judgement.placement.verdict,
    )


def test_a_batch_is_judged_as_its_records_are_one_by_one(log: Log) -> None:
    records = spoiled(log)
    alone, together = Reader(), Reader()
    expected = [seen(alone.take(one)) for one in records]
    found = []
    for record, judgement in judge_each(records, together.view, together.now):
        assert record is records[len(found)]
        together.view.took(judgement)
        found.append(seen(judgement))
    assert found == expected
    assert [outcome for outcome, *_ in found] == [
        "opened",
        "refused",
        "opened",
        "repeat",
        "refused",
        "opened",
        "refused",
        "opened",
    ]
