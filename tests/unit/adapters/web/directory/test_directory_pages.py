"""Pages of the directory: search, one agency, gaps, own services and their capacity."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.operations.directory.held_listings import all_listings
from broker.store.database import open_store
from tests.support.founded_partnership import COUNCIL, NOW, SUPPORT, founded
from tests.support.recorded_referrals import Referring
from tests.unit.adapters.web.conftest import Clock
from tests.unit.adapters.web.directory.conftest import Person

At = Callable[[Path], Person]
CAMDEN = "E09000007"
ADVOCACY = {"need": "advocacy", "area": CAMDEN, "strand": "disability"}
DAY_MS = 86_400_000


def found(text: str) -> list[str]:
    return re.findall(r'data-service="([^"]+)"', text)


def test_a_caseworker_finds_a_service_and_starts_a_referral_to_it(at: At, police: Path) -> None:
    caseworker = at(police)(Role.CASEWORKER)
    page = caseworker.get("/services", params=ADVOCACY)
    assert found(page.text) == [f"{SUPPORT}/emotional-support"]
    assert "4 places" in page.text
    assert 'data-known="kitebridge"' in page.text
    assert "Ask the coordinator" in page.text

    begun = caseworker.post("/services/refer", {"agency": SUPPORT, **ADVOCACY})
    address = begun.headers["location"]
    assert address.startswith("/drafts/")
    asked = caseworker.get(address).text

    assert 'id="proposed"' in asked
    ticked = re.findall(r'<input type="checkbox" [^>]*value="([^"]+)"[^>]* checked', asked)
    assert ticked == [SUPPORT]
    boxes = re.findall(r'name="recipients" value="([^"]+)"', asked)
    assert boxes[0] == SUPPORT  # the one that fits comes first
    assert len(boxes) > 1
    assert "kitebridge" not in asked  # the agreement does not allow it


def test_a_caseworker_sees_how_fast_an_agency_has_answered(at: At, police: Path) -> None:
    participant = load_participant(police, NOW)
    store = open_store(participant.path(participant.config.state.database))
    with store.transaction() as tx:
        referrals = Referring(tx, participant, now=NOW)
        referrals.made(4, SUPPORT, "accepted", 30)
        referrals.made(1, SUPPORT)
        referrals.write()
    store.close()

    caseworker = at(police)(Role.CASEWORKER)
    begun = caseworker.post("/services/refer", {"agency": SUPPORT, **ADVOCACY})
    for address in ("/services", begun.headers["location"]):
        page = caseworker.get(address).text
        assert "half of our last 5 referrals within 2 days" in page


def test_a_capacity_that_has_ended_is_not_known(at: At, police: Path, time: Clock) -> None:
    time.now += 8 * DAY_MS

    page = at(police)(Role.CASEWORKER).get("/services", params=ADVOCACY).text
    assert "4 places" not in page
    assert found(page) == [f"{SUPPORT}/emotional-support"]


def test_a_search_for_codes_that_are_not_known_finds_everything(at: At, police: Path) -> None:
    page = at(police)().get("/services", params={"need": "<script>", "area": "x"})

    assert page.status_code == 200
    assert len(found(page.text)) == 2
    assert "<script>" not in page.text.replace('<script src="', "")


def test_safe_contact_is_on_the_page_of_the_agency(at: At, police: Path) -> None:
    person = at(police)(Role.CASEWORKER)

    assert "Ask first whether it is safe" in person.get(f"/services/{SUPPORT}").text
    assert "Ask first whether it is safe" not in person.get("/services").text
    assert person.get("/services/nobody").status_code == 404
    assert person.get("/services/csu-camden").status_code == 404  # our own is another page


def test_only_caseworkers_refer(at: At, police: Path) -> None:
    officer = at(police)(Role.OFFICER)

    assert "/services/refer" not in officer.get("/services").text
    assert officer.post("/services/refer", {"agency": SUPPORT}).status_code == 403
    other = at(police)(Role.CASEWORKER)
    assert other.post("/services/refer", {"agency": "nobody"}).status_code == 404


def test_gaps_are_shown_as_tables_grid_and_file(at: At, police: Path) -> None:
    officer = at(police)(Role.OFFICER)
    page = officer.get("/coverage").text
    assert page.count("<tr") > 33
    one = officer.get("/coverage", params={"of": "need.advocacy"}).text
    row = re.search(r">Camden</th><td[^>]*>(\d+)</td><td[^>]*>(\d+)</td>", one)
    assert row is not None
    assert row.groups() == ("0", "1")

    rows = list(csv.DictReader(io.StringIO(officer.get("/coverage/file/csv").text)))
    camden = next(r for r in rows if (r["code"], r["area"]) == ("advocacy", CAMDEN))
    assert (camden["services"], camden["with_capacity"]) == ("1", "1")
    picture = officer.get("/coverage/file/svg", params={"of": "need.advocacy"})
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "none: 0 of 1" in picture.text
    assert officer.get("/coverage/file/exe").status_code == 404


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.OPERATOR])
def test_the_room_of_a_service_is_stated(at: At, charity: Path, role: Role) -> None:
    person = at(charity)(role)
    assert "Ask first whether it is safe" in person.get("/our-services").text
    form = {"state": "no-capacity", "places": "", "days": "14", "again": "2026-04-01"}
    person.get("/our-services/safe-home")

    assert person.post("/our-services/safe-home", form).status_code == 303

    (own,) = (one for one in all_listings(charity, NOW + 2).held if one.own)
    capacity = own.listing.services["safe-home"].partners.capacity
    assert capacity is not None
    assert capacity.state == "no-capacity"
    assert capacity.expires == capacity.as_of + 14 * DAY_MS
    assert str(capacity.again_on) == "2026-04-01"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("state", ""), ("state", "full"), ("places", "-1"), ("places", "100001"), ("days", "0"),
        ("days", "93"), ("days", ""), ("days", "²"), ("again", "soon"),
    ],
)  # fmt: skip
def test_a_room_that_is_not_understood_is_asked_again(
    at: At, charity: Path, field: str, wrong: str
) -> None:
    person = at(charity)(Role.CASEWORKER)
    person.get("/our-services/safe-home")
    form = {"state": "capacity", "places": "1", "days": "7", "again": "", field: wrong}

    answer = person.post("/our-services/safe-home", form)
    assert answer.status_code == 422
    assert 'id="errors"' in answer.text
    (own,) = (one for one in all_listings(charity, NOW + 2).held if one.own)
    assert own.listing.services["safe-home"].partners.capacity is None


def test_others_read_our_services_and_state_nothing(at: At, charity: Path) -> None:
    officer = at(charity)(Role.OFFICER)

    assert officer.get("/our-services").status_code == 200
    assert officer.get("/our-services/safe-home").status_code == 403
    assert officer.post("/our-services/safe-home", {"state": "capacity"}).status_code == 403
    assert at(charity)(Role.OPERATOR).get("/our-services/unknown").status_code == 404


def test_the_operator_sees_the_command(at: At, charity: Path) -> None:
    assert "directory publish --agency" in at(charity)(Role.OPERATOR).get("/our-services").text
    assert "directory publish" not in at(charity)(Role.CASEWORKER).get("/our-services").text


def test_a_fault_in_our_own_file_does_not_stop_a_referral(at: At, police: Path) -> None:
    (police / "directory.yaml").write_text("services: [")
    caseworker = at(police)(Role.CASEWORKER)
    caseworker.get("/drafts")
    begun = caseworker.post("/drafts")

    page = caseworker.get(begun.headers["location"], params=ADVOCACY)
    assert page.status_code == 200
    assert 'id="proposed"' in page.text


def test_an_agency_that_has_not_run_yet(at: At, tmp_path: Path) -> None:
    person = at(founded().directory(COUNCIL, tmp_path))()
    for path in ("/services", "/coverage", "/our-services"):
        assert person.get(path).status_code == 200
    assert person.get(f"/services/{SUPPORT}").status_code == 404
    assert person.get("/coverage/file/csv").status_code == 404
