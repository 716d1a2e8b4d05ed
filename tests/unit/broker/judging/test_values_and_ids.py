"""Step 10: values within the event's model, and one content for each id of a sender."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from broker.event import JSON
from broker.judging.judgements import Refused
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import CASE, CHANGED, COUNCIL, POLICE, SUPPORT
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

SAME = UUID("0198b6a1-7c44-8e21-9f00-0123456789ab")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("victim__name", 7),
        ("incident__borough", "E99999999"),
        ("urgency", "whenever"),
        ("case_id", "not-a-uuid"),
        ("incident__occurred_on", "2025-02-30"),
    ],
)
def test_a_value_outside_of_the_events_model_is_refused(
    council: Reader, log: Log, path: str, value: JSON
) -> None:
    odd = draft_event(**{path: value})
    step, code = council.refusal(log.send_one(odd.value()))
    assert (step, code) == (10, "event_invalid")


def test_the_refusal_does_not_repeat_the_value(council: Reader, log: Log) -> None:
    judgement = council.take(log.send_one(draft_event(urgency="Zephyrine").value()))
    assert isinstance(judgement, Refused)
    assert "Zephyrine" not in judgement.refusal.diagnostics()


def test_the_same_event_sealed_again_is_a_repeat(council: Reader, log: Log) -> None:
    for outcome in ("opened", "repeat", "repeat"):
        again = replace(draft_event(), event_id=SAME)
        judgement = council.take(log.send_one(again.value()))
        assert judgement.outcome == outcome


def test_an_id_that_is_used_for_other_content_is_refused(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    other = replace(draft_event(reason="another reason"), event_id=SAME)
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_an_id_that_is_used_for_another_type_is_refused(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    other = replace(draft_event(CHANGED), event_id=SAME)
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_the_same_fields_under_another_type_are_another_event(council: Reader, log: Log) -> None:
    first = replace(draft_event(CASE, to=(COUNCIL, SUPPORT)), event_id=SAME)
    cases = Log(logical="b")
    assert council.take(cases.send_one(first.value())).outcome == "opened"
    known = council.context.known(POLICE, str(SAME))
    assert known is not None
    other = replace(draft_event(), event_id=SAME)
    shared = {path for group in other.groups for path in group} & set(known.flat)  # type: ignore[attr-defined]  # a file's
    for group in other.groups:
        group |= {path: known.flat[path] for path in shared & group.keys()}  # type: ignore[attr-defined]  # as above
    assert council.refusal(log.send_one(other.value())) == (10, "id_reused")


def test_only_fields_granted_both_times_are_compared(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    less = replace(draft_event(without=["victim.tenure"]), event_id=SAME)
    assert council.take(log.send_one(less.value())).outcome == "repeat"


def test_an_id_is_its_senders_own(council: Reader, log: Log) -> None:
    council.take(log.send_one(replace(draft_event(), event_id=SAME).value()))
    theirs = replace(draft_event(source=SUPPORT, to=(COUNCIL, POLICE)), event_id=SAME)
    assert council.take(Log(SUPPORT).send_one(theirs.value())).outcome == "opened"


def test_a_refused_event_leaves_its_id_free(council: Reader, log: Log) -> None:
    odd = replace(draft_event(urgency="whenever"), event_id=SAME)
    assert council.refusal(log.send_one(odd.value())) == (10, "event_invalid")
    assert council.take(log.send_one(replace(draft_event(), event_id=SAME).value())).outcome == (
        "opened"
    )
