"""Plugin of pytest: the fixture ``partnership``.

It is loaded with every test session of an environment that has Concordant, so it imports the rest
only when a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from concordant.testing.founding import FoundedPartnership
    from concordant.testing.partnership import Partnership

_MARKER = (
    "partnership(agreement=None, agencies=()): agreement and agencies of the fixture `partnership`"
)
Found: TypeAlias = "Callable[[str | Path | None, tuple[str, ...]], FoundedPartnership]"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker ``partnership``."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def founded_partnerships() -> Iterator[Found]:
    """Return a function that founds a partnership once for the session."""
    from concordant.testing.founding import found_partnership

    made: dict[tuple[str | Path | None, tuple[str, ...]], FoundedPartnership] = {}

    def found(agreement: str | Path | None, agencies: tuple[str, ...]) -> FoundedPartnership:
        asked = (agreement, agencies)
        if asked not in made:
            made[asked] = found_partnership(agreement, agencies)
        return made[asked]

    yield found
    for one in made.values():
        one.remove()


@pytest.fixture
def partnership(
    request: pytest.FixtureRequest, founded_partnerships: Found
) -> Iterator[Partnership]:
    """Return a partnership in memory that no other test has used.

    Its agencies have the shipped agreement about hate crime, or what the marker says::

        @pytest.mark.partnership(agreement="agreements/ours.yaml")
    """
    from concordant.testing.partnership import Partnership

    marker = request.node.get_closest_marker("partnership")
    given = {} if marker is None else marker.kwargs
    founded = founded_partnerships(given.get("agreement"), tuple(given.get("agencies", ())))
    with Partnership(founded) as made:
        yield made
