"""Pause, resume and leave; the draft without a partner."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from contracts.loading import parse_contract
from tests.support.founded_partnership import HOUR, NOW, POLICE, SUPPORT, FoundedPartnership
from tests.unit.adapters.web.officer.conftest import Person

SURE = {"reason": "security_incident", "telephoned": "yes", "may": "yes"}


def own_state(folder: Path, world: FoundedPartnership) -> str:
    participant = load_participant(folder, NOW + HOUR)
    status = participant.contract_status(world.signed, NOW + HOUR)
    return status.party_state(POLICE)


def remove_keys(folder: Path) -> None:
    for key in (folder / "governance").iterdir():
        key.unlink()


def test_the_page_says_what_stops_before_anything_does(
    person: Person, sha256: str, folder: Path, world: FoundedPartnership
) -> None:
    page = person(Role.AUDITOR).get(f"/agreements/{sha256}/stop").text
    for part in ("open", "means", "partners"):
        assert f'id="{part}"' in page
    assert 'id="decide"' not in page  # an auditor decides nothing
    assert own_state(folder, world) == "in_force"


def test_a_pause_without_governance_keys(
    person: Person, sha256: str, folder: Path, world: FoundedPartnership
) -> None:
    remove_keys(folder)
    visitor = person(Role.SIGNATORY)
    page = visitor.get(f"/agreements/{sha256}/stop/leave").text
    assert "concordant contract leave" in page
    assert 'id="decision"' not in page
    answer = visitor.post(f"/agreements/{sha256}/stop/pause", SURE)
    assert answer.status_code == 303
    assert own_state(folder, world) == "suspended"
    paused = visitor.get(f"/agreements/{sha256}/stop").text
    assert 'id="stops"' in paused
    assert 'id="decision"' not in visitor.get(f"/agreements/{sha256}/stop/resume").text
    assert 'id="not-possible"' in visitor.get(f"/agreements/{sha256}/stop/pause").text


@pytest.mark.parametrize(("how", "state"), [("leave", "left"), ("pause", "suspended")])
def test_the_keys_decide_what_this_machine_can_do(
    person: Person, sha256: str, folder: Path, world: FoundedPartnership, how: str, state: str
) -> None:
    visitor = person(Role.OFFICER)
    visitor.get(f"/agreements/{sha256}/stop/{how}")
    assert visitor.post(f"/agreements/{sha256}/stop/{how}", SURE).status_code == 303
    assert own_state(folder, world) == state


def test_to_leave_without_the_keys_changes_nothing(
    person: Person, sha256: str, folder: Path, world: FoundedPartnership
) -> None:
    remove_keys(folder)
    visitor = person(Role.SIGNATORY)
    visitor.get(f"/agreements/{sha256}/stop")
    answer = visitor.post(f"/agreements/{sha256}/stop/leave", SURE)
    assert answer.status_code == 422
    assert "key_missing" in answer.text
    assert own_state(folder, world) == "in_force"


def test_a_pause_ends(person: Person, sha256: str, folder: Path, world: FoundedPartnership) -> None:
    visitor = person(Role.SIGNATORY)
    visitor.get(f"/agreements/{sha256}/stop")
    visitor.post(f"/agreements/{sha256}/stop/pause", SURE)
    page = visitor.get(f"/agreements/{sha256}/stop").text
    assert "/stop/resume" in page
    assert "/stop/pause" not in page
    resumed = {"reason": "resolved", "may": "yes"}
    assert visitor.post(f"/agreements/{sha256}/stop/resume", resumed).status_code == 303
    assert own_state(folder, world) == "in_force"


@pytest.mark.parametrize(
    ("how", "form", "field"),
    [
        ("pause", {**SURE, "reason": ""}, "reason"),
        ("pause", {**SURE, "reason": "because <b>"}, "reason"),
        ("pause", {**SURE, "telephoned": ""}, "telephoned"),
        ("leave", {**SURE, "may": ""}, "may"),
        ("resume", {**SURE, "reason": "security_incident"}, "reason"),
    ],
)
def test_nothing_stops_without_a_whole_answer(
    person: Person,
    sha256: str,
    folder: Path,
    world: FoundedPartnership,
    how: str,
    form: dict[str, str],
    field: str,
) -> None:
    visitor = person(Role.OFFICER)
    visitor.get(f"/agreements/{sha256}/stop/{how}")
    answer = visitor.post(f"/agreements/{sha256}/stop/{how}", form)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert own_state(folder, world) == "in_force"


def test_an_unknown_decision_is_not_found(person: Person, sha256: str) -> None:
    visitor = person(Role.OFFICER)
    assert visitor.get(f"/agreements/{sha256}/stop/expel").status_code == 404
    assert visitor.post(f"/agreements/{sha256}/stop/expel", SURE).status_code == 404


def test_the_draft_without_a_partner(person: Person, sha256: str, folder: Path) -> None:
    visitor = person(Role.OFFICER)
    visitor.get(f"/agreements/{sha256}/stop")
    answer = visitor.post(f"/agreements/{sha256}/next-version", {"agency": SUPPORT})
    draft = parse_contract(answer.content, "next.yaml").contract
    assert SUPPORT not in draft.by_id
    assert draft.previous == (sha256,)
    for agency in (POLICE, "stranger"):
        refused = visitor.post(f"/agreements/{sha256}/next-version", {"agency": agency})
        assert refused.status_code == 404
