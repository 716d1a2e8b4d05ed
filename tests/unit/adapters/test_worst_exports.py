"""Whatever a file holds, taking it costs an adapter less than the stated memory."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from adapters.limits import MAX_MEMORY_BYTES, MAX_REFUSED
from bench.export_memory import make_partnership, measure
from bench.worst_exports import WORST

SIZE = 1_000_000
"""At twice this size the export of short lines took 1.66 GB."""
GOOD = 150_000
"""Bytes of exports with good rows: sealing these takes the time."""


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    partnership = tmp_path_factory.mktemp("worst") / "partnership"
    make_partnership(partnership)
    files = [(name, GOOD if "good" in name else SIZE) for name in WORST]
    return {found["name"]: found for found in measure(partnership, files)}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc/self/status")
def test_no_export_takes_more_memory_than_is_stated(taken: dict[str, dict[str, Any]]) -> None:
    assert set(taken) == set(WORST)
    over = {n: f["peak_mb"] for n, f in taken.items() if f["peak_mb"] * 1e6 >= MAX_MEMORY_BYTES}
    assert over == {}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc/self/status")
def test_refused_records_are_counted_up_to_the_limit(taken: dict[str, dict[str, Any]]) -> None:
    assert all(found["refused"] <= MAX_REFUSED for found in taken.values())
    for name in ("csv lines of one letter", "xml empty cases", "json csv lines of one letter"):
        assert (taken[name]["code"], taken[name]["refused"]) == ("rest_put_aside", MAX_REFUSED)
    for name in ("csv good rows", "xml good cases", "json good lines"):
        assert (taken[name]["code"], taken[name]["refused"]) == ("taken", 0)
