"""A union of agencies, one of them away, over a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import RealKafka
from tests.integration.test_service_kafka import on_real_kafka, provision
from tests.integration.unions_story import (
    SetClock,
    found_with_tally,
    look_often,
    the_share_names_the_contributor_that_was_away,
)

pytestmark = pytest.mark.kafka


async def test_the_share_of_cases_that_several_kinds_saw_without_one_contributor(
    real_kafka: RealKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    root, deployment, clock = tmp_path / "p", real_kafka.fresh_name(), SetClock()
    found_with_tally(root, deployment, clock)
    provision(real_kafka, root, clock)

    running = on_real_kafka(real_kafka, root, deployment, clock)
    parties = await the_share_names_the_contributor_that_was_away(root, clock, running)
    for one in parties.values():
        await one.end()
