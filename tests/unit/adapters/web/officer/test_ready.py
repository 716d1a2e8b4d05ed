"""Page: whether every party can read a version of an agreement."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.directory.listing import Listing, format_listing
from broker.directory.readable import readable_versions
from tests.support.founded_partnership import NOW, POLICE, FoundedPartnership
from tests.support.held_listing import hold_listing
from tests.unit.adapters.web.officer.conftest import Person


def states(text: str) -> dict[str, str]:
    """Return the words of the tag of each party, in the order of the page."""
    rows = re.findall(r'data-party="([^"]+)".*?<span class="tag[^>]*>(.*?)</span>', text, re.S)
    return {agency: re.sub(r"<svg.*?</svg>", "", tag, flags=re.S) for agency, tag in rows}


def test_each_party_is_named_with_what_it_stated(
    person: Person, folder: Path, world: FoundedPartnership, sha256: str, tmp_path: Path
) -> None:
    reads = readable_versions(load_participant(folder, NOW).contracts)
    older = reads.model_copy(update={"vocabularies": ()})
    others = [one.id for one in world.contract.parties if one.id != POLICE]
    for agency, said in ((others[0], reads), (others[1], older)):
        partner = load_participant(world.directory(agency, tmp_path), NOW)
        hold_listing(folder, partner, format_listing(Listing(reads=said)), NOW)

    answer = person(Role.AUDITOR).get(f"/agreements/{sha256}/ready")

    found = states(answer.text)
    assert found[POLICE] == found[others[0]] == "Can read it"
    assert found[others[1]] == "Cannot read it"
    assert set(list(found)[-2:]) == {POLICE, others[0]}  # those that cannot come first
    if len(others) > 2:
        assert found[others[2]] == "Not stated"


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.OPERATOR])
def test_other_roles_do_not_see_it(person: Person, sha256: str, role: Role) -> None:
    assert person(role).get(f"/agreements/{sha256}/ready").status_code == 403


def test_before_the_adapter_has_run(person: Person, sha256: str) -> None:
    answer = person(Role.OFFICER).get(f"/agreements/{sha256}/ready")

    assert states(answer.text)[POLICE] == "Can read it"
    assert "Not stated" in states(answer.text).values()
