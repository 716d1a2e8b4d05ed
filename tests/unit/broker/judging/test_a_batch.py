"""A batch is judged as its records would be one by one, whatever is wrong with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from broker.envelope.sealing import WrappedSession, WrapRecipient
from broker.judging import decryption
from broker.judging.judgements import Deferred, Judgement, Opened, Placed
from broker.judging.judging import STAGE_RECORDS, judge_each
from broker.judging.verification import verify_record
from broker.record import Record
from tests.support.forged_events import Forgery, draft_event
from tests.support.founded_partnership import NOW, SUPPORT, founded
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log


def spoiled(log: Log) -> list[Record]:
    """Honest records, one twice, one altered, one without a proof, one of another topic."""
    good = [log.send_one(draft_event().value()) for _ in range(4)]
    altered = replace(good[1], value=b"x" + (good[1].value or b"")[1:])
    bare = replace(good[2], headers=())
    elsewhere = replace(good[3], partition=good[3].partition + 1)
    return [good[0], altered, good[1], good[0], bare, good[2], elsewhere, good[3]]


def seen(judgement: Judgement) -> tuple[object, ...]:
    found = judgement.refused if isinstance(judgement, Deferred) else judgement
    refusal = getattr(found, "refusal", None)
    return (
        judgement.outcome,
        None if refusal is None else (refusal.step, refusal.code),
        found.event.id if isinstance(found, Opened) else None,
        found.placement.verdict if isinstance(found, Placed) else None,
    )


def test_a_batch_is_judged_as_its_records_are_one_by_one(log: Log) -> None:
    records = spoiled(log)
    alone, together = Reader(), Reader()
    expected = [seen(alone.take(one)) for one in records]
    found = []
    for record, judgement in judge_each(records, together.context, together.cache, together.now):
        assert record is records[len(found)]
        together.context.took(judgement)
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


def of_one_session(forgeries: Sequence[Forgery]) -> list[bytes]:
    """Their values, with the wraps that one sender uses for an hour."""
    first = forgeries[0]

    @cache
    def session(key: WrapRecipient) -> WrappedSession:
        return WrappedSession(founded().deployment, first.contract, first.source, key, NOW)

    for one in forgeries:
        one.session = session
    return [one.value() for one in forgeries]


def every_kind(log: Log) -> list[Record]:
    """Events of one session, of which some break a rule of steps 5 to 9."""
    cut, broken, uncommitted, padded, ahead, elsewhere = (draft_event() for _ in range(6))
    cut.key_lists = lambda keys: keys[:-1] + bytes([keys[-1] ^ 1])
    broken.ciphertexts[0] = lambda text: text[:-1] + bytes([text[-1] ^ 1])
    uncommitted.commitments[0] = bytes(32)
    padded.padded = lambda content: len(content).to_bytes(4, "big") + content + bytes(1500)
    ahead.time = NOW + 3_600_000
    elsewhere.contract = bytes(32)
    others = draft_event(to=(SUPPORT,))
    values = of_one_session([draft_event(), cut, broken, draft_event(), uncommitted, padded])
    values += of_one_session([others]) + of_one_session([elsewhere, ahead, draft_event()])
    values.append(values[0])
    return [log.send_one(value) for value in values]


def test_early_decryption_changes_no_answer(log: Log) -> None:
    records = every_kind(log)
    alone, together = Reader(), Reader()
    expected = [seen(alone.take(one)) for one in records]
    for _ in range(2):  # the second time every wrap is known before the batch begins
        found = []
        for _record, judgement in judge_each(
            records, together.context, together.cache, together.now
        ):
            if judgement.outcome != "deferred":
                together.context.took(judgement)
            found.append(seen(judgement))
        assert found == expected
        fresh = Reader()
        fresh.cache.sessions = together.cache.sessions
        together = fresh
    outcomes = {refusal for _, refusal, *_ in found if refusal is not None}
    assert outcomes >= {
        (5, "time_ahead"),
        (6, "contract_unknown"),
        (7, "key_list_broken"),
        (8, "commitment_wrong"),
        (8, "group_broken"),
        (9, "padding_wrong"),
    }


def test_a_batch_longer_than_a_stage_is_judged_whole_and_in_order(log: Log) -> None:
    values = of_one_session([draft_event() for _ in range(STAGE_RECORDS + 3)])
    records = [log.send_one(value) for value in values]
    together = Reader()
    found = []
    for record, judgement in judge_each(records, together.context, together.cache, together.now):
        together.context.took(judgement)
        found.append((record, judgement.outcome))
    assert found == [(record, "opened") for record in records]


def test_decrypting_before_its_turn_tries_no_wrap_and_remembers_none(log: Log) -> None:
    records = [log.send_one(draft_event().value()) for _ in range(3)]
    reader = Reader()
    reader.context.wraps_left = lambda _agency: 0  # type: ignore[method-assign]
    outcomes = [
        judgement.refusal.code
        for _, judgement in judge_each(records, reader.context, reader.cache, reader.now)
        if isinstance(judgement, Deferred)
    ]
    assert outcomes == ["wrap_budget"] * 3


def test_long_values_wait_for_their_turn(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plaintexts of a stage are in memory together, so long values are left out."""
    reader = Reader()
    record = log.send_one(draft_event().value())
    verified = verify_record(record, reader.context, reader.cache, reader.now)
    assert decryption.open_ahead(verified, reader.context, reader.cache.sessions) is not None
    monkeypatch.setattr(decryption, "AHEAD_MAX_BYTES", len(record.value or b"") - 1)
    assert decryption.open_ahead(verified, reader.context, reader.cache.sessions) is None
