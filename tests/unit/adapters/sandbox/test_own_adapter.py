"""Lines about the agency's own adapter: reports of partners, and the next step of held items."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sandbox import own_adapter
from adapters.sandbox.happenings import Chronicle, Happening
from adapters.sandbox.own_adapter import OwnAdapterWatch, meaning_of, retry_of
from broker.agency.participant import load_participant
from broker.audit.entries import NewLogEntry, Share
from broker.codes.meanings import CODES
from broker.errors import StoreError
from broker.held.items import HeldItem
from broker.store.rows import RecipientRow
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, founded

EVENT = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"


def row(agency: str, state: str | None, code: str | None = None) -> RecipientRow:
    return RecipientRow(EVENT, agency, 1, 60_000, state, code, NOW, NOW)


def test_each_report_of_a_partner_is_told_once() -> None:
    told: list[Happening] = []
    watch = OwnAdapterWatch(founded().participants[POLICE], lambda: NOW, Chronicle(told.append))
    shares = (Share((COUNCIL, SUPPORT), {"case_id": "4.1"}),)
    watch._entry(NewLogEntry("disclosure", NOW, event_id=EVENT, type="case.updated", shares=shares))
    assert [one.facts["partner"] for one in told] == [COUNCIL, SUPPORT]
    told.clear()
    refused = row(SUPPORT, "put_aside", "rejected_by_system")
    for _ in range(2):
        watch._reported([row(COUNCIL, None), refused])
    watch._reported([row(COUNCIL, "delivered"), refused])
    watch._reported([row(COUNCIL, "delivered"), row(SUPPORT, "delivered")])
    states = [(one.facts["partner"], one.facts["state"], one.facts.get("code")) for one in told]
    assert states == [
        (SUPPORT, "put_aside", "rejected_by_system"),
        (COUNCIL, "delivered", None),
        (SUPPORT, "delivered", None),
    ]


def test_a_held_item_is_told_with_the_command_that_tries_it_again() -> None:
    item = HeldItem("record", "7", NOW, "event_invalid", agency=COUNCIL)
    assert retry_of(item, "/a/b") == "concordant quarantine retry 7 --agency /a/b"


def test_every_code_has_a_meaning_in_words() -> None:
    assert all(meaning_of(code) for code in CODES)
    assert meaning_of("no_such_code") == ""


def test_a_state_that_stays_unreadable_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_path: Path) -> None:
        raise StoreError("It is locked.", code="store_busy")

    participant = load_participant(founded().directory(POLICE, tmp_path), NOW)
    path = participant.path(participant.config.state.database)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    told: list[Happening] = []
    watch = OwnAdapterWatch(participant, lambda: NOW, Chronicle(told.append))
    monkeypatch.setattr(own_adapter, "open_store", locked)
    for _ in range(own_adapter.FAILED_LOOKS - 1):
        watch.look()
    assert told == []  # it may only be busy
    for _ in range(own_adapter.FAILED_LOOKS):
        watch.look()
    assert [(one.what, one.facts["code"]) for one in told] == [("state_unread", "store_busy")]
