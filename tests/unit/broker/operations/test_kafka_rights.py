"""Rights on Kafka: those of the agreements, compared with those that Kafka gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.agency.participant import Participant, load_participant
from broker.errors import TransportError
from broker.operations.checks.rights_checks import needed_rights
from broker.operations.kafka_rights import kafka_rights
from broker.transport.kafka import rights as kafka
from broker.transport.rights import NeededRights, TriedRights
from broker.transport.topics import AclPlan
from tests.support.founded_partnership import COUNCIL, NOW, founded


@pytest.fixture
def participant(tmp_path: Path) -> Participant:
    return load_participant(founded().directory(COUNCIL, tmp_path), NOW)


def answers(
    monkeypatch: pytest.MonkeyPatch, allowed: Callable[[NeededRights, AclPlan], bool], *cluster: str
) -> None:
    def tried(_connection: object, asked: NeededRights, _timeout_s: float) -> TriedRights:
        every = (*asked.needed, *asked.others)
        return TriedRights(
            {one: allowed(asked, one) for one in every},
            frozenset(asked.topics[1:]),
            frozenset(cluster),
        )

    monkeypatch.setattr(kafka, "try_rights", tried)


def test_without_asking_kafka_the_agreed_rights_are_listed(participant: Participant) -> None:
    found = kafka_rights(participant, NOW, None)
    assert (found.asked, found.problem) == (False, None)
    assert {one.compared for one in found.lines} == {"not_asked"}
    agreed = sum(len(one.agreed) for one in found.lines)
    assert agreed == len(needed_rights(participant, NOW).needed)


def test_missing_rights_and_topics_come_first_and_excess_is_named(
    participant: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = needed_rights(participant, NOW)
    refused = next(one for one in needed.needed if one.name == needed.topics[2])
    wider = next(one for one in needed.others if one.operation == "delete")
    answers(
        monkeypatch,
        lambda asked, one: one == wider or (one in asked.needed and one != refused),
        "create",
    )
    found = kafka_rights(participant, NOW, 1.0)
    assert found.asked
    assert found.cluster == {"create"}
    assert found.lines[0].compared == "missing"
    by_name = {one.name: one for one in found.lines}
    assert by_name[refused.name].missing == (refused.operation,)
    assert wider.operation in by_name[wider.name].excess
    assert by_name[needed.topics[0]].compared in {"no_topic", "missing"}


def test_all_as_agreed(participant: Participant, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, lambda asked, one: one in asked.needed)
    found = kafka_rights(participant, NOW, 1.0)
    assert {one.compared for one in found.lines[1:]} == {"as_agreed"}
    assert found.lines[0].compared == "no_topic"


def test_kafka_that_cannot_be_asked_is_said(
    participant: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> TriedRights:
        raise TransportError("no answer", code="kafka_unreachable")

    monkeypatch.setattr(kafka, "try_rights", fails)
    found = kafka_rights(participant, NOW, 1.0)
    assert not found.asked
    assert found.problem is not None
    assert found.problem.code == "kafka_unreachable"
