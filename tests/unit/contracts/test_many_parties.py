"""Agreements of up to 256 parties: limits, and the interval of heartbeats."""

from __future__ import annotations

import pytest

from contracts.errors import ContractError
from contracts.explain import explain
from contracts.loading import AGREEMENT_BYTES, parse_contract
from contracts.model import MAX_PARTIES
from contracts.strict_yaml import NODES
from tests.conformance.contract_form import parse_contract_file
from tests.conformance.refusals import MalformedError
from tests.support.many_parties import agreement, agreement_text, parties

THREE_PAIRS = 2 * 256 * 2_750
"""Bytes of two more pairs of governance keys for each of 256 parties."""


def test_256_parties_can_agree_and_257_cannot() -> None:
    text = agreement(MAX_PARTIES)
    assert len(text.contract.parties) == MAX_PARTIES
    assert len(parse_contract_file(text.raw)["parties"]) == MAX_PARTIES
    one_more = agreement_text(parties(MAX_PARTIES + 1))
    with pytest.raises(ContractError) as refused:
        parse_contract(one_more, "257.yaml")
    assert refused.value.code == "contract_invalid"
    with pytest.raises(MalformedError):
        parse_contract_file(one_more)


def test_the_limits_of_a_file_leave_room_for_three_pairs_of_keys_of_each_party() -> None:
    text = agreement(MAX_PARTIES)
    assert len(text.raw) + THREE_PAIRS < AGREEMENT_BYTES
    assert text.raw.count(b": ") + 6 * MAX_PARTIES < NODES / 2


def test_the_explanation_names_each_of_256_parties_and_its_fingerprint() -> None:
    text = agreement(MAX_PARTIES)
    words = explain(text)
    for party in text.contract.parties:
        assert f"{party.id}\n" in words or f"{party.id} " in words or f"({party.id})" in words


@pytest.mark.parametrize(("count", "minutes"), [(7, 1), (64, 1), (65, 5), (256, 5)])
def test_heartbeats_come_every_five_minutes_above_64_parties(count: int, minutes: int) -> None:
    assert agreement(count).contract.heartbeat_interval_ms == minutes * 60_000


def test_a_file_of_faults_is_refused_without_a_description_of_each() -> None:
    terms = "".join(f"    f{at}: {{}}\n" for at in range(500))
    types = "".join(f"  t{at}:\n   fields:\n{terms}" for at in range(10))
    with pytest.raises(ContractError) as refused:
        parse_contract(f"event_types:\n{types}".encode(), "faults.yaml")
    assert refused.value.code == "contract_invalid"
    assert len(str(refused.value)) < 200
