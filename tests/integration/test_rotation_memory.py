"""Keys of every kind are replaced while events flow over a Kafka in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.key_story import COUNCIL, POLICE, SUPPORT, Adapter, clock, cluster
from tests.integration.rotation_story import Rotation, renewed_yesterday
from tests.support.memory_kafka import MemoryTransport

pytestmark = pytest.mark.timeout(900)


async def test_nothing_is_lost_or_refused_while_every_key_is_replaced(tmp_path: Path) -> None:
    root = tmp_path / "p"
    end = renewed_yesterday(root, ends_in_s=20)
    kafka = cluster(root, clock())
    story = Rotation(
        *(
            Adapter(root / agency, lambda agency=agency: MemoryTransport(kafka, agency))  # type: ignore[misc]  # bound now
            for agency in (POLICE, COUNCIL, SUPPORT)
        )
    )
    await story.begin()
    await story.governance_keys()
    await story.signing_keys()
    await story.exchange_keys(end)
    await story.end()
