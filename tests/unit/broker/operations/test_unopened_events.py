"""Events logged to an agency after its part had ended: the sender is shown what becomes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.operations.unopened_events import UnopenedEvent, unopened_events
from broker.registry.manifests import ManifestBook
from broker.sending import sealing
from broker.sending.copies import CopyRelease
from tests.support.founded_partnership import CASE, COUNCIL, DAY, HOUR, POLICE, SUPPORT
from tests.support.memory_agency import MemoryAgency

BOTH = (COUNCIL, SUPPORT)


def stopped(police: MemoryAgency, state: str = "suspended") -> ManifestBook:
    """The council's statement of now, which the police do not know of yet."""
    entry = StandingEntry(
        contract=police.world.contract.name,
        versions=(police.world.signed.hash,),
        state=state,  # type: ignore[arg-type]  # one of the two
        since=police.clock.now,
        reason="review",
    )
    changes = ManifestChanges(standing=(entry,))
    return police.world.reissue(COUNCIL, changes, police.clock.now)


def shown(police: MemoryAgency, known: ManifestBook) -> list[UnopenedEvent]:
    participant = replace(police.world.participants[POLICE], manifests=known)
    with police.store.reading() as tx:
        return unopened_events(tx, participant, police.clock.now)


async def sent(police: MemoryAgency, *to: str) -> str:
    event_id = police.publish(police.event(CASE, to=to or BOTH))
    await police.relay.round()
    police.clock.pass_(1000)
    assert event_id is not None
    return event_id


@pytest.mark.parametrize(
    ("state", "reason", "served"),
    [("suspended", "suspended", "later"), ("left", "contract_left", "not")],
)
async def test_events_logged_after_the_end_are_shown(
    police: MemoryAgency, state: str, reason: str, served: str
) -> None:
    police.relay.take_lock("test")
    await sent(police)
    known = stopped(police, state)
    after = await sent(police)
    await sent(police, SUPPORT)
    waiting = police.publish(police.event(CASE, to=BOTH))  # accepted, and not sent yet
    found = shown(police, known)
    assert [(one.event_id, one.agency, one.reason, one.served) for one in found] == [
        (after, COUNCIL, reason, served),
        (waiting, COUNCIL, reason, served),
    ]
    assert found[1].expires_ms is None
    assert shown(police, police.world.manifests) == []  # before the end was known


async def test_an_agency_that_has_resumed_opens_it(police: MemoryAgency) -> None:
    police.relay.take_lock("test")
    known = stopped(police)
    await sent(police)
    assert len(shown(police, known)) == 1
    assert shown(police, police.world.resume(COUNCIL, police.clock.now, known)) == []


async def test_events_that_kafka_keeps_no_longer_are_not_shown(police: MemoryAgency) -> None:
    police.relay.take_lock("test")
    known = stopped(police)
    await sent(police)
    (one,) = shown(police, known)
    assert one.expires_ms is not None
    police.clock.now = one.expires_ms
    assert shown(police, known) == []


async def test_a_later_copy_to_another_agency_says_nothing_of_the_event(
    police: MemoryAgency,
) -> None:
    """The event was logged before the end. Its copy to the charity was logged after it."""
    police.relay.take_lock("test")
    own = police.terms.manifests
    police.terms.manifests = police.world.reissue(
        SUPPORT,
        ManifestChanges(
            standing=(
                StandingEntry(
                    contract=police.world.contract.name,
                    versions=(police.world.signed.hash,),
                    state="suspended",
                    since=police.clock.now,
                    reason="review",
                ),
            )
        ),
        police.clock.now,
    )
    police.clock.pass_(1000)
    await sent(police)
    police.terms.manifests = own
    known = stopped(police)
    police.clock.pass_(1000)
    copies = CopyRelease(police.store, police.sealer())
    copies.look(police.clock.now)
    police.clock.pass_(HOUR)
    assert copies.look(police.clock.now).sent == 1
    await police.relay.round()
    assert shown(police, known) == []


async def test_an_event_in_parts_is_shown_once_for_each_agency(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MAX_RECIPIENTS", 1)
    police.relay.take_lock("test")
    known = stopped(police)
    event_id = await sent(police)
    police.clock.pass_(DAY // 24)
    assert [(one.event_id, one.agency) for one in shown(police, known)] == [(event_id, COUNCIL)]
