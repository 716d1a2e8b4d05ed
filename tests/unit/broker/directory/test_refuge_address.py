"""Address of a refuge: no way into a listing takes it, and no way out shows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from gettext import NullTranslations
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Template

from adapters.web.directory.words import service_page
from adapters.web.rendering import Renderer
from broker.cli.directory_text import found_in_words, listing_text
from broker.directory.code_lists import listed_codes
from broker.directory.coverage import coverage, coverage_csv
from broker.directory.coverage_grid import coverage_svg
from broker.directory.listing import Listing, Location, format_listing, parse_listing_content
from broker.directory.listing_file import parse_listing_file
from broker.directory.open_referral_export import services_page
from broker.directory.open_referral_import import imported, parse_feed
from broker.directory.postcodes import has_postcode
from broker.directory.search import Query, find_offers
from broker.operations.directory.directory_json import coverage_json, found_json, listing_json
from broker.operations.directory.held_listings import HeldListing
from broker.operations.directory.searching import SearchResult
from contracts.errors import ContractError
from contracts.vocabulary.known import named_vocabulary
from tests.support.listings import listing, service

CODES = listed_codes([named_vocabulary("hate-crime")])
NOW = 10_000
PLACES = st.builds(
    Location,
    name=st.sampled_from(["Zelkova House", "Quixote Hall"]),
    address=st.sampled_from(["77 Xylophone Row, London", "Juniper Wharf"]),
    postcode=st.sampled_from(["NW1 1AA", "E1 6AN", "SW1A 1AA"]),
)
TEXT_FIELDS = ("name", "description", "eligibility", "access", "website", "email", "partners")


def with_text(field: str, text: str) -> dict[str, object]:
    """A service of a file with a text in one of its fields."""
    value: object = {
        "access": [text],
        "partners": {"safe_contact": text},
        "website": f"https://haven.example/{text.replace(' ', '-')}",
        "email": f"{text.replace(' ', '.')}@haven.example",
    }.get(field, text)
    home = {"name": "Home", "description": "A place.", "needs": ["housing"], "areas": ["E12000007"]}
    return {**home, "refuge": True, field: value}


def refused_in_the_file(home: dict[str, object]) -> None:
    with pytest.raises(ContractError) as caught:
        parse_listing_file(file_with(home), "directory.yaml", CODES)
    assert caught.value.code == "listing_invalid"
    parse_listing_file(file_with(home | {"refuge": False}), "directory.yaml", CODES)


def file_with(home: dict[str, object]) -> bytes:
    organisation = {"name": "Haven", "description": "Help."}
    tree = {"organisation": organisation, "services": {"safe-home": home}}
    return yaml.safe_dump(tree).encode()


@given(PLACES)
def test_no_listing_takes_the_location_of_a_refuge(place: Location) -> None:
    home = with_text("name", "Home") | {"location": place.model_dump()}
    refused_in_the_file(home)
    content = json.dumps({"services": {"safe-home": home}}, separators=(",", ":"), sort_keys=True)
    with pytest.raises(ValueError, match="safe-home"):
        parse_listing_content(content.encode())
    parse_listing_content(content.replace('"refuge":true', '"refuge":false').encode())


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("text", ["Near NW1 1AA", "se15sn", "Flat 2 e1.6an"])
def test_no_text_of_a_refuge_takes_a_postcode(field: str, text: str) -> None:
    assert has_postcode(text)
    refused_in_the_file(with_text(field, text))


@pytest.mark.parametrize(
    "text",
    ["Open 24 hours", "Ages 16 to 25", "020 7946 0000", "Form A1, 2 pages", "BSL on request"],
)
def test_other_texts_have_no_postcode(text: str) -> None:
    assert not has_postcode(text, None)


@given(PLACES)
def test_a_feed_that_adds_an_address_to_a_refuge_is_imported_without_it(place: Location) -> None:
    elsewhere = services_page("a", listing(service(location=place.model_dump())), CODES)
    secret = services_page("a", listing(service(refuge=True)), CODES)
    (feed,), (home,) = elsewhere["contents"], secret["contents"]  # type: ignore[misc]  # lists
    feed["attributes"] = home["attributes"]  # type: ignore[index, call-overload]  # objects
    (found,) = parse_feed(json.dumps(feed).encode(), "feed.json")
    text = yaml.safe_dump(imported([found], CODES), allow_unicode=True)
    assert not any(part in text for part in parts_of(place))
    assert "refuge: true" in text


@settings(deadline=None, max_examples=12)  # a place has twelve forms; the grid is large
@given(PLACES)
def test_no_way_out_shows_an_address_that_got_into_a_listing(place: Location) -> None:
    home = service(refuge=True).model_copy(update={"location": place})
    held = listing().model_copy(update={"services": {"s0": home, "s1": service()}})
    assert json.loads(format_listing(held))["services"]["s0"]["location"]  # it is there
    for way, shown in WAYS_OUT.items():
        for text in shown(held):
            assert not any(part in text for part in parts_of(place)), way
    open_place = listing(service(location=place.model_dump()))
    for way in ("export", "listing as JSON", "search as JSON", "listing in words", "page"):
        assert place.postcode in "".join(WAYS_OUT[way](open_place)), way


def parts_of(place: Location) -> tuple[str, ...]:
    return place.name, place.address.partition(",")[0], place.postcode


def held_listing(one: Listing) -> HeldListing:
    return HeldListing("haven-support", "Haven", one, NOW, own=False)


def searched(one: Listing) -> SearchResult:
    offers = find_offers(Query(), [("haven-support", "Haven", one)], CODES, NOW)
    return SearchResult(Query(), offers, (), {}, {})


def covered(one: Listing) -> Iterator[str]:
    cells = coverage([("haven-support", one)], CODES, (), NOW)
    yield coverage_csv(cells)
    yield coverage_svg(cells)
    yield json.dumps(coverage_json(cells))


def template() -> Template:
    """The part of the pages that shows a service."""
    renderer = Renderer(NullTranslations(), "en-GB", lambda: NOW, {})
    environment = renderer._environment
    told = SimpleNamespace(page=lambda _template, *, status, **values: values)
    environment.globals |= service_page(told, "")  # type: ignore[arg-type, operator]  # as a visit
    return environment.from_string(
        '{% import "directory/parts.html" as own with context %}'
        '{{ own.service("s", one, none, codes) }}'
    )


SERVICE = template()


def page(one: Listing) -> Iterator[str]:
    """Return each service as the pages show it."""
    for each in one.services.values():
        yield SERVICE.render(one=each, codes=CODES)


WAYS_OUT: dict[str, Callable[[Listing], Iterator[str]]] = {
    "export": lambda one: iter([json.dumps(services_page("haven-support", one, CODES))]),
    "listing as JSON": lambda one: iter([json.dumps(listing_json(held_listing(one), NOW))]),
    "search as JSON": lambda one: iter([json.dumps(found_json(searched(one), NOW))]),
    "listing in words": lambda one: iter([listing_text(held_listing(one), NOW)]),
    "search in words": lambda one: iter([found_in_words(searched(one), NOW)]),
    "gaps": covered,
    "page": page,
}
