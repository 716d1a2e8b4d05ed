"""Contract and keys for sealing: what is kept between events is what the books would say anew."""

from __future__ import annotations

import pytest

from broker.errors import RegistryError
from broker.keys.issuing import ManifestChanges
from broker.sending.sealing_context import SealingContext
from contracts.errors import ConcordantError, EventError
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    founded,
)

DAY = 24 * 60 * 60 * 1000
TYPE = "referral.made"


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
    except ConcordantError as error:
        found.append(error.code)
    for agency in (POLICE, COUNCIL, SUPPORT):
        try:
            found.append(context.exchange_key(agency, moment).kid)
        except RegistryError as error:
            found.append(error.code)
    return found


def moments(world: FoundedPartnership) -> list[int]:
    """Each moment at which something begins or ends, with the milliseconds beside it."""
    found = {world.contract.starts_ms, world.contract.ends_ms, NOW, NOW + 400 * DAY}
    for verified in world.manifests.all():
        found.add(verified.manifest.expires)
        for key in verified.manifest.keys:
            found |= {key.not_before, key.not_after}
    return sorted(moment + beside for moment in found for beside in (-1, 0, 1))


def test_the_cached_context_equals_a_fresh_one_at_every_moment(world: FoundedPartnership) -> None:
    contracts = world.book(POLICE)
    forth = moments(world)
    kept = SealingContext(contracts, world.manifests)
    for moment in (*forth, *reversed(forth), *forth[::3]):
        anew = SealingContext(contracts, world.manifests)
        assert answers(kept, moment) == answers(anew, moment)


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
