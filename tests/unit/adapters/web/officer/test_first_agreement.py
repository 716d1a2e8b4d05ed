"""Pages of an agency that has signed nothing yet: it finds its first agreement there."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.operations.bundles import add_bundles
from tests.support.founding import NOW
from tests.support.passed_agreements import found_all
from tests.support.web_visitor import visitor

AGENCY = "council-camden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("first")
    found_all(root)
    return root / AGENCY


def test_an_agency_without_an_agreement_is_led_to_a_file(folder: Path) -> None:
    person = visitor(folder, NOW, Role.OFFICER)
    assert 'href="/bundles"' in person.get("/agreements").text
    assert 'id="own-words"' in person.get("/partners").text


def test_before_the_first_start_the_pages_say_what_is_missing(folder: Path) -> None:
    auditor, operator = visitor(folder, NOW, Role.AUDITOR), visitor(folder, NOW, Role.OPERATOR)
    for path in ("/log", "/log/verified"):
        page = auditor.get(path)
        assert page.status_code == 200
        assert 'id="no-state"' in page.text
    rights = operator.get("/kafka-rights")
    assert rights.status_code == 200
    assert 'id="no-agreement"' in rights.text


def test_the_first_agreement_waits_for_us(folder: Path) -> None:
    root = folder.parent
    add_bundles(folder, [root / "agreement.yaml", *root.glob("*.entry")], NOW)
    (waiting,) = load_participant(folder, NOW, unsigned_ok=True).contracts.awaiting(NOW)
    address = f"/agreements/{waiting.hash.hex()}"
    person = visitor(folder, NOW, Role.SIGNATORY)
    assert address in person.get("/agreements").text
    assert 'id="awaits-us"' in person.get(address).text
    assert 'id="first-version"' in person.get(f"{address}/changes").text
    assert 'id="sign"' in person.get(f"{address}/sign-off").text
    stop = person.get(f"{address}/stop")
    assert stop.status_code == 200
    assert 'id="decide"' not in stop.text
