"""The partnership in memory: real agencies, faults that a test can ask for, and the fixture."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from concordant import ClientError, Event
from concordant.testing import FoundedPartnership, Partnership
from contracts.errors import UnknownNameError
from contracts.loading import shipped_terms
from tests.support.founded_partnership import CAST, COUNCIL, POLICE, SUPPORT


def test_the_shipped_agreement_is_signed_by_an_agency_of_each_role(
    partnership: Partnership,
) -> None:
    assert set(partnership.agencies) == set(CAST)
    assert {party.role for party in partnership.agreement.parties} == {
        "police", "prosecution", "council", "support",
    }  # fmt: skip
    with pytest.raises(UnknownNameError) as error:
        partnership["council-camdn"]
    assert error.value.code == "agency_unknown"


def test_each_recipient_gets_only_what_the_agreement_grants_it(partnership: Partnership) -> None:
    police = partnership[POLICE]
    sent = police.publish(police.example("referral.made", [COUNCIL, SUPPORT]))
    for reader in (COUNCIL, SUPPORT):
        (event,) = partnership[reader].received("referral.made")
        assert (event.id, event.source) == (sent.id, POLICE)
    assert partnership["cps-london"].received() == []
    assert partnership.refused == []
    with pytest.raises(ClientError) as error:
        police.publish(Event("referral.made", [COUNCIL], {"case_id": "1"}))
    assert error.value.code == "event_invalid"
    assert [one.id for one in police.events_sent] == [sent.id]


def test_an_event_waits_while_kafka_or_the_recipient_is_away(partnership: Partnership) -> None:
    police, council = partnership[POLICE], partnership[COUNCIL]
    partnership.stop_kafka()
    sent = police.publish(police.example("referral.made", [COUNCIL]))
    assert (police.state_of(sent.id), council.received()) == ("accepted", [])
    council.stop()
    partnership.start_kafka()
    assert (police.state_of(sent.id), council.received()) == ("on_kafka", [])
    with pytest.raises(ClientError):
        council.client().status(sent.id)
    council.start()
    assert [event.id for event in council.received()] == [sent.id]


@pytest.mark.partnership(agencies=(POLICE, COUNCIL))
def test_a_marker_chooses_agencies(partnership: Partnership) -> None:
    assert partnership.agencies == (POLICE, COUNCIL)


def test_a_further_partnership_begins_within_a_second(
    partnership: Partnership, founded_partnerships: object
) -> None:
    founded: FoundedPartnership = partnership._founded
    begun = time.process_time()
    with Partnership(founded) as other:
        assert other[COUNCIL].received() == []
    assert time.process_time() - begun < 1.0


def test_the_ids_of_an_example_are_those_that_the_agreement_names(
    partnership: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = partnership[POLICE]
    monkeypatch.setattr(partnership.agreement.vocabulary, "case", "incident.crime_reference")
    one, other = (police.example("referral.made", [COUNCIL]).data for _ in range(2))
    assert one["incident"]["crime_reference"] != other["incident"]["crime_reference"]
    assert one["referral_id"] != other["referral_id"]
    assert one["case_id"] == other["case_id"]


def test_an_agreement_of_ones_own_is_founded_with_invented_parties(tmp_path: Path) -> None:
    from concordant.testing import found_partnership

    file = tmp_path / "ours.yaml"
    file.write_text(shipped_terms("marac-domestic-abuse"))
    founded = found_partnership(file)
    roles = {party.role for party in founded.agreement.parties}
    assert roles == set(founded.agreement.roles)
    with Partnership(founded) as made:
        assert len(made.agencies) == len(founded.agreement.parties)
    founded.remove()
    assert not founded.root.exists()


def test_the_plugin_imports_nothing_of_ours_until_a_test_asks() -> None:
    script = (
        "import sys, concordant.pytest_plugin\n"
        "print([n for n in sys.modules if n.split('.')[0] in ('broker', 'adapters', 'contracts')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
