"""An agency of two agreements in force at once: a framework for all, and one of its borough."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from adapters.runner import run_adapter
from broker.agency.participant import Participant, load_participant
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.checks.examination import examine
from broker.operations.trial import Trial, TrialRecord, example_of, permitted
from contracts.loading import shipped_terms
from tests.support.child_terms import FOR_ALL, OF_A_BOROUGH, only
from tests.support.drafted_agreements import drafted, with_entries
from tests.support.founding import NOW, cheap_scrypt
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.passed_agreements import sign

POLICE, COUNCIL, SUPPORT = "csu-camden", "council-camden", "haven-support"
AGENCIES = {POLICE: "police", COUNCIL: "council", SUPPORT: "support"}


WARNINGS = ("lone-topic", "recipient-not-party")
"""Warnings about terms of which some types were taken away."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The police and the council have signed both agreements; all three the framework."""
    root = tmp_path_factory.mktemp("two-agreements")
    with_entries(root, AGENCIES)
    passed = list(root.glob("*.entry"))
    for name, types, parties in (
        ("pan-london", FOR_ALL, tuple(AGENCIES)),
        ("camden", OF_A_BOROUGH, (POLICE, COUNCIL)),
    ):
        terms = root / f"{name}.terms"
        terms.write_text(only(name, types)(shipped_terms()))
        entries = [root / f"{agency}.entry" for agency in parties]
        passed.append(drafted(root / f"{name}.yaml", entries, terms=str(terms)))
        with cheap_scrypt():
            for agency in parties:
                add_bundles(root / agency, passed, NOW)
                sign(root / agency, accepted=WARNINGS)
                passed = [root / f"{agency}-{name}.bundle"]
                make_bundle(root / agency, passed[0], NOW)
    with cheap_scrypt():
        add_bundles(root / POLICE, passed, NOW)
    return root


@pytest.fixture
def participant(root: Path) -> Participant:
    return load_participant(root / POLICE, NOW)


def test_each_agreement_is_in_force(participant: Participant) -> None:
    names = {one.contract.name for one in participant.contracts_in_force(NOW)}
    assert names == {"pan-london", "camden"}


def test_its_types_are_those_of_both_agreements(root: Path) -> None:
    assert set(permitted(root / POLICE, NOW)) == {*FOR_ALL, *OF_A_BOROUGH}
    assert example_of(root / POLICE, FOR_ALL[0], NOW)["recipients"] == [COUNCIL, SUPPORT]
    assert example_of(root / POLICE, OF_A_BOROUGH[0], NOW)["recipients"] == [COUNCIL]


def test_events_are_sealed_under_both(root: Path) -> None:
    lines = [
        orjson.dumps(example_of(root / POLICE, one, NOW)) for one in (FOR_ALL[0], OF_A_BOROUGH[0])
    ]
    with cheap_scrypt():
        first, second = Trial(root / POLICE, NOW).seal(lines, NOW)
    assert isinstance(first, TrialRecord)
    assert isinstance(second, TrialRecord)
    assert ".pan-london." in first.record.topic
    assert ".camden." in second.record.topic


def test_doctor_looks_at_each(root: Path) -> None:
    with cheap_scrypt():
        checks = examine(root / POLICE, NOW, kafka_timeout_s=None)
    found = [one.detail for one in checks if one.name == "contract" and one.status == "ok"]
    assert len(found) == 2


def test_its_adapter_starts(root: Path) -> None:
    async def act() -> None:
        stop = asyncio.Event()
        stop.set()
        await run_adapter(
            root / POLICE, lambda: NOW, stop=stop,
            transport=MemoryTransport(MemoryKafka(), POLICE),
        )  # fmt: skip

    with cheap_scrypt():
        asyncio.run(act())
