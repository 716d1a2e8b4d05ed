"""Sealed events of an agency that takes no part wait in the outbox (docs/spec/contracts.md)."""

from __future__ import annotations

from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from tests.support.founded_partnership import POLICE
from tests.support.memory_agency import MemoryAgency

HOUR = 3_600_000


async def test_an_event_sealed_before_a_suspension_is_logged_when_the_agency_has_resumed(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    """Logged during the suspension, each recipient would refuse it for good."""
    police.relay.take_lock("test")
    police.publish()
    world, since = police.world, police.clock.now
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=since,
        reason="dispute",
    )
    suspended = world.reissue(POLICE, ManifestChanges(standing=(entry,)), since)
    resumed = world.resume(POLICE, since + HOUR, suspended)
    police.terms.manifests = suspended
    police.clock.pass_(1000)
    assert (await police.relay.round(), police.relay.has_waiting()) == (0, False)
    with police.store.reading() as tx:
        assert tx.outbox.counts().pending == 1
    police.clock.pass_(HOUR)
    police.terms.manifests = resumed
    assert police.relay.has_waiting()
    assert await police.relay.round() == 1
    council.believe(council.contracts, resumed)
    assert len(council.take(police.log()).opened) == 1
