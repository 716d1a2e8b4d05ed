"""Contract and keys for sealing: what is kept between events is what the books would say anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.envelope.layout import parse_value
from broker.errors import RegistryError
from broker.keys.delegation import Revocation
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from broker.registry.newest_manifests import Awaited, NamedManifest
from broker.sending import sealing_context
from broker.sending.addressees import Addressees, NotSealed
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from contracts.durations import DAY_MS as DAY
from contracts.errors import ConcordantError, EventError
from contracts.examples import example
from tests.support.founded_partnership import (
    COUNCIL,
    MINUTE,
    NOW,
    POLICE,
    SUPPORT,
    TODAY,
    FoundedPartnership,
    founded,
)

TYPE = "referral.made"
BOTH = (COUNCIL, SUPPORT)


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    return founded()


def answers(context: SealingContext, moment: int) -> list[object]:
    """Answers at a moment: the contract and its status, and each agency's key."""
    found: list[object] = []
    try:
        in_force = context.contract_in_force(TYPE, (COUNCIL,), moment)
        status = in_force.status(moment)
        found.append((in_force.hash, status.state, status.since))
        found.append(reached(context, moment))
    except ConcordantError as error:
        found.append(error.code)
    for agency in (POLICE, COUNCIL, SUPPORT):
        try:
            found.append(context.exchange_key(agency, moment).kid)
        except RegistryError as error:
            found.append(error.code)
    return found


def reached(
    context: SealingContext, moment: int
) -> tuple[str, dict[str, bytes], tuple[NotSealed, ...]]:
    """Version of the contract, and the key ids and missing ones of the addressed agencies."""
    found = context.addressees(TYPE, BOTH, moment)
    keys = {agency: key.kid for agency, key in found.keys.items()}
    return found.in_force.contract.version, keys, found.not_reached


def missing(context: SealingContext, moment: int) -> list[tuple[str, str]]:
    return [(one.agency, one.reason) for one in reached(context, moment)[2]]


def test_an_awaited_manifest_counts_at_once_and_for_a_day(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    assert context.exchange_key(COUNCIL, NOW).agency == COUNCIL
    named = NamedManifest(NOW + DAY, NOW + DAY, bytes(32))
    context.await_manifests({COUNCIL: Awaited(named, NOW)})
    with pytest.raises(RegistryError) as refused:
        context.exchange_key(COUNCIL, NOW)
    assert refused.value.code == "manifest_not_received"
    with pytest.raises(RegistryError):
        context.exchange_key(COUNCIL, NOW + DAY - 1)
    assert context.exchange_key(COUNCIL, NOW + DAY).agency == COUNCIL
    context.await_manifests({})
    assert context.exchange_key(COUNCIL, NOW).agency == COUNCIL


def moments(world: FoundedPartnership, manifests: ManifestBook) -> list[int]:
    """Each moment at which something begins or ends, with the milliseconds beside it."""
    found = {world.contract.starts_ms, world.contract.ends_ms, NOW, NOW + 400 * DAY}
    for verified in manifests.all():
        found |= {verified.manifest.issued, verified.manifest.expires}
        for key in verified.manifest.keys:
            found |= {key.not_before, key.not_after}
        for entry in verified.manifest.standing:
            found |= {entry.since, entry.since if entry.until is None else entry.until}
    return sorted(moment + beside for moment in found for beside in (-1, 0, 1))


def suspended(world: FoundedPartnership, since: int, *, until: int | None = None) -> ManifestBook:
    """The manifests after the council has suspended its part, and has ended that again."""
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=since,
        reason="legal_review",
    )
    found = world.reissue(COUNCIL, ManifestChanges(standing=(entry,)), NOW + 1)
    return found if until is None else world.resume(COUNCIL, until, found)


def next_version(world: FoundedPartnership, *parties: str) -> SignedContract:
    """Version 1.1.0 between some of the parties. It has effect from the third day."""
    previous = f'\nversion: 1.1.0\nprevious: ["{world.signed.hash.hex()}"]'
    return world.another_contract(
        parties=parties,
        starts=TODAY + timedelta(days=2),
        ends=TODAY + timedelta(days=5),
        terms=lambda text: text.replace("\nversion: 1.0.0", previous, 1),
    )


@pytest.mark.parametrize("stopped", [False, True])
def test_the_cached_context_equals_a_fresh_one_at_every_moment(
    world: FoundedPartnership, stopped: bool
) -> None:
    newer = next_version(world, POLICE, COUNCIL)
    contracts = world.book(POLICE, newer) if stopped else world.book(POLICE)
    manifests = suspended(world, NOW + 5 * MINUTE, until=NOW + DAY) if stopped else world.manifests
    ends = {moment + beside for moment in bounds(newer) for beside in (-1, 0, 1)}
    forth = sorted({*moments(world, manifests), *ends})
    kept = SealingContext(contracts, manifests)
    for moment in (*forth, *reversed(forth), *forth[::3]):
        anew = SealingContext(contracts, manifests)
        assert answers(kept, moment) == answers(anew, moment)


def bounds(signed: SignedContract) -> tuple[int, int]:
    return signed.contract.starts_ms, signed.contract.ends_ms


