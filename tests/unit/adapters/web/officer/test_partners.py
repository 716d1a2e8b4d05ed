"""Partners: their twelve words are compared, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.operations.partner_checks import checked_partners, own_words
from tests.support.founded_partnership import NOW, POLICE, SUPPORT, FoundedPartnership
from tests.unit.adapters.web.officer.conftest import Person


def words_of(world: FoundedPartnership, agency: str) -> str:
    return " ".join(own_words(world.participants[agency]))


def checked(world: FoundedPartnership, folder: Path) -> bool:
    found = checked_partners(load_participant(folder, NOW))
    return next(one for one in found if one.agency == SUPPORT).check is not None


def test_the_words_of_a_partner_are_compared(
    person: Person, world: FoundedPartnership, folder: Path
) -> None:
    visitor = person(Role.OFFICER)
    form = {"words": words_of(world, SUPPORT), "by": "Rosa", "channel": "telephone"}
    visitor.get(f"/partners/{SUPPORT}")
    assert visitor.post(f"/partners/{SUPPORT}", form).status_code == 303
    assert checked(world, folder)


def test_other_words_are_recorded_nowhere(
    person: Person, world: FoundedPartnership, folder: Path
) -> None:
    visitor = person(Role.SIGNATORY)
    form = {"words": words_of(world, POLICE), "by": "Rosa", "channel": "telephone"}
    visitor.get(f"/partners/{SUPPORT}")
    answer = visitor.post(f"/partners/{SUPPORT}", form)
    assert answer.status_code == 422
    assert "fingerprint_differs" in answer.text
    assert not checked(world, folder)


@pytest.mark.parametrize("lacking", ["words", "by", "channel"])
def test_each_answer_is_needed(
    person: Person, world: FoundedPartnership, folder: Path, lacking: str
) -> None:
    visitor = person()
    form = {"words": words_of(world, SUPPORT), "by": "Rosa", "channel": "video"}
    visitor.get(f"/partners/{SUPPORT}")
    answer = visitor.post(f"/partners/{SUPPORT}", {**form, lacking: ""})
    assert answer.status_code == 422
    assert not checked(world, folder)


def test_our_own_words_are_shown_and_those_of_partners_are_not(
    person: Person, world: FoundedPartnership
) -> None:
    visitor = person()
    page = visitor.get("/partners").text
    assert words_of(world, POLICE) in page
    assert words_of(world, SUPPORT) not in page
    assert words_of(world, SUPPORT) not in visitor.get(f"/partners/{SUPPORT}").text


def test_an_unknown_partner_is_not_found(person: Person) -> None:
    assert person().get("/partners/stranger").status_code == 404
