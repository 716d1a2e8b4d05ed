"""Coverage: services by area, the gaps, and the forms in which it is shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from broker.directory.areas import covering, grid
from broker.directory.code_lists import listed_codes
from broker.directory.coverage import (
    COLUMNS,
    CoverageCell,
    WaitingReferral,
    coverage,
    coverage_csv,
)
from broker.directory.coverage_grid import coverage_svg, summaries
from broker.directory.listing import Capacity, Listing
from contracts.vocabulary.known import named_vocabulary
from tests.support.listings import listing, service

CAMDEN, OTHER, BARKING, LONDON = "E09000007", "E09000023", "E09000002", "E12000007"
CODES = listed_codes([named_vocabulary("hate-crime")])
NOW = 10_000


def cells(
    *listings: tuple[str, Listing], waits: Sequence[WaitingReferral] = ()
) -> dict[tuple[str, str], CoverageCell]:
    found = coverage(listings, CODES, waits, NOW)
    return {(cell.code, cell.area.code): cell for cell in found}


def test_every_need_and_motivation_has_a_cell_in_each_area() -> None:
    found = cells()
    assert len(found) == (len(CODES.needs) + len(CODES.strands)) * len(grid())
    assert all(not cell.agencies and cell.longest_wait_days is None for cell in found.values())


def test_services_capacity_and_waits_are_counted_where_they_work() -> None:
    free = Capacity(state="capacity", as_of=0, expires=NOW + 1)
    gone = Capacity(state="capacity", as_of=0, expires=NOW)
    found = cells(
        ("a", listing(service(needs=("advocacy",), capacity=free, strands=("race",)))),
        ("b", listing(service(needs=("advocacy",), areas=(LONDON,), capacity=gone))),
        ("c", listing(service(needs=("advocacy",), status="defunct"))),
        waits=[WaitingReferral("a", 3), WaitingReferral("b", 9), WaitingReferral("c", 40)],
    )
    camden, other = found["advocacy", CAMDEN], found["advocacy", "E09000023"]
    assert (camden.agencies, camden.services, camden.with_capacity) == (("a", "b"), 2, 1)
    assert (other.agencies, other.with_capacity) == (("b",), 0)
    assert (camden.longest_wait_days, other.longest_wait_days) == (9, 9)
    assert found["race", CAMDEN].agencies == ("a", "b")
    assert found["religion", CAMDEN].agencies == ("b",)


def test_a_wait_is_that_of_the_need_and_the_area_of_the_referral() -> None:
    everywhere = listing(service(needs=("advocacy", "counselling"), areas=(LONDON,)))
    found = cells(
        ("a", everywhere),
        waits=[
            WaitingReferral("a", 9, "advocacy", CAMDEN),
            WaitingReferral("a", 4, "counselling", OTHER),
            WaitingReferral("b", 30, "housing", CAMDEN),  # of an agency that lists nothing
        ],
    )

    def wait(code: str, area: str) -> int | None:
        return found[code, area].longest_wait_days

    assert (wait("advocacy", CAMDEN), wait("advocacy", OTHER)) == (9, None)
    assert (wait("counselling", CAMDEN), wait("counselling", OTHER)) == (None, 4)
    assert (wait("housing", CAMDEN), wait("housing", OTHER)) == (30, None)
    # a motivation is not stated with a referral: it waits where the agency works, in its area
    assert (wait("race", CAMDEN), wait("race", OTHER), wait("race", BARKING)) == (9, 4, None)


def test_a_wait_without_an_area_is_where_the_agency_works_on_the_need() -> None:
    found = cells(
        ("a", listing(service(needs=("advocacy",)))),
        waits=[WaitingReferral("a", 5, need="advocacy")],
    )
    waiting = {key for key, cell in found.items() if cell.longest_wait_days is not None}
    assert {key for key in waiting if key[0] in CODES.needs} == {("advocacy", CAMDEN)}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([CAMDEN, LONDON, "E09000001"])),
        max_size=5,
    )
)
def test_a_summary_agrees_with_its_cells(offered: list[tuple[str, str]]) -> None:
    listings = [(agency, listing(service(areas=(area,)))) for agency, area in offered]
    found = coverage(listings, CODES, (), NOW)
    for one in summaries(found):
        here = {agency for agency, area in offered if covering(one.area.code, [area])}
        counted = 1 + len(CODES.strands)  # one need, and every motivation
        asked = len(CODES.needs) + len(CODES.strands)
        assert one.asked == asked
        assert one.none == (asked - counted if here else asked)
        assert one.one == (counted if len(here) == 1 else 0)


def test_the_csv_has_a_row_for_each_cell() -> None:
    found = coverage([("a", listing())], CODES, [WaitingReferral("a", 2)], NOW)
    rows = list(csv.DictReader(io.StringIO(coverage_csv(found))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(found)
    (one,) = [row for row in rows if (row["code"], row["area"]) == ("emotional_support", CAMDEN)]
    assert (one["services"], one["agencies"], one["longest_wait_days"]) == ("1", "a", "2")


def test_the_plot_names_each_area_and_its_numbers_in_text() -> None:
    svg = coverage_svg(coverage([("a", listing())], CODES, [WaitingReferral("a", 2)], NOW))
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    described = {root.findtext(f"{space}title"), root.findtext(f"{space}desc")}
    assert None not in described
    description = root.findtext(f"{space}desc") or ""
    assert all(area.name in description for area in grid().values())
    texts = " ".join(one.text or "" for one in root.iter(f"{space}text"))
    for area in grid().values():
        assert set(area.name.split()) <= set(texts.split())
    assert "wait: 2 days" in texts
    assert len(list(root.iter(f"{space}rect"))) == len(grid()) + 1