def test_other_books_answer_at_once(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    before = context.exchange_key(COUNCIL, NOW).kid
    context.manifests = world.reissue(COUNCIL, ManifestChanges(), NOW + 29 * DAY)
    anew = SealingContext(context.contracts, context.manifests)
    for moment in (NOW, NOW + 29 * DAY, NOW + 31 * DAY):
        assert answers(context, moment) == answers(anew, moment)
    assert context.exchange_key(COUNCIL, NOW).kid == before


def test_a_refusal_is_not_kept(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    with pytest.raises(EventError) as refused:
        context.contract_in_force("no.such-type", (COUNCIL,), NOW)
    assert refused.value.code == "type_unknown"
    assert context.contract_in_force(TYPE, (COUNCIL,), NOW).text.hash == world.signed.text.hash


def test_a_key_is_one_object_as_long_as_it_lives(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    key = context.exchange_key(COUNCIL, NOW)
    assert context.exchange_key(COUNCIL, NOW + 1) is key
    answers(context, NOW + 400 * DAY)  # other moments, so what was kept is forgotten
    assert context.exchange_key(COUNCIL, NOW) is key


# --- addressed agencies ---------------------------------------------------------------------------


def test_the_addressees_of_one_set_are_looked_up_once(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    found = context.addressees(TYPE, BOTH, NOW)
    assert context.addressees(TYPE, BOTH, NOW + 1) is found
    assert found.keys.keys() == set(BOTH)
    assert context.addressees(TYPE, (SUPPORT,), NOW).keys.keys() == {SUPPORT}


def test_known_addressees_do_not_outlive_a_manifest(world: FoundedPartnership) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    expires = min(world.manifests.current(one, NOW).expires for one in BOTH)
    assert missing(context, expires - 1) == []
    assert missing(context, expires) == [(one, "manifest_expired") for one in BOTH]
    assert missing(context, expires - 1) == []  # the clock was set back


def test_known_addressees_do_not_outlive_a_stop(world: FoundedPartnership) -> None:
    begins, ends = NOW + 5 * MINUTE, NOW + DAY
    context = SealingContext(world.book(POLICE), suspended(world, begins, until=ends))
    assert missing(context, begins - 1) == []
    assert missing(context, begins) == [(COUNCIL, "suspended")]
    assert missing(context, ends - 1) == [(COUNCIL, "suspended")]
    assert missing(context, ends) == []


def test_known_addressees_do_not_outlive_the_manifests_of_a_book(
    world: FoundedPartnership,
) -> None:
    context = SealingContext(world.book(POLICE), world.manifests)
    later = NOW + 2 * MINUTE
    assert missing(context, later) == []
    context.manifests = suspended(world, NOW + MINUTE)
    assert missing(context, later) == [(COUNCIL, "suspended")]
    context.manifests = ManifestBook(world.deployment, world.manifests.history(SUPPORT))
    assert missing(context, later) == [(COUNCIL, "manifest_missing")]
    kid = world.manifests.exchange_key(COUNCIL, NOW).kid
    stolen = Revocation(kid=kid, since=later, reason="compromised")
    context.manifests = world.reissue(COUNCIL, ManifestChanges(revocations=(stolen,)), later)
    assert missing(context, later) == [(COUNCIL, "exchange_key_missing")]


def test_known_addressees_do_not_outlive_a_version_of_the_contract(
    world: FoundedPartnership,
) -> None:
    newer = next_version(world, POLICE, COUNCIL)
    begins, ends = bounds(newer)
    context = SealingContext(world.book(POLICE), world.manifests)
    assert reached(context, begins)[0] == "1.0.0"
    context.contracts = world.book(POLICE, newer)
    assert (reached(context, begins - 1)[0], missing(context, begins - 1)) == ("1.0.0", [])
    assert reached(context, begins)[0] == "1.1.0"
    assert missing(context, ends - 1) == [(SUPPORT, "not_a_party")]
    with pytest.raises(RegistryError) as refused:
        context.addressees(TYPE, BOTH, ends)
    assert refused.value.code == "contract_expired"


def test_an_event_is_not_sealed_to_an_agency_that_has_suspended_its_part_since(
    world: FoundedPartnership,
) -> None:
    begins = NOW + 5 * MINUTE
    context = SealingContext(world.book(POLICE), suspended(world, begins))
    asked: list[int] = []

    def addressees(event_type: str, addressed: Sequence[str], now: int) -> Addressees:
        asked.append(now)
        return context.addressees(event_type, addressed, now)

    sealer = EventSealer(world.deployment, POLICE, bytes(32), addressees)
    event = replace(example(world.contract, POLICE, TYPE), recipients=BOTH)
    before, after = sealer.seal(event, begins - 1), sealer.seal(event, begins)
    assert asked == [begins - 1, begins]  # once for each event
    assert before.not_sealed == ()
    assert after.not_sealed == ((COUNCIL, "suspended"),)
    assert [len(parse_value(one.value).recipients) for one in (before, after)] == [2, 1]


def test_few_sets_of_addressees_are_kept_and_none_with_a_missing_agency(
    world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export could name any number of agencies that do not exist."""
    context = SealingContext(world.book(POLICE), world.manifests)
    monkeypatch.setattr(sealing_context, "_MAX_ANSWERS", 2)
    sets = ((COUNCIL,), (SUPPORT,), BOTH, tuple(reversed(BOTH)))
    for agencies in (*sets, *sets):
        assert context.addressees(TYPE, agencies, NOW).keys.keys() == set(agencies)
        assert len(context._answers.addressees) <= 2
    kept = dict(context._answers.addressees)
    assert context.addressees(TYPE, (COUNCIL, "haven-suport"), NOW).keys.keys() == {COUNCIL}
    assert context._answers.addressees == kept
