"""A sender restored to before a generation that the host withheld from a reader in part.

docs/spec/streams.md, "Records that their sender lost": what nobody has keeps receipts back and
nothing else, people are told, and whatever still comes is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.healing import heal, lost_for_good
from tests.hostile.hostile_world import HostileWorld
from tests.hostile.town import CASE_UPDATE
from tests.support.founded_partnership import COUNCIL, POLICE

EVERYWHERE = [(0, 0), (0, 1), (CASE_UPDATE, 0), (CASE_UPDATE, 1)]


@pytest.fixture
def world() -> Iterator[HostileWorld]:
    """The council has met the first records of each place; a copy of the police's state is kept."""
    world = HostileWorld()
    world.publish(EVERYWHERE)
    for place in world.places:
        world.kafka.deliver(COUNCIL, place, 1)
        world.read(COUNCIL, place)
    world.back_up()
    yield world
    world.close()


def lost(world: HostileWorld) -> int:
    """Number of records that the council's receipts of the first place wait for in vain."""
    council, place = world.parties[COUNCIL], world.places[0]
    state = council.state(POLICE, place)
    assert state is not None
    return len(lost_for_good(world, council, POLICE, state, place))


def pass_over(world: HostileWorld, *, leaves: bool) -> None:
    """Two of the next generation's three records do not come; its sender goes back before it."""
    place = world.places[0]
    world.restart(POLICE)
    world.publish([(0, 0)] * 3)
    world.back_up()
    hidden = world.kafka.withhold(COUNCIL, place, 2)
    world.kafka.deliver(COUNCIL, place, 1)
    for record in hidden if leaves else ():
        world.as_leaf(COUNCIL, record)
    world.read(COUNCIL, place)
    world.restore(0)


@pytest.mark.parametrize("leaves", [False, True])
def test_records_lost_everywhere_delay_receipts_and_no_event(
    world: HostileWorld, leaves: bool
) -> None:
    pass_over(world, leaves=leaves)
    heal(world)  # which compares every event, and allows this loss only
    assert lost(world) == 2
    assert (POLICE, "content_missing" if leaves else "gap") in world.parties[COUNCIL].alarms


@pytest.mark.parametrize("leaves", [False, True])
def test_a_later_copy_of_the_sender_heals_it(world: HostileWorld, leaves: bool) -> None:
    pass_over(world, leaves=leaves)
    world.publish([(0, 0)])
    world.kafka.deliver(COUNCIL, world.places[0], 1)
    world.read(COUNCIL, world.places[0])
    assert lost(world) == 2
    world.restore(1)
    heal(world)
    assert lost(world) == 0
