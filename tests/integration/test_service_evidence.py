"""Post-quantum evidence of events that two services exchanged, before and after a restart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.errors import EvidenceError
from broker.operations.event_evidence import AgencyEvidence
from broker.transport.topics import control_topics, data_topics
from tests.integration.service_story import Running, until
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

POLICE, COUNCIL = "csu-camden", "council-camden"
CAST = (POLICE, COUNCIL)


def clock() -> int:
    return time.time_ns() // 1_000_000


def partnership(root: Path, police_beats_s: float) -> tuple[Running, Running]:
    plans = {plan.id: plan for plan in london_agencies()}
    create_partnership(root, clock(), agencies=[plans[agency] for agency in CAST])
    for agency, seconds in ((POLICE, police_beats_s), (COUNCIL, 0.2)):
        config = root / agency / "agency.toml"
        config.write_text(f"{config.read_text()}\n[intervals]\nheartbeat = {seconds}\n")
    kafka = MemoryKafka()
    participant = load_participant(root / POLICE, clock())
    for topic in data_topics(participant.contract_in_force(clock()).contract):
        kafka.create_topic(topic, 6)
    for topic in control_topics(participant.deployment).names:
        kafka.create_topic(topic, 1)
    for topic in kafka.topics:
        for agency in CAST:
            kafka.allow(agency, topic)

    def running(agency: str) -> Running:
        return Running(root / agency, lambda: MemoryTransport(kafka, agency), clock)

    return running(POLICE), running(COUNCIL)


def code(directory: Path, event: str) -> str:
    """Code of the fault in an agency's evidence of an event. Empty if the other agency agrees."""
    try:
        evidence, checked = AgencyEvidence(directory, now_ms()).show(event, None)
    except EvidenceError as error:
        return error.code
    assert checked.holds
    assert checked.classical is not None
    assert checked.classical.holds
    other = next(agency for agency in CAST if agency != directory.name)
    assert AgencyEvidence(directory.parent / other, now_ms()).check(evidence, None).holds
    return ""


async def test_sender_and_reader_can_show_each_event_after_the_next_heartbeat(
    tmp_path: Path,
) -> None:
    root = tmp_path / "p"
    police, council = partnership(root, 0.2)
    await police.start()
    await council.start()
    events = police.publish((COUNCIL,), 5)
    await until(lambda: len(council.inbox()) == 5, police, council)
    for event in events:
        for agency in CAST:
            await until(lambda: code(root / agency, event) == "", police, council)  # noqa: B023 - awaited in the loop
    await police.end()
    await council.end()


@pytest.mark.parametrize("ends", ["in order", "killed"])
async def test_a_restart_tells_the_old_heads_before_it_sends_anything_new(
    tmp_path: Path, ends: str
) -> None:
    root = tmp_path / "p"
    police, council = partnership(root, 3600)
    await police.start()
    await council.start()
    (event,) = police.publish((COUNCIL,), 1)
    await until(lambda: len(council.inbox()) == 1, police, council)
    await until(lambda: police.outbox().sent == 1, police)
    assert {code(root / agency, event) for agency in CAST} == {"heartbeat_awaited"}
    await (police.end() if ends == "in order" else police.kill())
    await police.start()
    (newer,) = police.publish((COUNCIL,), 1)  # waits already when the relay first looks
    await until(lambda: len(council.inbox()) == 2, police, council)
    for agency in CAST:
        await until(lambda: code(root / agency, event) == "", police, council)  # noqa: B023 - awaited in the loop
    assert code(root / POLICE, newer) == "heartbeat_awaited"
    await police.end()
    await council.end()
