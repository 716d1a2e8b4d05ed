"""Loop of the relay: it first sends what an earlier process signed and did not send."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.registry.contract_book import ContractBook
from broker.service import relaying
from broker.service.relaying import Relaying
from broker.service.reporting import ServiceStatus
from tests.support.founded_partnership import POLICE, FoundedPartnership
from tests.support.memory_agency import MemoryAgency, ids
from tests.support.memory_control import ControlNode

CASE = "11111111-1111-4111-8111-111111111111"


def waiting(member: MemoryAgency) -> int:
    """Events of the outbox that Kafka has not acknowledged."""
    with member.store.reading() as tx:
        counts = tx.outbox.counts()
    return counts.pending + counts.unsent


async def publish_nothing(_contracts: ContractBook, _changed_only: bool) -> None:
    """No agreement is to be published."""


async def test_the_loop_resends_at_its_start_before_it_sends_anything_new(
    police: MemoryAgency, world: FoundedPartnership, tmp_path: Path
) -> None:
    police.relay.take_lock("one")
    signed = police.publish(police.event(case_id=CASE))
    police.relay._index()  # and the process ends before it sends
    new = police.publish(police.event(case_id=CASE))
    assert police.log() == []
    relay = police.another_relay()
    relay.take_lock("two")
    node = ControlNode(police, world.directory(POLICE, tmp_path))
    status = ServiceStatus(node.metrics, 60.0)
    loop = Relaying(relay, police.trust_store, node.notices, status, publish_nothing)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    for _ in range(400):
        await asyncio.sleep(0.02)
        if not waiting(police):
            break
    stop.set()
    await task
    assert ids(police.log()) == [signed, new]


async def test_it_looks_again_later_whether_others_lack_agreements(
    police: MemoryAgency,
    world: FoundedPartnership,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A party may have fallen silent since: nothing in the folder changes then."""
    monkeypatch.setattr(relaying, "PUBLISH_EVERY_S", 0.05)
    asked: list[bool] = []

    async def publish(_contracts: ContractBook, changed_only: bool) -> None:
        asked.append(changed_only)

    police.relay.take_lock("one")
    node = ControlNode(police, world.directory(POLICE, tmp_path))
    status = ServiceStatus(node.metrics, 60.0)
    loop = Relaying(police.relay, police.trust_store, node.notices, status, publish)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop))
    async with asyncio.timeout(20):
        while len(asked) < 3:  # noqa: ASYNC110 - the loop tells of nothing else
            await asyncio.sleep(0.01)
    stop.set()
    await task
    assert asked[:3] == [False, True, True]
