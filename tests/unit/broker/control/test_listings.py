"""Listings between agencies in memory: published when due, the newest kept, faults dropped.

docs/spec/directory.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.agency.participant import LoadedAgency
from broker.control.news import News
from broker.control.own_listing import PAUSE_MS, OwnListing
from broker.control.own_statements import SigningKeys
from broker.control.statement_sender import StatementSender
from broker.directory.listing import Listing, Organisation, format_listing, parse_listing_content
from broker.errors import TransportError
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.record import LISTING_CONTENT_TYPE, Record
from broker.statements.listings import LISTING
from broker.statements.partner_statements import (
    SealedStatement,
    StatementPlace,
    parse_statement,
    seal_statement,
)
from broker.store.rows import ListingRow
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
    FoundedPartnership,
    founded,
)
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_control import ControlNode


def content(name: str = "Haven") -> bytes:
    return format_listing(Listing(organisation=Organisation(name=name, description="Help.")))


def made(
    name: str = "Haven",
    *,
    at: int = NOW,
    agency: str = SUPPORT,
    signer: str = "",
    to: tuple[str, ...] = (POLICE, COUNCIL),
    raw: bytes | None = None,
    deployment: str = "",
) -> bytes:
    world = founded()
    place = StatementPlace(deployment or world.deployment, agency, at)
    keys = [world.exchange_key(one) for one in to]
    author = world.author(signer or agency, receipts=True)
    return seal_statement(LISTING, place, raw or content(name), keys, author)


def parsed(value: bytes) -> SealedStatement:
    return parse_statement(LISTING, value)


def hear(node: ControlNode, *values: bytes) -> News:
    return node.hear(node.topics.receipts, *values, content_type=LISTING_CONTENT_TYPE)


def kept(node: ControlNode, agency: str = SUPPORT) -> str | None:
    """The name in the listing that is kept."""
    with node.member.store.reading() as tx:
        row = tx.listings.get(agency)
    if row is None:
        return None
    organisation = parse_listing_content(row.content).organisation
    assert organisation is not None
    return organisation.name


def test_a_listing_is_taken_and_a_newer_one_replaces_it(node: ControlNode) -> None:
    assert hear(node, made("first")).listings == [SUPPORT]
    assert kept(node) == "first"
    assert hear(node, made("second", at=NOW + 1)).listings == [SUPPORT]
    assert kept(node) == "second"


def test_a_replay_and_an_older_listing_change_nothing(node: ControlNode) -> None:
    old, new = made("old", at=NOW - 1), made("new")
    news = hear(node, new, new, old)
    assert (news.listings, news.rejected, kept(node)) == ([SUPPORT], [], "new")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (made(signer=POLICE), "key_unknown"),
        (made(agency=POLICE, signer=SUPPORT), "key_unknown"),
        (made(at=NOW + 6 * MINUTE), "early"),
        (made(raw=b"{"), "listing_malformed"),
        (made(raw=b'{"services":{"a":{}}}'), "listing_malformed"),
        (made()[:-1], "listing_malformed"),
    ],
    ids=["forged", "for_another", "early", "no_json", "no_listing", "cut"],
)
def test_a_listing_at_fault_is_dropped_with_its_code(
    node: ControlNode, value: bytes, code: str
) -> None:
    news = hear(node, value)
    assert (news.listings, news.rejected) == ([], [code])
    assert (kept(node), kept(node, POLICE)) == (None, None)


@pytest.mark.parametrize("value", [made(deployment="another"), made(to=(POLICE,))])
def test_a_listing_for_others_is_passed_over(node: ControlNode, value: bytes) -> None:
    news = hear(node, value)
    assert (news.listings, news.rejected, kept(node)) == ([], [], None)


def test_our_own_listing_is_not_taken_from_kafka(node: ControlNode) -> None:
    news = hear(node, made(agency=COUNCIL, to=(COUNCIL,)))
    assert (news.listings, news.rejected, kept(node, COUNCIL)) == ([], [], None)


def test_hidden_characters_are_refused_and_unknown_members_are_not(node: ControlNode) -> None:
    raw = content().decode()
    news = hear(node, made(raw=raw.replace("Help.", "He\u202elp").encode()))
    assert news.rejected == ["listing_malformed"]
    hear(node, made(raw=raw.replace('{"organisation"', '{"newer":1,"organisation"').encode()))
    assert kept(node) == "Haven"


def test_an_agency_cannot_make_others_check_many_listings(node: ControlNode) -> None:
    values = [made(f"n{n}", at=NOW + n) for n in range(LISTING.a_minute + 1)]
    news = hear(node, *values)
    assert news.rejected == ["listings_many"]
    assert len(news.listings) == LISTING.a_minute
    node.member.clock.now += MINUTE
    assert hear(node, made("later", at=NOW + MINUTE)).listings == [SUPPORT]


def test_a_listing_of_a_party_that_left_is_refused(
    node: ControlNode, world: FoundedPartnership
) -> None:
    gone = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=NOW,
        reason="dispute",
    )
    manifests = world.reissue(SUPPORT, ManifestChanges(standing=(gone,)), NOW)
    node.trust.believe(node.trust.contracts, manifests)
    assert hear(node, made()).rejected == ["party_left"]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlNode]:
    """A reader for many examples; each takes listings of a later minute than those before."""
    from tests.support.memory_agency import Clock, cluster

    folder = tmp_path_factory.mktemp("listings")
    member = MemoryAgency(POLICE, folder / "police.db", cluster(), Clock())
    with closing(member.store):
        yield ControlNode(member, founded().root / POLICE)


_ROUNDS = count(1)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_same_records_in_any_order_give_the_same_directory(
    members: ControlNode, data: st.DataObject
) -> None:
    begin = NOW + next(_ROUNDS) * 100 * MINUTE
    members.member.clock.now = begin + 50 * MINUTE
    # two of one time: the order of their hashes decides
    minutes = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    values = [made(f"n{n}", at=begin + m * MINUTE) for n, m in enumerate(minutes)]
    newest = max(values, key=order)
    for value in [*data.draw(st.permutations(values)), data.draw(st.sampled_from(values))]:
        hear(members, value)
    with members.member.store.reading() as tx:
        row = tx.listings.get(SUPPORT)
    assert row is not None
    assert row.time_ms == parsed(newest).place.time_ms
    assert row.note is not None
    assert row.note in newest


def order(value: bytes) -> tuple[int, bytes]:
    from broker.envelope.primitives import sha256

    listing = parsed(value)
    return listing.place.time_ms, sha256(listing.note.text)


# --- our own --------------------------------------------------------------------------------


def own(member: MemoryAgency) -> OwnListing:
    signing = SigningKeys(LoadedAgency(member.participant), member.clock)
    sender = StatementSender(signing, member.store, member.transport, member.clock)
    return OwnListing(member.agency, member.store, member.terms, sender, member.clock)


def said(member: MemoryAgency, topic: str) -> list[Record]:
    return member.kafka.topics[topic][0]


def write(member: MemoryAgency, name: str) -> None:
    with member.store.transaction() as tx:
        tx.listings.save(ListingRow(member.agency, member.clock.now, None, content(name)))


async def test_the_listing_is_published_once_and_again_when_it_changes(node: ControlNode) -> None:
    member, topic = node.member, node.topics.receipts
    publisher = own(member)
    assert (await publisher.look()).sent
    assert not (await publisher.look()).sent
    write(member, "ours")
    assert not (await publisher.look()).sent  # not within the pause
    member.clock.pass_(PAUSE_MS)
    assert (await publisher.look()).sent
    member.clock.pass_(PAUSE_MS)
    assert not (await own(member).look()).sent  # a restart publishes nothing
    member.clock.pass_(LISTING.renew_ms)
    assert (await publisher.look()).sent
    times = [parsed(one.value or b"").place.time_ms for one in said(member, topic)]
    assert times == [NOW, NOW + PAUSE_MS, NOW + 2 * PAUSE_MS + LISTING.renew_ms]


async def test_every_partner_gets_what_the_software_can_read(
    node: ControlNode, police: MemoryAgency
) -> None:
    assert (await own(node.member).look()).sent
    (record,) = said(node.member, node.topics.receipts)
    assert set(parsed(record.value or b"").wraps) == {PROSECUTION, POLICE, SUPPORT}
    reader = ControlNode(police, founded().root / POLICE)
    assert hear(reader, record.value or b"").listings == [COUNCIL]
    with police.store.reading() as tx:
        row = tx.listings.get(COUNCIL)
    assert row is not None
    reads = parse_listing_content(row.content).reads
    assert reads is not None
    pinned = founded().contract.vocabulary
    (found,) = [one for one in reads.vocabularies if one.hash == pinned.hash]
    assert set(found.types) == set(pinned.event_types)
    assert set(found.lists) == set(pinned.code_lists)


async def test_a_partner_that_leaves_or_has_no_key_gets_no_new_listing(
    node: ControlNode, world: FoundedPartnership
) -> None:
    member = node.member
    publisher = own(member)
    await publisher.look()
    gone = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=NOW,
        reason="dispute",
    )
    member.terms.manifests = world.reissue(SUPPORT, ManifestChanges(standing=(gone,)), NOW)
    member.clock.pass_(PAUSE_MS)
    assert (await publisher.look()).sent  # at once: the partners are others
    last = said(member, node.topics.receipts)[-1]
    assert set(parsed(last.value or b"").wraps) == {PROSECUTION, POLICE}
    member.clock.pass_(60 * DAY)  # no exchange key is valid
    assert not (await publisher.look()).sent


async def test_a_kafka_that_is_down_leaves_the_listing_due(node: ControlNode) -> None:
    publisher = own(node.member)
    node.member.kafka.up = False
    with pytest.raises(TransportError):
        await publisher.look()
    node.member.kafka.up = True
    assert (await publisher.look()).sent


async def test_a_clock_that_was_ahead_does_not_stop_the_listing(node: ControlNode) -> None:
    publisher = own(node.member)
    node.member.clock.now = NOW + 2 * DAY
    assert (await publisher.look()).sent
    node.member.clock.now = NOW
    assert (await publisher.look()).sent
    assert parsed(said(node.member, node.topics.receipts)[-1].value or b"").place.time_ms == NOW
