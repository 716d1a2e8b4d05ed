"""Counts and listings of three running services over a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from tests.integration.conftest import RealKafka
from tests.integration.figures_story import (
    CAST,
    clock,
    every_party_has_the_same_figures,
    look_often,
    record_cases,
)
from tests.integration.test_service_kafka import on_real_kafka, provision

pytestmark = pytest.mark.kafka


async def test_every_party_that_receives_the_counts_makes_the_same_release(
    real_kafka: RealKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    root, deployment = tmp_path / "p", real_kafka.fresh_name()
    plans = {plan.id: plan for plan in london_agencies()}
    agencies = [plans[agency] for agency in CAST]
    create_partnership(root, clock(), agencies=agencies, deployment=deployment)
    for agency in CAST:
        config = root / agency / "agency.toml"
        config.write_text(config.read_text() + "\n[intervals]\nreceipt = 0.1\nheartbeat = 1.0\n")
    provision(real_kafka, root)
    record_cases(root)

    running = on_real_kafka(real_kafka, root, deployment, clock)
    for one in (await every_party_has_the_same_figures(root, running)).values():
        await one.end()
