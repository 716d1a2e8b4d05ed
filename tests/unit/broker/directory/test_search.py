"""Search: what fits, in which order, and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.directory.areas import area_name, covering, grid
from broker.directory.code_lists import listed_codes
from broker.directory.listing import Capacity, CapacityState, Service
from broker.directory.listing_file import KnownAgency
from broker.directory.search import Query, find_known, find_offers
from contracts.vocabulary.known import named_vocabulary
from tests.support.listings import listing, service

CAMDEN, CITY, LONDON, MET = "E09000007", "E09000001", "E12000007", "E23000001"
WORDS = named_vocabulary("hate-crime")
CODES = listed_codes([WORDS])
NOW = 10_000


def stated(state: CapacityState, expires: int = NOW + 1) -> Capacity:
    return Capacity(state=state, as_of=NOW, expires=expires)


def found(query: Query, *services: Service) -> list[tuple[str, list[str]]]:
    listings = [(f"a{n}", f"Agency {n}", listing(one)) for n, one in enumerate(services)]
    offers = find_offers(query, listings, CODES, NOW)
    return [(one.agency, [reason.code for reason in one.reasons]) for one in offers]


def test_a_service_fits_by_need_area_and_motivation() -> None:
    query = Query("advocacy", CAMDEN, "race")
    fits = service(needs=("advocacy",), strands=("race",))
    others = (
        service(needs=("housing",), strands=("race",)),
        service(needs=("advocacy",), strands=("religion",)),
        service(needs=("advocacy",), areas=("E09000023",)),
        service(needs=("advocacy",), status="temporarily closed"),
    )
    assert found(query, fits, *others) == [("a0", ["need", "area", "strand"])]


def test_larger_areas_and_services_for_everyone_fit_too() -> None:
    everywhere = service(needs=("advocacy",), areas=(LONDON,))
    reasons = ["need", "area_contains", "strand_any"]
    assert found(Query("advocacy", CAMDEN, "race"), everywhere) == [("a0", reasons)]
    assert covering(CAMDEN, [MET]) == MET
    assert covering(CITY, [MET]) is None  # the City has a police force of its own
    assert covering(LONDON, [CAMDEN]) is None
    assert covering("W06000015", ["W06000015"]) == "W06000015"


def test_services_with_capacity_come_first_and_expired_statements_are_unknown() -> None:
    services = [
        service(capacity=stated("no-capacity")),
        service(capacity=stated("waitlist")),
        service(capacity=stated("capacity", expires=NOW)),
        service(capacity=stated("capacity")),
        service(capacity=stated("additional-assessment-required")),
    ]
    listings = [(f"a{n}", "A", listing(one)) for n, one in enumerate(services)]
    offers = find_offers(Query(), listings, CODES, NOW)
    states = [None if one.capacity is None else one.capacity.state for one in offers]
    assert states == [
        "capacity", "additional-assessment-required", None, "waitlist", "no-capacity",
    ]  # fmt: skip


def test_of_two_with_capacity_the_one_for_this_motivation_is_first() -> None:
    both = (service(), service(strands=("race",)))
    assert [agency for agency, _ in found(Query(strand="race"), *both)] == ["a1", "a0"]


def test_known_agencies_say_that_they_are_not_connected() -> None:
    known = {"kite": KnownAgency(name="Kite", needs=("advocacy",), areas=(CAMDEN,))}
    (fit,) = find_known(Query("advocacy"), known, CODES)
    assert [reason.code for reason in fit.reasons] == ["need", "not_connected"]
    assert find_known(Query("housing"), known, CODES) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CODES.needs)),
            st.sampled_from([CAMDEN, CITY, LONDON]),
            st.sampled_from(["", *sorted(CODES.strands)]),
        ),
        max_size=8,
    ),
    st.randoms(),
)
def test_the_order_of_the_listings_changes_nothing(
    offered: list[tuple[str, str, str]], random: object
) -> None:
    services = [
        service(needs=(need,), areas=(area,), strands=(strand,) if strand else ())
        for need, area, strand in offered
    ]
    listings = [(f"a{n}", "A", listing(one)) for n, one in enumerate(services)]
    query = Query("advocacy", CAMDEN, "race")
    first = find_offers(query, listings, CODES, NOW)
    random.shuffle(listings)  # type: ignore[attr-defined]  # of hypothesis
    assert find_offers(query, listings, CODES, NOW) == first
    for one in first:
        assert "advocacy" in one.service.needs
        assert covering(CAMDEN, one.service.areas)
        assert not one.service.strands or "race" in one.service.strands


def test_the_grid_has_the_boroughs_of_the_vocabulary_each_at_a_place_of_its_own() -> None:
    boroughs = WORDS.code_lists["borough"].codes
    here = {code: area.name for code, area in grid().items()}
    assert here == {code: name for code, name in boroughs.items() if code in here}
    assert len(here) == 33
    assert len({(area.row, area.column) for area in grid().values()}) == 33
    assert area_name(LONDON) == "London"
    assert area_name("E06000001") == "E06000001"
