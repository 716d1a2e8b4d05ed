"""UK time follows summer time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.uk_time import uk_datetime


@pytest.mark.parametrize(("month", "shown"), [(1, "12:00 GMT"), (7, "13:00 BST")])
def test_noon_in_utc(month: int, shown: str) -> None:
    noon = datetime(2026, month, 1, 12, tzinfo=UTC)
    assert f"{uk_datetime(int(noon.timestamp()) * 1000):%H:%M %Z}" == shown
