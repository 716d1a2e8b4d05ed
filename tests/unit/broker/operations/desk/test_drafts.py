"""Drafts: encrypted, of one person, from one version to the next, and sent once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.operations.desk.drafts import (
    AnswersInvalidError,
    SentDraft,
    change_draft,
    discard_draft,
    draft_of,
    drafts_of_person,
    send_draft,
    start_draft,
)
from broker.operations.desk.errors import DeskError
from broker.operations.desk.keeping import DRAFT_DAYS, remove_expired
from contracts.durations import DAY_MS
from contracts.errors import ConcordantError, EventError
from tests.support.desk_partnership import ROSA, SAM, DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.unit.broker.operations.desk.written_referral import TYPED, written


def code_of(error: pytest.ExceptionInfo[ConcordantError]) -> str:
    return error.value.code


def test_a_draft_is_kept_encrypted_for_its_author(desks: DeskPartnership, tmp_path: Path) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk)
    assert draft_of(desk, ROSA, draft.id) == draft
    assert drafts_of_person(desk, ROSA) == (draft,)
    assert (draft.version, draft.recipients) == (2, (COUNCIL,))
    assert draft.removed_ms == desks.clock.now + DRAFT_DAYS * DAY_MS
    assert drafts_of_person(desk, SAM) == ()
    for of_other in (draft_of, discard_draft):
        with pytest.raises(DeskError) as refusal:
            of_other(desk, SAM, draft.id)
        assert code_of(refusal) == "draft_unknown"
    for file in tmp_path.glob(f"{SUPPORT}.db*"):
        assert b"Exampleton" not in file.read_bytes()


def test_a_change_from_an_older_page_is_refused_and_changes_nothing(
    desks: DeskPartnership,
) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk)
    changed = change_draft(desk, ROSA, draft.id, draft.version, texts={"victim.name": ["Noor E."]})
    with pytest.raises(DeskError) as refusal:
        change_draft(desk, ROSA, draft.id, draft.version, recipients=(POLICE,))
    assert code_of(refusal) == "draft_changed"
    with pytest.raises(DeskError) as refusal:
        send_draft(desk, ROSA, draft.id, draft.version)
    assert code_of(refusal) == "draft_changed"
    assert draft_of(desk, ROSA, draft.id) == changed
    assert changed.texts == {**TYPED, "victim.name": ["Noor E."]}


def test_a_sent_draft_is_removed_and_its_second_sending_gives_the_same_event(
    desks: DeskPartnership,
) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk, (COUNCIL, POLICE))
    first = send_draft(desk, ROSA, draft.id, draft.version)
    assert first == SentDraft(draft.referral_id, (COUNCIL, POLICE), first.event_id, again=False)
    again = send_draft(desk, ROSA, draft.id, draft.version)
    assert (again.referral_id, again.event_id, again.again) == (
        first.referral_id,
        first.event_id,
        True,
    )
    assert drafts_of_person(desk, ROSA) == ()
    assert desks[SUPPORT].outbox() == [first.event_id]
    with pytest.raises(DeskError) as refusal:
        draft_of(desk, ROSA, draft.id)
    assert code_of(refusal) == "draft_unknown"


def test_sent_from_many_pages_at_once_it_is_one_event(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk)
    results: list[SentDraft | ConcordantError] = []
    start = threading.Barrier(4)

    def press() -> None:
        start.wait()
        try:
            results.append(send_draft(desk, ROSA, draft.id, draft.version))
        except ConcordantError as error:
            results.append(error)

    pressed = [threading.Thread(target=press) for _ in range(4)]
    for one in pressed:
        one.start()
    for one in pressed:
        one.join()
    sent = [one for one in results if isinstance(one, SentDraft)]
    assert len(sent) == len(results)
    assert {one.event_id for one in sent} == set(desks[SUPPORT].outbox())
    assert [one.again for one in sent].count(False) == 1


def test_a_draft_that_lacks_a_field_names_it_and_is_kept(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk, texts={**TYPED, "requested_service": []})
    with pytest.raises(AnswersInvalidError) as refusal:
        send_draft(desk, ROSA, draft.id, draft.version)
    assert (code_of(refusal), refusal.value.where) == ("answers_invalid", "requested_service")
    assert [problem.fault for problem in refusal.value.problems] == ["missing"]
    assert draft_of(desk, ROSA, draft.id) == draft
    assert desks[SUPPORT].outbox() == []


def test_a_draft_that_the_agreement_refuses_is_kept(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft = start_draft(desk, ROSA, recipients=(PROSECUTION,))
    with pytest.raises(EventError) as refusal:
        send_draft(desk, ROSA, draft.id, draft.version)
    assert code_of(refusal) == "recipient_not_permitted"
    assert draft_of(desk, ROSA, draft.id) == draft


def test_an_old_draft_is_removed_and_the_log_says_so(
    desks: DeskPartnership,
) -> None:
    desk = desks.desk(SUPPORT)
    written(desk)
    desks.clock.pass_(DRAFT_DAYS * DAY_MS - 1)
    kept = written(desk)
    desks.clock.pass_(1)
    with desk.store.transaction() as tx:
        assert remove_expired(tx, desks.clock.now) == (0, 1)
    assert drafts_of_person(desk, ROSA) == (kept,)
    assert [(one.reason, one.count) for one in desks[SUPPORT].entries("erasure")] == [
        ("desk_retention.drafts", 1)
    ]


def test_a_discarded_draft_is_gone(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft = written(desk)
    discard_draft(desk, ROSA, draft.id)
    assert drafts_of_person(desk, ROSA) == ()


def test_an_altered_draft_is_not_shown(desks: DeskPartnership) -> None:
    desk = desks.desk(SUPPORT)
    draft, other = written(desk), written(desk)
    with desk.store.transaction() as tx:
        row = tx.drafts.get(other.id)
        assert row is not None
        assert tx.drafts.change(draft.id, 2, row.content, 1)
    with pytest.raises(StoreError) as refusal:
        draft_of(desk, ROSA, draft.id)
    assert code_of(refusal) == "store_corrupt"
