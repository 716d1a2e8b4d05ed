"""Post-quantum evidence of an event: what sender and reader can show, and when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from broker.agency.own_manifest import revoke_keys
from broker.agency.participant import load_participant
from broker.audit.evidence_lookup import Located, locate
from broker.control.own_statements import own_heartbeat
from broker.errors import EvidenceError
from broker.keys.kid import ML_DSA_44, STREAM
from broker.sending.recovery import RevokedKey
from broker.store.rows import NewInboxRow
from broker.tlog.checkpoint import GenerationPlace
from broker.tlog.merkle import leaf_hash
from tests.support.founded_partnership import (
    CAST,
    COUNCIL,
    DAY,
    MINUTE,
    NOW,
    POLICE,
    SUPPORT,
    founded,
)
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets
from tests.support.memory_control import ControlNode
from tests.support.record_parts import as_leaf
from tests.unit.broker.audit.shown_evidence import show, shows_nothing, tell, without_key


async def send(member: MemoryAgency, count: int, case: str) -> list[str]:
    return await member.send(count, case_id=case)


@pytest.fixture
async def case() -> str:
    return str(uuid4())


# --- shown ---------------------------------------------------------------------------------------


async def test_sender_and_reader_show_the_same(
    police: MemoryAgency, council: MemoryAgency, node: ControlNode, case: str
) -> None:
    published = await send(police, 5, case)
    council.take(at_offsets(police.log()))
    node.hear(node.topics.heartbeats, tell(police, NOW))
    for number, event in enumerate(published):
        mine, theirs = show(police, event)[0], show(council, event)[0]
        assert mine == theirs
        assert (mine.index, mine.head.size, mine.agency) == (number, 5, POLICE)
        assert mine.leaf == leaf_hash(police.log()[number].value or b"").hex()


async def test_an_event_newer_than_the_last_heartbeat_waits_for_the_next(
    police: MemoryAgency, council: MemoryAgency, node: ControlNode, case: str
) -> None:
    await send(police, 2, case)
    node.hear(node.topics.heartbeats, tell(police, NOW))
    (event,) = await send(police, 1, case)
    council.take(at_offsets(police.log()))
    assert shows_nothing(police, event) == shows_nothing(council, event) == "heartbeat_awaited"
    node.hear(node.topics.heartbeats, tell(police, NOW + MINUTE))
    assert show(police, event)[0] == show(council, event)[0]


async def test_the_first_heartbeat_that_covers_an_event_is_its_evidence(
    police: MemoryAgency, clock: Clock, case: str
) -> None:
    (first,) = await send(police, 1, case)
    tell(police, NOW)
    (second,) = await send(police, 1, case)
    tell(police, NOW + MINUTE)
    assert [show(police, event)[0].head.size for event in (first, second)] == [1, 2]


async def test_a_reader_that_began_in_the_middle_shows_what_it_met(
    police: MemoryAgency, council: MemoryAgency, node: ControlNode, case: str
) -> None:
    published = await send(police, 11, case)
    council.take(at_offsets(police.log())[6:])
    node.hear(node.topics.heartbeats, tell(police, NOW))
    for event in published[6:]:
        assert show(council, event)[0] == show(police, event)[0]
    assert shows_nothing(council, published[5]) == "event_unknown"


async def test_a_gap_above_the_event_hides_the_way_until_it_is_filled(
    police: MemoryAgency, council: MemoryAgency, node: ControlNode, case: str
) -> None:
    published = await send(police, 8, case)
    records = at_offsets(police.log())
    council.take([*records[:2], *records[4:]])
    node.hear(node.topics.heartbeats, tell(police, NOW))
    assert shows_nothing(council, published[1]) == "leaves_missing"
    assert show(council, published[6])[0] == show(police, published[6])[0], "above the gap"
    council.take(
        [replace(one, offset=20 + at) for at, one in enumerate(map(as_leaf, records[2:4]))]
    )
    assert show(council, published[1])[0] == show(police, published[1])[0]


async def test_content_that_is_gone_does_not_matter(police: MemoryAgency, case: str) -> None:
    published = await send(police, 3, case)
    tell(police, NOW)
    before = show(police, published[1])
    with police.store.transaction() as tx:
        assert tx.outbox.forget_content(NOW + DAY) == 3
    assert show(police, published[1]) == before


async def test_records_between_the_last_heartbeat_and_a_restart_are_stated_before_new_ones(
    police: MemoryAgency, case: str
) -> None:
    (event,) = await send(police, 1, case)
    police.relay = police.another_relay()
    police.relay.take_lock("again")
    await police.relay.resend()
    tell(police, NOW)  # as the service does (test_service_evidence)
    (newer,) = await send(police, 1, case)
    tell(police, NOW + MINUTE)
    generations = {show(police, one)[0].head.generation for one in (event, newer)}
    assert len(generations) == 2


async def test_an_event_that_is_not_sent_yet_has_no_evidence(police: MemoryAgency) -> None:
    event = police.publish()
    assert event is not None
    assert shows_nothing(police, event) == "event_not_sent"


@pytest.mark.parametrize("event", ["7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38", "", "csu-camden"])
async def test_an_unknown_event(police: MemoryAgency, event: str) -> None:
    assert shows_nothing(police, event) == "event_unknown"


async def test_two_senders_of_one_id_are_told_apart(
    police: MemoryAgency, council: MemoryAgency, case: str
) -> None:
    (event,) = await send(police, 1, case)
    council.take(at_offsets(police.log()))
    with council.store.transaction() as tx:
        row = tx.inbox.find(POLICE, event)
        assert row is not None
        place = (row.topic, row.partition, row.generation, row.index)
        tx.inbox.add(NewInboxRow(SUPPORT, event, row.type, 1, *place, b"", b"{}", bytes(32)))
        log = GenerationPlace(SUPPORT, row.topic, row.partition, row.generation)
        tx.reader_logs.save_leaves(log, [(row.index, bytes(32), "stored")])
    with council.store.reading() as tx:
        find: Callable[..., Located] = partial(locate, tx, COUNCIL, CAST)
        with pytest.raises(EvidenceError) as caught:
            find(event)
        assert caught.value.code == "event_ambiguous"
        assert find(event, POLICE).log.agency == POLICE
        assert find(event.upper(), SUPPORT).event == event


async def test_a_heartbeat_whose_key_was_revoked_is_no_evidence(
    police: MemoryAgency, case: str
) -> None:
    (event,) = await send(police, 1, case)
    tell(police, NOW)
    assert show(police, event)[0].head.size == 1
    assert shows_nothing(police, event, without_key(police.world)) == "key_revoked"


async def test_a_record_of_a_revoked_key_is_shown_under_the_next_key(
    police: MemoryAgency, tmp_path: Path, case: str
) -> None:
    (event,) = await send(police, 1, case)
    tell(police, NOW)
    folder = founded().directory(POLICE, tmp_path)
    robbed = load_participant(folder, NOW + MINUTE)
    (key,) = robbed.manifest(NOW + MINUTE).keys_of(STREAM, ML_DSA_44)
    revoke_keys(robbed, [key.kid], NOW, "lost", NOW + MINUTE)
    renewed = load_participant(folder, NOW + 2 * MINUTE)
    assert shows_nothing(police, event, renewed.manifests) == "key_revoked"
    heads = police.relay.acknowledged_heads()
    own_heartbeat(renewed, police.store, heads, NOW + 2 * MINUTE)
    evidence, _ = show(police, event, renewed.manifests)
    assert evidence.stream_key != key.kid.hex()
    assert evidence.head.size == 1


async def test_a_record_published_again_after_a_revocation_is_shown_at_its_believed_place(
    police: MemoryAgency, case: str, clock: Clock
) -> None:
    (event,) = await send(police, 1, case)
    tell(police, NOW)
    clock.pass_(MINUTE)
    stolen = RevokedKey(bytes(32), NOW, NOW)
    readers, believed = frozenset({COUNCIL}), police.trust.receipt_believed
    assert await police.relay.recover([stolen], lambda _topic: readers, believed) == (1, 0)
    await police.relay.resend()
    tell(police, clock.now)
    with police.store.reading() as tx:
        (head,) = tx.streams.heads()
    assert show(police, event)[0].head.generation == head.name


async def test_a_kept_root_that_the_records_do_not_lead_to_is_said(
    police: MemoryAgency, council: MemoryAgency, node: ControlNode, case: str
) -> None:
    (event,) = await send(police, 1, case)
    council.take(at_offsets(police.log()))
    node.hear(node.topics.heartbeats, tell(police, NOW))
    with council.store._engine.begin() as connection:  # somebody wrote to the database
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("UPDATE reader_leaves SET leaf = zeroblob(32)")
    assert shows_nothing(council, event) == "not_included"
