"""Counts and listings of three running services over a Kafka in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.transport.topics import control_topics
from tests.integration.figures_story import (
    CAST,
    POLICE,
    clock,
    every_party_has_the_same_figures,
    look_often,
    record_cases,
)
from tests.integration.service_story import Running, cluster_of, create_agencies
from tests.support.memory_kafka import MemoryTransport


async def test_every_party_that_receives_the_counts_makes_the_same_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    root = tmp_path / "p"
    create_agencies(root, CAST, clock())
    kafka = cluster_of(root, CAST, clock())
    record_cases(root)
    parties = await every_party_has_the_same_figures(
        root, lambda agency: Running(root / agency, lambda: MemoryTransport(kafka, agency), clock)
    )
    topic = control_topics(load_participant(root / POLICE, clock()).deployment).receipts
    on_kafka = b"".join(one.value or b"" for one in kafka.topics[topic][0])
    assert b"hate_crime" not in on_kafka  # the host of Kafka reads no counts
    for one in parties.values():
        await one.end()
