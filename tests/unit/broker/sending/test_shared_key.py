"""A party that lists another's public exchange key harms no other party."""

from __future__ import annotations

from tests.support.founded_partnership import COUNCIL, POLICE, PROSECUTION, SUPPORT
from tests.support.memory_agency import Make, MemoryAgency, at_offsets
from tests.unit.broker.sending.shared_key import shared_key_manifests


async def test_events_to_the_owner_and_the_liar_open_at_every_other_reader(
    open_member: Make,
) -> None:
    police, council, prosecution, support = map(
        open_member, (POLICE, COUNCIL, PROSECUTION, SUPPORT)
    )
    manifests = shared_key_manifests(police.world)
    police.terms.manifests = manifests
    for reader in (council, prosecution, support):
        reader.believe(reader.contracts, manifests)
    sent = {(await police.send(to=(COUNCIL, SUPPORT)))[0] for _ in range(24)}
    assert take_all(council, police) == (sent, set())
    assert take_all(prosecution, police) == (set(), set())  # not addressed: nothing to refuse
    # The liar cannot open what it had sealed for a key that it does not hold: its own loss
    assert take_all(support, police) == (set(), {"key_missing"})


def take_all(reader: MemoryAgency, sender: MemoryAgency) -> tuple[set[str], set[str]]:
    """Return the inbox after all records of the sender, and the codes of refusals."""
    codes: set[str] = set()
    for partition in sender.kafka.topics[sender.world.topic()]:
        if partition:
            codes |= {code for _, _, _, code in reader.take(at_offsets(partition)).refused}
    return set(reader.inbox()), codes
