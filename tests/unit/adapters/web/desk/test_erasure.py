"""`log erase` removes a case from the desk: kept events of both sides, and drafts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.case_files import AdapterCaseFiles
from adapters.catalogue import adapter_of
from broker.agency.participant import Participant
from broker.audit.actor import Actor
from broker.operations.desk.drafts import drafts_of_person, start_draft
from broker.operations.desk.held_referral import find_referral
from broker.operations.erasure import erase_case
from tests.support.desk_partnership import ROSA, DeskPartnership
from tests.support.founded_partnership import COUNCIL, POLICE, SUPPORT
from tests.unit.adapters.web.desk.conftest import Opened
from tests.unit.broker.operations.desk.written_referral import sent


def files_of(participant: Participant) -> AdapterCaseFiles:
    return AdapterCaseFiles(participant, adapter_of(participant.root, participant.config))


def test_a_case_is_erased_from_the_desk(
    desks: DeskPartnership, folders: dict[str, Path], opened: Opened
) -> None:
    referral = sent(desks.desk(SUPPORT))
    other = sent(desks.desk(SUPPORT))
    asyncio.run(desks.deliver())
    council = desks.desk(COUNCIL)
    held = find_referral(council, referral.referral_id, SUPPORT)
    start_draft(council, ROSA, recipients=(POLICE,), case_id=held.row.case_id)
    kept = start_draft(council, ROSA, recipients=(POLICE,))
    erased = erase_case(
        folders[COUNCIL],
        held.row.case_id,
        Actor("records", reason="asked by the person"),
        desks.clock.now,
        files_of,
    )
    assert (erased.payloads, erased.left) == (2, ())
    assert [draft.id for draft in drafts_of_person(council, ROSA)] == [kept.id]
    browser = opened(COUNCIL)
    gone = browser.get(f"/referrals/{referral.referral_id}/{SUPPORT}").text
    assert 'id="no-content"' in gone
    assert "Exampleton" not in gone
    assert "Exampleton" in browser.get(f"/referrals/{other.referral_id}/{SUPPORT}").text
