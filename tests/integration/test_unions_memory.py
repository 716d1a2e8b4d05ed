"""A union of agencies, one of them away, over a Kafka in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.service_story import Running, cluster_of
from tests.integration.unions_story import (
    CAST,
    SetClock,
    found_with_tally,
    look_often,
    the_share_names_the_contributor_that_was_away,
)
from tests.support.memory_kafka import MemoryTransport


async def test_the_share_of_cases_that_several_kinds_saw_without_one_contributor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    root, clock = tmp_path / "p", SetClock()
    found_with_tally(root, "pan-london", clock)
    kafka = cluster_of(root, CAST, clock())
    parties = await the_share_names_the_contributor_that_was_away(
        root,
        clock,
        lambda agency: Running(root / agency, lambda: MemoryTransport(kafka, agency), clock),
    )
    for one in parties.values():
        await one.end()
