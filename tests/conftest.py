"""How the suite is spread over processes: a file stays together, and everything with Kafka does.

`make test` runs pytest-xdist with `--dist loadgroup --no-loadscope-reorder`. Fixtures of a module
are then made once, one Kafka serves all tests that are marked `kafka`, and they begin first because
they take longest.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "kafka" if item.get_closest_marker("kafka") else str(item.path)
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_turn)  # stable: within a file the order stays


def _turn(item: pytest.Item) -> int:
    """Longest first."""
    return 0 if item.get_closest_marker("kafka") else 1 if item.get_closest_marker("slow") else 2
