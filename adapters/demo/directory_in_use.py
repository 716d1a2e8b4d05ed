"""Directory in the demo: a search for help, with reasons and capacity, and gaps of a borough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from adapters.demo.report import Result
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from broker.clock import now_ms
from broker.directory.capacity_text import capacity_in_words
from broker.directory.coverage import CoverageCell
from broker.directory.search import Query
from broker.operations.directory.covering import directory_coverage
from broker.operations.directory.directory_json import found_json
from broker.operations.directory.searching import SearchResult, search_directory

ASKING: Final = "csu-lewisham"
LEWISHAM: Final = "E09000023"
QUERY: Final = Query(need="advocacy", area=LEWISHAM, strand="disability")


def directory_in_use(stage: Stage, screen: Screen, result: Result) -> None:
    """Search for help, and show where none is.

    Args:
        stage: the running agencies, which have published their listings.
        screen: where the results are shown.
        result: takes the results.
    """
    now, folder = now_ms(), stage.directory(ASKING)
    screen.act("Who helps with advocacy in Lewisham after a disability hate crime?")
    found = search_directory(folder, QUERY, now)
    screen.table(
        f"What {ASKING} finds in the listings of its partners",
        ["service", "agency", "why", "capacity"],
        list(_rows(found)),
    )
    result.expect(
        screen,
        "every partner has published what it offers, sealed for the partnership",
        bool(found.offers) and not found.silent,
    )
    cells = [
        one
        for one in directory_coverage(folder, now)
        if one.kind == "need" and one.area.code == LEWISHAM
    ]
    result.directory = {
        "search": found_json(found, now),
        "without_service": [one.code for one in cells if not one.agencies],
        "with_one_agency": [one.code for one in cells if len(one.agencies) == 1],
    }
    screen.say(
        f"Coverage of Lewisham: of {len(cells)} needs, {_labels(cells, 0)} have no service, and "
        f"{_labels(cells, 1)} one agency alone."
    )


def _rows(found: SearchResult) -> Iterator[Sequence[str]]:
    for one in found.offers:
        why = "; ".join(reason.text for reason in one.reasons)
        yield one.service.name, one.agency, why, capacity_in_words(one.capacity)


def _labels(cells: Sequence[CoverageCell], agencies: int) -> str:
    labels = [one.label.lower() for one in cells if len(one.agencies) == agencies]
    return f"{len(labels)} ({', '.join(labels)})" if labels else "none"
