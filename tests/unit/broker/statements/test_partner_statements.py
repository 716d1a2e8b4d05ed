"""Form of statements for partners: sealed for each, every part bound, every size bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import lp, sha256
from broker.errors import RefusedError
from broker.judging.key_resolver import OpeningKeys
from broker.statements.listings import LISTING, MAX_CONTENT_BYTES
from broker.statements.partner_statements import (
    MAX_PARTNERS,
    WRAP_BYTES,
    SealedStatement,
    StatementPlace,
    open_statement,
    parse_statement,
    seal_statement,
)
from broker.tlog.note import format_note, sign_note
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, founded

CONTENT = b'{"services":{}}'


def place() -> StatementPlace:
    return StatementPlace(founded().deployment, SUPPORT, NOW)


def sealed(content: bytes = CONTENT, *to: str, at: StatementPlace | None = None) -> bytes:
    world = founded()
    keys = [world.exchange_key(one) for one in to or (POLICE, COUNCIL)]
    return seal_statement(
        LISTING, at or place(), content, keys, world.author(SUPPORT, receipts=True)
    )


def keys(agency: str) -> tuple[OpeningKey, ...]:
    participant = founded().participants[agency]
    return OpeningKeys(agency, founded().manifests, participant.keyring)(NOW)[0]


def parsed(value: bytes) -> SealedStatement:
    return parse_statement(LISTING, value)


def code(act: object, *given: object) -> str:
    with pytest.raises(RefusedError) as caught:
        act(*given)  # type: ignore[operator]  # a function
    return caught.value.code


def test_each_partner_opens_it_and_no_other_agency() -> None:
    value = sealed()
    listing = parsed(value)
    assert (listing.place, sorted(listing.wraps)) == (place(), [COUNCIL, POLICE])
    assert CONTENT not in value
    for partner in (POLICE, COUNCIL):
        assert open_statement(listing, partner, keys(partner)) == CONTENT
    assert open_statement(listing, SUPPORT, keys(SUPPORT)) is None


def test_a_partner_whose_key_is_gone_is_told_so() -> None:
    assert code(open_statement, parsed(sealed()), POLICE, ()) == "listing_unopenable"


def test_a_wrapped_key_opens_nothing_in_another_place_or_of_another_partner() -> None:
    listing = parsed(sealed())
    for other in (
        replace(listing, place=replace(listing.place, time_ms=NOW + 1)),
        replace(listing, place=replace(listing.place, agency=COUNCIL)),
        replace(listing, place=replace(listing.place, deployment="another")),
        replace(listing, wraps={POLICE: listing.wraps[COUNCIL]}),
        replace(listing, wraps={POLICE: (listing.wraps[POLICE][0], listing.wraps[COUNCIL][1])}),
        replace(listing, body=listing.body[:-1] + bytes([listing.body[-1] ^ 1])),
    ):
        assert code(open_statement, other, POLICE, keys(POLICE)) == "listing_unopenable"


def test_the_size_says_little_about_the_content() -> None:
    """Sizes are padded as those of groups are: a short change does not show."""
    assert len(sealed(b"{}")) == len(sealed(b'{"a":1}'))


def test_the_largest_content_for_the_most_partners_fits_into_a_record() -> None:
    wraps = lp(*[lp(b"a" * 63, bytes(32), bytes(WRAP_BYTES))] * MAX_PARTNERS)
    assert len(sealed(bytes(MAX_CONTENT_BYTES))) + len(wraps) < LISTING.value_bytes


def rewritten(*parts: bytes, heading: str = LISTING.heading, time: str = str(NOW)) -> bytes:
    """A signed listing with other parts in it."""
    world, body = founded(), lp(*parts)
    text = f"{heading}\n{world.deployment}\n{SUPPORT}\n{time}\n{sha256(body).hex()}\n"
    note = format_note(sign_note(text.encode(), [world.author(SUPPORT, receipts=True)]))
    return lp(note, body)


def wrap(agency: str, kid: int = 32, key: int = WRAP_BYTES) -> bytes:
    return lp(agency.encode(), bytes(kid), bytes(key))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(LISTING.value_bytes + 1),
        rewritten(bytes(300), wrap("b"), heading="concordant.directory/v2"),
        rewritten(bytes(300), wrap("b"), time="01"),
        rewritten(bytes(300)),
        rewritten(bytes(300), wrap("b"), wrap("a")),
        rewritten(bytes(300), wrap("a"), wrap("a")),
        rewritten(bytes(300), wrap("")),
        rewritten(bytes(300), wrap("a", kid=31)),
        rewritten(bytes(300), wrap("a", key=1)),
        rewritten(bytes(300), wrap("é")),
        rewritten(bytes(300), lp(b"a", bytes(32))),
        rewritten(bytes(300_000), wrap("a")),
        rewritten(bytes(300), *[wrap(f"{n:03}", key=0) for n in range(300)]),
    ],
    ids=range(14),
)
def test_another_form_is_refused(value: bytes) -> None:
    assert code(parsed, value) in {"listing_malformed", "note_malformed"}


def test_content_that_is_too_large_is_refused_after_opening() -> None:
    listing = parsed(sealed(bytes(2_000)))
    smaller = replace(listing, form=replace(LISTING, content_bytes=1_999))
    assert code(open_statement, smaller, POLICE, keys(POLICE)) == "listing_malformed"


def test_the_subject_and_the_kind_of_a_statement_are_bound() -> None:
    form = replace(LISTING, heading="concordant.other/v1", label=b"concordant/1/other", subject=2)
    at = replace(place(), subject=("agreement", "2026-Q3"))
    signer = founded().author(SUPPORT, receipts=True)
    value = seal_statement(form, at, CONTENT, [founded().exchange_key(POLICE)], signer)
    statement = parse_statement(form, value)
    assert statement.place == at
    assert open_statement(statement, POLICE, keys(POLICE)) == CONTENT
    for other in (
        replace(statement, place=replace(at, subject=("agreement", "2026-Q4"))),
        replace(statement, form=replace(form, label=b"concordant/1/listing")),
    ):
        assert code(open_statement, other, POLICE, keys(POLICE)) == "listing_unopenable"
    assert code(parsed, value) == "listing_malformed"


def test_statements_below_the_least_length_have_one_length() -> None:
    form = replace(LISTING, floor_bytes=4096)
    signer, to = founded().author(SUPPORT, receipts=True), [founded().exchange_key(POLICE)]
    short, longer = (seal_statement(form, place(), bytes(n), to, signer) for n in (0, 4092))
    assert len(short) == len(longer)
    for value, size in ((short, 0), (longer, 4092)):
        opened = open_statement(parse_statement(form, value), POLICE, keys(POLICE))
        assert opened == bytes(size)


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(value: bytes) -> None:
    assert code(parsed, value) in {"listing_malformed", "note_malformed"}


@given(st.integers(0, 3_000), st.integers(1, 255))
def test_an_altered_byte_is_refused_or_breaks_the_signature(at: int, by: int) -> None:
    value = bytearray(sealed_once())
    value[at % len(value)] ^= by
    try:
        listing = parsed(bytes(value))
    except RefusedError:
        return
    assert listing.note != parsed(sealed_once()).note


def sealed_once(made: list[bytes] = []) -> bytes:  # noqa: B006 - one value for the process
    if not made:
        made.append(sealed())
    return made[0]
