"""The file `directory.yaml`: what it may say, and faults by their line."""

from __future__ import annotations

import pytest

from broker.directory.code_lists import listed_codes
from broker.directory.listing import (
    Capacity,
    format_listing,
    known_capacity,
    parse_listing_content,
)
from broker.directory.listing_file import MAX_FILE_BYTES, ListingFile, parse_listing_file
from contracts.errors import ContractError
from contracts.vocabulary.known import named_vocabulary
from tests.support.listings import FILE, listing, service

CODES = listed_codes([named_vocabulary("hate-crime")])


def parsed(text: str) -> ListingFile:
    return parse_listing_file(text.encode(), "directory.yaml", CODES)


def fault(text: str) -> ContractError:
    with pytest.raises(ContractError) as caught:
        parsed(text)
    assert caught.value.code == "listing_invalid"
    return caught.value


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_file_becomes_services_and_known_agencies() -> None:
    form = parsed(FILE)
    assert sorted(form.services) == ["emotional-support", "safe-home"]
    assert form.services["emotional-support"].partners.intake is not None
    assert form.services["safe-home"].refuge
    assert sorted(form.known) == ["kitebridge"]


def test_the_needs_are_those_of_a_referral_and_the_strands_of_its_list() -> None:
    assert "emotional_support" in CODES.needs
    assert "disability" in CODES.strands
    other = listed_codes([named_vocabulary("domestic-abuse")])
    assert other.needs
    assert not other.strands


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("needs: [emotional_support", "needs: [emotional_suport", "needs[0]"),
        ("strands: [disability", "strands: [disabled", "strands[0]"),
        ("areas: [E09000007]", "areas: [Camden]", "areas[0]"),
        ("areas: [E09000007]", "areas: []", "areas"),
        ("closes: 17:00", "closes: 08:00", "closes"),
        ("days: [MO", "days: [MON", "days[0]"),
        ("minimum_age: 16", "minimum_age: sixteen", "minimum_age"),
        ("minimum_age: 16", "minimum_age: 16\n    maximum_age: 15", "maximum_age"),
        ("refuge: true", "location: {name: A, address: B, postcode: NW1 1AA}\n    refuge: true",
         "location"),
        ("https://haven.example", "javascript:alert(1)", "website"),
        ("name: Emotional support", "name: Emo\u202etional support", "name"),
        ("name: Emotional support", 'name: "  "', "name"),
        ("languages: [en, ar]", "languages: [en, en]", "languages"),
        ("languages: [en, ar]", "lanaguages: [en, ar]", "lanaguages"),
        ("intake: Refer", "capacity: {state: capacity}\n      intake: Refer", "capacity"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line_and_field(before: str, after: str, field: str) -> None:
    assert before in FILE
    text = FILE.replace(before, after, 1)
    found = fault(text)
    assert found.where is not None
    assert field in found.where
    _, line, _ = found.where.split(":", 2)
    shown = line_of(text, after.splitlines()[-1 if field == "maximum_age" else 0])
    assert abs(int(line) - shown) <= 1


def test_a_huge_file_and_too_many_services_are_refused() -> None:
    fault(FILE + "#" * MAX_FILE_BYTES)
    more = FILE.split("services:\n")[1].split("  safe-home:")[0]
    many = "".join(more.replace("emotional-support:", f"s{n}:") for n in range(65))
    fault(FILE.replace(more, many))
    fault(FILE.replace("Support for people", "x" * 2_001))


def test_a_listing_has_one_text_and_newer_members_are_left_out() -> None:
    one = listing(capacity=Capacity(state="waitlist", as_of=1_000, expires=2_000))
    text = format_listing(one)
    assert parse_listing_content(text) == one
    assert b"1970-01-01T00:00:01.000Z" in text
    newer = text.replace(b'"areas"', b'"aaa":{"deep":[1]},"areas"')
    assert parse_listing_content(newer) == one


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"services":{"a":{"name":1}}}', b'{"a": 1}'])
def test_other_content_is_refused_without_its_values(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^1]*$"):
        parse_listing_content(text)


def test_a_capacity_counts_until_it_expires() -> None:
    capacity = Capacity(state="capacity", as_of=1_000, expires=2_000)
    one = service(capacity=capacity)
    assert known_capacity(one, 1_999) == capacity
    assert known_capacity(one, 2_000) is None
    assert known_capacity(service(), 0) is None
