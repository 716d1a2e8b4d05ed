"""Manifests that heartbeats name and that Kafka withholds, and registries that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from broker.control.named_manifests import (
    ASK_AGAIN_MS,
    ASK_SELDOM_MS,
    DIFFERS_AFTER_MS,
    MISSING_AFTER_MS,
    STOP_AGAIN_MS,
    NamedManifests,
    awaited_manifests,
)
from broker.control.news import News
from broker.control.own_statements import MANIFEST_AGAIN_MS
from broker.control.watch import Found, Watch
from broker.errors import RegistryError
from broker.keys.delegation import DelegationChanges, Revocation
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import (
    NOT_SEALED_MS,
    KnownDelegations,
    NamedManifest,
    RegistryHash,
    named_manifest,
    not_sealed_until,
    registry_hash,
    registry_hashes,
)
from broker.sending.sealing_context import SealingContext
from broker.service.arrivals import Arrivals
from broker.service.reporting import ServiceStatus
from broker.statements.authorship import read_note
from broker.statements.heartbeats import Heartbeat, format_heartbeat, parse_heartbeat
from broker.statements.manifest_requests import (
    ManifestRequest,
    format_manifest_request,
    is_manifest_request,
    parse_manifest_request,
)
from tests.support.delegated_keys import delegated_again
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock
from tests.support.memory_control import NOTICE, ControlNode, authors, beat, newest

NOT_RECEIVED, DIFFERS = "manifest_not_received", "registry_differs"


def renewed(world: FoundedPartnership, agency: str = POLICE, at: int = NOW) -> VerifiedManifest:
    """A manifest under a new delegation, which revokes a key."""
    before = world.manifests.newest_verified(agency)
    assert before is not None
    kid = before.manifest.keys_of("receipt", "ed25519")[0].kid
    changes = DelegationChanges(revocations=(Revocation(kid=kid, since=NOW - HOUR, reason="x"),))
    governance = world.governance[agency]
    signer = delegated_again(world.manifest_signers[agency], governance, at, changes)
    return issue_manifest(before.manifest, ManifestChanges(), signer, at)


def hears(node: ControlNode, value: bytes) -> None:
    assert node.hear(node.topics.heartbeats, value).rejected == []


def look(node: ControlNode) -> Found:
    """A look with the manifests that the reader of the control topics believes."""
    node.member.trust_store.believe(node.trust.contracts, node.trust.manifests)
    return node.watch.look()


def alarms(found: Found) -> list[tuple[str, str]]:
    return [one for one in found.alarms if one[1] in {NOT_RECEIVED, DIFFERS}]


def sealing(node: ControlNode) -> SealingContext:
    context = SealingContext(node.trust.contracts, node.trust.manifests)
    with node.member.store.reading() as tx:
        context.await_manifests(awaited_manifests(tx))
    return context


def books(node: ControlNode) -> tuple[ContractBook, ManifestBook]:
    return node.trust.contracts, node.trust.manifests


def code(act: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as refused:
        act()
    return refused.value.code


def test_a_withheld_delegation_shows_in_ten_seconds(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """Protocol test 14: the host withholds a delegation that revokes a key."""
    made = renewed(world)
    hears(node, beat(world, manifest=named_manifest(made)))
    first = look(node)
    assert (alarms(first), first.ask_manifests) == ([], [POLICE])
    clock.pass_(MISSING_AFTER_MS - 1)
    assert alarms(look(node)) == []
    clock.pass_(1)
    assert alarms(look(node)) == [(POLICE, NOT_RECEIVED)]
    assert alarms(look(node)) == []  # once
    assert f'manifest_not_received{{agency="{POLICE}"}} 1.0' in node.metrics.text().decode()
    clock.pass_(ASK_AGAIN_MS - MISSING_AFTER_MS)
    assert look(node).ask_manifests == [POLICE]
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    found = look(node)
    assert (alarms(found), found.ask_manifests) == ([], [])
    assert f'manifest_not_received{{agency="{POLICE}"}} 0.0' in node.metrics.text().decode()
    assert MISSING_AFTER_MS == 10 * SECOND


def test_nothing_is_sealed_to_that_agency_until_it_comes(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    made = renewed(world)
    hears(node, beat(world, manifest=named_manifest(made)))
    held = sealing(node)
    assert code(lambda: held.exchange_key(POLICE, clock.now)) == NOT_RECEIVED
    assert held.exchange_key(SUPPORT, clock.now).agency == SUPPORT
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    held.manifests = node.trust.manifests
    assert held.exchange_key(POLICE, clock.now).agency == POLICE


def test_after_a_day_without_it_events_are_sealed_again(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """A newer name within the day does not prolong it, and a restart does not begin it again."""
    made = named_manifest(renewed(world))
    hears(node, beat(world, manifest=made))
    began = clock.now
    clock.pass_(HOUR)
    later = NamedManifest(made.delegation, made.version + HOUR, bytes(32))
    hears(node, beat(world, at=NOW + HOUR, manifest=later))
    held = sealing(node)
    assert code(lambda: held.exchange_key(POLICE, began + NOT_SEALED_MS - 1)) == NOT_RECEIVED
    assert held.exchange_key(POLICE, began + NOT_SEALED_MS).agency == POLICE
    assert NOT_SEALED_MS == DAY
    clock.now = began + NOT_SEALED_MS
    assert alarms(look(node)) == [(POLICE, NOT_RECEIVED)]  # it is still missing


def test_heartbeats_that_alternate_stop_sealing_for_a_day_together(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """An agency names a manifest that we hold and an invented one in turn, for twenty days."""
    real = newest(world, POLICE)
    stopped = 0
    for hours in range(20 * 24):
        place = real if hours % 3 == 2 else replace(real, version=real.version + 1 + hours)
        if place is not real:
            place = replace(place, hash=bytes(32))
        hears(node, beat(world, at=clock.now, manifest=place))
        with node.member.store.reading() as tx:
            until = not_sealed_until(node.trust.manifests, awaited_manifests(tx))
        stopped += until.get(POLICE, 0) > clock.now
        clock.pass_(HOUR)
    assert stopped in {2 * 24, 2 * 24 - 1}  # a day each, with ten days between
    assert STOP_AGAIN_MS == 10 * DAY


def test_a_manifest_that_came_late_does_not_use_up_the_day(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """A heartbeat often comes a moment before its manifest: the next one may be withheld."""
    made = renewed(world)
    hears(node, beat(world, manifest=named_manifest(made)))
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    clock.pass_(MINUTE)
    hears(node, beat(world, at=clock.now, manifest=named_manifest(made)))
    clock.pass_(2 * DAY)
    withheld = replace(named_manifest(made), version=made.manifest.version + 1, hash=bytes(32))
    hears(node, beat(world, at=clock.now, manifest=withheld))
    held = sealing(node)
    end = clock.now + NOT_SEALED_MS - MINUTE
    assert code(lambda: held.exchange_key(POLICE, end - 1)) == NOT_RECEIVED
    assert held.exchange_key(POLICE, end).agency == POLICE


def test_a_later_manifest_is_as_good_as_the_named_one(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """Kafka keeps only the last record of an agency, so an earlier one may never come."""
    before = newest(world, POLICE)
    hears(node, beat(world, manifest=named_manifest(renewed(world))))
    made = renewed(world, at=NOW + HOUR)
    clock.pass_(HOUR)
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    clock.pass_(MINUTE)
    assert alarms(look(node)) == []
    hears(node, beat(world, at=clock.now, manifest=before))
    clock.pass_(MINUTE)
    assert alarms(look(node)) == []


def test_another_text_of_the_version_that_we_have_is_missing_too(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    ours = newest(world, POLICE)
    hears(node, beat(world, manifest=NamedManifest(ours.delegation, ours.version, bytes(32))))
    clock.pass_(MISSING_AFTER_MS)
    assert alarms(look(node)) == [(POLICE, NOT_RECEIVED)]


def test_a_restarted_adapter_goes_on_with_what_is_missing(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    hears(node, beat(world, manifest=named_manifest(renewed(world))))
    clock.pass_(MISSING_AFTER_MS)
    again = Watch(
        node.watch._loaded, node.member.store, clock, node.metrics, node.member.trust_store
    )
    found = again.look()
    assert alarms(found) == [(POLICE, NOT_RECEIVED)]
    assert found.ask_manifests == [POLICE]


def test_an_agency_that_takes_no_part_is_not_awaited(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    hears(node, beat(world, manifest=named_manifest(renewed(world))))
    with node.member.store.reading() as tx:
        found = NamedManifests().look(tx, [SUPPORT], node.trust.manifests, clock.now + DAY)
    assert (found.missing, found.asked) == ([], [])


def test_an_agency_whose_manifest_stays_missing_for_a_day_is_asked_every_hour(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """The reader may have refused the manifest that is named: asking must not go on for ever."""
    hears(node, beat(world, manifest=named_manifest(renewed(world))))
    asked: list[int] = []
    while clock.now <= NOW + DAY + 3 * HOUR:
        asked += [clock.now - NOW] * len(look(node).ask_manifests)
        clock.pass_(10 * MINUTE)
    late = [at for at in asked if at >= DAY]
    assert len(asked) - len(late) == 24 * 6
    assert 3 <= len(late) <= 4
    assert {b - a for a, b in pairwise(late)} == {HOUR}
    assert ASK_SELDOM_MS == HOUR


# --- asking --------------------------------------------------------------------------------------


async def test_the_reader_asks_and_the_owner_publishes_again(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    node.notices.want_manifest(POLICE)
    await node.notices.flush()
    (asked,) = [read_note(one.value or b"") for one in node.said()]
    assert is_manifest_request(asked)
    assert parse_manifest_request(asked) == ManifestRequest(world.deployment, POLICE, clock.now)
    await node.notices.flush()
    assert len(node.said()) == 1

    author = world.author(POLICE, receipts=True)
    request = ManifestRequest(world.deployment, COUNCIL, clock.now)
    note = format_manifest_request(request, author)
    assert node.hear(node.topics.receipts, note, content_type=NOTICE).manifest_asked
    manifests = node.member.kafka.topics[node.topics.manifests][0]
    for _ in range(2):  # many ask: it is published once in ten seconds
        node.notices.manifest_asked()
        await node.notices.flush()
    assert [one.key for one in manifests] == [COUNCIL.encode()]
    clock.pass_(MANIFEST_AGAIN_MS)
    await node.notices.flush()
    assert [one.value for one in manifests] == [world.manifests.history(COUNCIL)[-1].raw] * 2


def test_a_heartbeat_of_an_unknown_key_asks_for_the_manifest(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """The host withholds the manifest that lists the new stream key."""

    def heard(seconds: int) -> tuple[list[str], list[str]]:
        clock.pass_(seconds * SECOND)
        named = newest(world, POLICE)
        one = Heartbeat(world.deployment, POLICE, clock.now, (), (0, bytes(32)), named, ())
        value = format_heartbeat(one, authors(world, SUPPORT))
        news = node.hear(node.topics.heartbeats, value)
        return news.rejected, news.manifests_wanted

    unknown = ["key_unknown"]
    assert heard(1) == (unknown, [POLICE])
    assert heard(29) == (unknown, [])
    assert heard(1) == (unknown, [POLICE])
    clock.pass_(DAY)
    assert heard(1) == (unknown, [POLICE])
    assert heard(HOUR // SECOND - 1) == (unknown, [])
    assert heard(1) == (unknown, [POLICE])
    clock.pass_(SECOND)
    hears(node, beat(world, at=clock.now))
    assert heard(1) == (unknown, [POLICE])  # it begins anew


async def test_a_running_adapter_asks_for_what_is_wanted(
    node: ControlNode, world: FoundedPartnership
) -> None:
    status = ServiceStatus(node.metrics, 60.0)
    arrivals = Arrivals(
        node.member.relay, node.notices, node.watch, SealingContext(*books(node)), status
    )
    arrivals.news(News(manifests_wanted=[POLICE]))
    await node.notices.flush()
    (asked,) = [parse_manifest_request(read_note(one.value or b"")) for one in node.said()]
    assert asked.agency == POLICE


async def test_the_same_manifest_is_published_ever_less_often(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """An agency that asks all the time makes the owner publish little."""
    manifests = node.member.kafka.topics[node.topics.manifests][0]
    began = clock.now

    async def asked(seconds: int) -> list[int]:
        sent: list[int] = []
        for _ in range(seconds):
            node.notices.manifest_asked()
            before = len(manifests)
            await node.notices.flush()
            sent += [(clock.now - began) // SECOND] * (len(manifests) - before)
            clock.pass_(SECOND)
        return sent

    assert await asked(2400) == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]
    node.notices.learned(node.trust.contracts, world.reissue(COUNCIL, ManifestChanges(), NOW))
    assert await asked(15) == [2400, 2410]
    clock.pass_(HOUR)
    assert await asked(11) == [6015, 6025]


@pytest.mark.parametrize(
    ("agency", "signer", "ahead", "refusal"),
    [
        (SUPPORT, POLICE, 0, []),  # another agency is asked
        (COUNCIL, COUNCIL, 0, ["party_left"]),
        (COUNCIL, POLICE, -11 * MINUTE, ["request_old"]),
        (COUNCIL, POLICE, 6 * MINUTE, ["early"]),
    ],
)
def test_a_request_that_does_not_count(
    node: ControlNode,
    world: FoundedPartnership,
    clock: Clock,
    agency: str,
    signer: str,
    ahead: int,
    refusal: list[str],
) -> None:
    request = ManifestRequest(world.deployment, agency, clock.now + ahead)
    note = format_manifest_request(request, world.author(signer, receipts=True))
    news = node.hear(node.topics.receipts, note, content_type=NOTICE)
    assert (news.manifest_asked, news.rejected) == (False, refusal)


def test_a_request_needs_the_receipt_key_of_its_author(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    request = ManifestRequest(world.deployment, COUNCIL, clock.now)
    note = format_manifest_request(request, world.author(POLICE))
    news = node.hear(node.topics.receipts, note, content_type=NOTICE)
    assert (news.manifest_asked, news.rejected) == (False, ["key_unknown"])


@pytest.mark.parametrize("text", ["", "x\ny\n", "x\ny\n1\nmore\n", "x\ny\n01\n", "x\ny\n-1\n"])
def test_a_request_in_another_form_is_refused(
    node: ControlNode, world: FoundedPartnership, text: str
) -> None:
    from broker.tlog.note import format_note, sign_note

    whole = f"concordant.manifest-request/v1\n{text}".encode()
    note = format_note(sign_note(whole, [world.author(POLICE, receipts=True)]))
    assert node.hear(node.topics.receipts, note, content_type=NOTICE).rejected == [
        "notice_malformed"
    ]


# --- registry hashes -----------------------------------------------------------------------------


def ours(node: ControlNode) -> RegistryHash:
    (signed,) = node.trust.contracts.trusted()
    return registry_hash(signed, node.trust.manifests)


def test_a_registry_that_differs_for_ten_minutes_is_an_alarm_with_both_hashes(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    theirs = RegistryHash(ours(node).contract, b"r" * 32)
    minutes = DIFFERS_AFTER_MS // MINUTE
    assert minutes == 10
    for minute in range(minutes):
        hears(node, beat(world, at=NOW + minute * MINUTE, registry=(theirs,)))
        assert alarms(look(node)) == []
        clock.pass_(MINUTE)
    assert alarms(look(node)) == []  # it is silent now: that is another alarm
    hears(node, beat(world, at=clock.now, registry=(theirs,)))
    found = look(node)
    assert alarms(found) == [(POLICE, DIFFERS)]
    (named,) = found.differing
    assert (named.agency, named.ours, named.theirs) == (POLICE, ours(node).hash, theirs.hash)
    assert f'registry_differs{{agency="{POLICE}"}} 1.0' in node.metrics.text().decode()
    again = look(node)
    assert (alarms(again), again.differing) == ([], [])
    clock.pass_(MINUTE)
    hears(node, beat(world, at=clock.now, registry=(ours(node),)))
    look(node)
    assert f'registry_differs{{agency="{POLICE}"}} 0.0' in node.metrics.text().decode()


def test_an_agreement_that_is_not_in_force_here_is_passed_over(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    theirs = RegistryHash(ours(node).contract, b"r" * 32)
    clock.now = node.trust.contracts.trusted()[0].contract.ends_ms
    known = KnownDelegations()
    books = (node.trust.contracts, node.trust.manifests)
    assert known.differing([theirs], *books, clock.now - 1) == (ours(node), theirs)
    assert known.differing([theirs], *books, clock.now) is None


def test_a_delegation_that_comes_within_ten_minutes_is_no_alarm(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """The police hear of a new delegation first; this reader and then they agree again."""
    made = renewed(world, SUPPORT)
    (signed,) = node.trust.contracts.trusted()
    known = registry_hash(signed, world.manifests.adding(made))
    hears(node, beat(world, registry=(known,)))
    clock.pass_(9 * MINUTE)
    assert node.hear(node.topics.manifests, made.raw).rejected == []
    hears(node, beat(world, at=clock.now, registry=(known,)))
    clock.pass_(9 * MINUTE)
    hears(node, beat(world, at=clock.now, registry=(known,)))
    assert alarms(look(node)) == []


def test_agreements_that_we_have_not_signed_are_passed_over(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    foreign = RegistryHash(b"f" * 32, b"r" * 32)
    for at in (NOW, NOW + HOUR):
        clock.now = at
        hears(node, beat(world, at=at, registry=(foreign,)))
    assert alarms(look(node)) == []


def test_the_registry_hash_covers_the_delegation_of_each_party(world: FoundedPartnership) -> None:
    before = registry_hash(world.signed, world.manifests)
    found = {before.hash}
    for agency in (POLICE, COUNCIL, SUPPORT):
        found.add(registry_hash(world.signed, world.manifests.adding(renewed(world, agency))).hash)
    assert len(found) == 4
    assert registry_hashes(world.book(POLICE), world.manifests, NOW) == (before,)


# --- our own heartbeat ---------------------------------------------------------------------------


async def test_a_heartbeat_follows_the_manifest_that_it_names(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """A reader that reads both topics to their end never lacks what the heartbeat names."""
    topics = node.member.kafka.topics
    assert not node.notices.heartbeat_due()
    await node.notices.tell_heads([])
    assert [one.value for one in topics[node.topics.manifests][0]] == [
        world.manifests.history(COUNCIL)[-1].raw
    ]
    await node.notices.tell_heads([])
    assert len(topics[node.topics.manifests][0]) == 1
    assert not node.notices.heartbeat_due()

    made = world.reissue(COUNCIL, ManifestChanges(), NOW)
    node.notices.learned(node.trust.contracts, made)
    assert node.notices.heartbeat_due()  # without waiting for the interval
    clock.pass_(1)
    await node.notices.tell_heads([])
    assert not node.notices.heartbeat_due()
    value = topics[node.topics.heartbeats][0][-1].value
    assert value is not None
    named = parse_heartbeat(read_note(value), world.deployment)
    verified = made.newest_verified(COUNCIL)
    assert verified is not None
    assert named.manifest == named_manifest(verified)
    assert named.registry == registry_hashes(node.trust.contracts, made, clock.now)
    assert topics[node.topics.manifests][0][-1].value == verified.raw


def test_our_own_heartbeats_are_not_compared(node: ControlNode, world: FoundedPartnership) -> None:
    hears(node, beat(world, agency=COUNCIL, manifest=NamedManifest(NOW, NOW, bytes(32))))
    with node.member.store.reading() as tx:
        assert tx.heads.all_named() == []
