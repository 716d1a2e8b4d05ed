"""The contract in force: one type, from one function, for senders, readers and commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.participant import Participant, load_participant
from broker.errors import RegistryError
from broker.registry.contract_in_force import ContractInForce, contract_for_event, contract_in_force
from contracts.errors import EventError
from contracts.status import Departure, contract_status


@pytest.fixture
def participant(founded: TrialPartnership, now: int) -> Participant:
    return load_participant(founded.directory("csu-camden"), now)


def test_a_name_a_type_and_a_hash_find_the_same_contract(
    participant: Participant, now: int
) -> None:
    books = participant.contracts, participant.manifests
    found = contract_in_force(*books, now)
    ways: tuple[Callable[[], ContractInForce], ...] = (
        lambda: contract_in_force(*books, now, name=found.contract.name),
        lambda: contract_for_event(*books, "referral.made", ("cps-london",), now),
        lambda: contract_in_force(*books, contract_hash=found.hash),
        lambda: participant.contract_in_force(now),
    )
    assert {way().hash for way in ways} == {found.hash}
    assert found.topics == participant.contracts.topics(found.signed)


def test_a_hash_or_a_type_that_no_contract_has_is_refused(
    participant: Participant, now: int
) -> None:
    books = participant.contracts, participant.manifests
    with pytest.raises(RegistryError) as unknown:
        contract_in_force(*books, contract_hash=bytes(32))
    assert unknown.value.code == "contract_unknown"
    with pytest.raises(EventError) as no_type:
        contract_for_event(*books, "no.such-type", ("cps-london",), now)
    assert no_type.value.code == "type_unknown"


def test_trial_topics_count_only_when_they_are_asked_for(
    participant: Participant, now: int
) -> None:
    books = participant.contracts, participant.manifests
    found = contract_in_force(*books, now)
    trial = contract_in_force(*books, contract_hash=found.hash, trial=True)
    assert trial.topics == found.topics | {f"{topic}.trial" for topic in found.topics}


def test_the_status_that_is_kept_is_the_one_worked_out_anew(
    participant: Participant, now: int
) -> None:
    signed = participant.contract_in_force(now).signed
    contract = signed.contract
    departures = (
        Departure("cps-london", "suspended", now + 1_000, now + 3_000),
        Departure("council-camden", "left", now + 5_000),
    )
    found = ContractInForce(signed, departures)
    moments = [found.effect, contract.ends_ms, now, now + 1_000, now + 3_000, now + 5_000]
    asked = [moment + beside for moment in moments for beside in (-1, 0, 1)]
    for moment in (*asked, *reversed(asked), *asked[::2]):
        anew = contract_status(contract, signed.parties, departures, moment, signed.effect)
        assert found.status(moment) == anew
    stopped = lambda agency: [found.stop_at(agency, moment) is not None for moment in moments[2:]]  # noqa: E731 - asked twice
    assert stopped("cps-london") == [False, True, False, False]
    assert stopped("council-camden") == [False, False, False, True]
