"""Going on after a stream key was revoked: what is published again, and what readers make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker import pseudonyms
from broker.errors import StoreError
from broker.judging.partition_state import receiptable
from broker.judging.store_context import write_state
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import Revocation
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.record import Record
from broker.sending.recovery import RevokedKey, revoked_stream_keys, topic_readers
from broker.sending.streams import Stream
from broker.service.reporting import report_recovery
from broker.statements.receipts import format_receipt
from broker.tlog.checkpoint import Origin, Place
from tests.support.founded_partnership import COUNCIL, MINUTE, NOW, POLICE, SECOND
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, ids

CASE = "11111111-1111-4111-8111-111111111111"
KID = bytes(32)


def confirm(
    police: MemoryAgency, council: MemoryAgency, *, at: int, root: bytes | None = None
) -> None:
    """Council's receipt over what it holds arrives at the sender."""
    one = police.log()[0]
    state = council.state(POLICE, one)
    assert state is not None
    found = receiptable(state)
    assert found is not None
    generation, size, ours = found
    origin = Origin(police.world.deployment, POLICE, one.topic, one.partition, generation)
    root = root or ours
    text = format_receipt(origin, size, root, police.world.receipt_cosigner(COUNCIL), at // 1000)
    with police.store.transaction() as tx:
        tx.receipts.add(origin.format(), size, root, COUNCIL, at // 1000, text)


def council_reads(_topic: str) -> frozenset[str]:
    return frozenset({COUNCIL})


async def recover(police: MemoryAgency, since: int) -> tuple[int, int]:
    key = RevokedKey(KID, police.clock.now - 10 * MINUTE, since)
    done = await police.relay.recover([key], council_reads, police.trust.receipt_believed)
    await police.relay.resend()
    return done


async def read_to_the_end(council: MemoryAgency, records: list[Record]) -> list[str]:
    """Alarms of what is taken; nothing stays open."""
    batch = council.take(records)
    state = council.state(POLICE, records[0])
    assert state is not None
    assert not any(held.gaps for held in state.generations.values())
    return [alarm for _, alarm in batch.alarms]


async def test_records_that_every_reader_confirmed_are_not_published_again(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(3, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    clock.pass_(5 * SECOND)
    assert await recover(police, since=clock.now) == (0, 0)
    assert len(police.log()) == 3
    await police.send(1, case_id=CASE)
    assert await read_to_the_end(council, at_offsets(police.log())[3:]) == []
    state = council.state(POLICE, police.log()[0])
    assert state is not None
    assert len(state.generations) == 2  # begun anew all the same: a thief may have gone on


async def test_unconfirmed_records_are_published_again_and_are_repeats_to_their_readers(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    sent = await police.send(3, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    clock.pass_(5 * SECOND)
    since = clock.now
    sent += await police.send(2, case_id=CASE)
    council.take(at_offsets(police.log())[3:])
    confirm(police, council, at=clock.now)  # too late: not before the time named
    clock.pass_(SECOND)
    assert await recover(police, since) == (2, 0)
    records = at_offsets(police.log())
    assert ids(records) == [*sent, *sent[3:]]
    assert await read_to_the_end(council, records[5:]) == ["rollback"]
    assert council.verify_log() == 5


async def test_a_reader_that_refused_the_tail_lacks_nothing_and_keeps_no_gap(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    sent = await police.send(3, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    clock.pass_(5 * SECOND)
    sent += await police.send(2, case_id=CASE)  # what it refuses: the revocation came first
    assert await recover(police, since=clock.now) == (2, 0)
    await police.send(1, case_id=CASE)
    assert await read_to_the_end(council, at_offsets(police.log())[5:]) == []
    assert council.verify_log() == 6


async def test_a_reader_that_holds_a_piece_of_the_tail_keeps_no_gap_either(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(1, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    clock.pass_(5 * SECOND)
    for _ in range(3):  # three batches
        await police.send(1, case_id=CASE)
    council.take(at_offsets(police.log())[3:])  # the one between them was refused
    assert await recover(police, since=clock.now) == (3, 0)
    assert await read_to_the_end(council, at_offsets(police.log())[4:]) == ["rollback"]
    assert council.verify_log() == 4


async def test_recovery_reads_unconfirmed_generations_too(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    sent = await police.send(2, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    for _ in range(2):
        clock.pass_(SECOND)
        police.relay = police.another_relay()
        sent += await police.send(2, case_id=CASE)
    clock.pass_(5 * SECOND)
    assert await recover(police, since=clock.now) == (4, 0)
    records = at_offsets(police.log())
    assert ids(records) == [*sent, *sent[2:]]
    assert await read_to_the_end(council, records[6:]) == []


async def test_a_reader_that_never_confirmed_gets_everything_of_the_key(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    sent = await police.send(2, case_id=CASE)
    clock.pass_(5 * SECOND)
    assert await recover(police, since=clock.now) == (2, 0)
    assert ids(police.log()) == [*sent, *sent]
    assert await read_to_the_end(council, at_offsets(police.log())[2:]) == []


async def test_records_of_an_earlier_key_are_not_published_again(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(2, case_id=CASE)
    clock.pass_(MINUTE)
    police.relay = police.another_relay()
    sent = await police.send(1, case_id=CASE)
    key = RevokedKey(KID, clock.now, clock.now)
    done = await police.relay.recover([key], council_reads, police.trust.receipt_believed)
    await police.relay.resend()
    assert done == (1, 0)
    assert ids(police.log())[3:] == sent


async def test_a_receipt_over_a_root_that_we_did_not_sign_confirms_nothing(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(2, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now, root=bytes(32))
    clock.pass_(5 * SECOND)
    assert await recover(police, since=clock.now) == (2, 0)


async def test_a_receipt_under_a_key_that_was_itself_revoked_confirms_nothing(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    """A thief of the reader's receipt key may have signed it: who reads there may lack it all."""
    await police.send(2, case_id=CASE)
    council.take(at_offsets(police.log()))
    confirm(police, council, at=clock.now)
    kid = police.world.participants[COUNCIL].receipt_signer(NOW).kid
    clock.pass_(5 * SECOND)
    lost = ManifestChanges(revocations=(Revocation(kid=kid, since=NOW, reason="lost"),))
    police.believe(police.contracts, police.world.reissue(COUNCIL, lost, clock.now))
    assert await recover(police, since=clock.now) == (2, 0)
    assert await read_to_the_end(council, at_offsets(police.log())[2:]) == ["rollback"]
    assert council.verify_log() == 2


async def test_it_is_done_once_and_again_only_for_an_earlier_time(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(2, case_id=CASE)
    clock.pass_(5 * SECOND)
    since = clock.now
    assert await recover(police, since) == (2, 0)
    clock.pass_(SECOND)
    assert await recover(police, since) == (0, 0)
    assert (await recover(police, since - SECOND))[0] > 0


async def test_a_crash_before_sending_sends_the_same_bytes(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    sent = await police.send(2, case_id=CASE)
    clock.pass_(5 * SECOND)
    key = RevokedKey(KID, 0, clock.now)
    believed = police.trust.receipt_believed
    await police.relay.recover([key], council_reads, believed)  # and it dies
    police.relay = police.another_relay()
    police.relay.take_lock("the next")
    await police.relay.recover([key], council_reads, believed)
    assert await police.relay.resend() == 2
    assert ids(police.log()) == [*sent, *sent]
    await police.send(1, case_id=CASE)
    assert await read_to_the_end(council, at_offsets(police.log())[2:]) == []


async def test_a_recovery_that_fails_continues_with_the_remaining_streams(
    police: MemoryAgency, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by the agency's secret, which is new in each run, both might fall into one partition
    monkeypatch.setattr(
        pseudonyms, "partition_of_case", lambda _secret, case, _all: int(case == CASE)
    )
    for case in (CASE, "22222222-2222-4222-8222-222222222225"):
        await police.send(2, case_id=case)
    clock.pass_(5 * SECOND)
    since = clock.now
    begin_again, begun = police.relay._recovery._begin_again, []

    def until_the_disk_is_full(stream: Stream, *rest: object) -> object:
        begun.append(stream)
        if len(begun) % 2 == 0:
            raise StoreError("the disk is full", code="store_full")
        return begin_again(stream, *rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(police.relay._recovery, "_begin_again", until_the_disk_is_full)
    for _ in range(3):
        with pytest.raises(StoreError):
            await recover(police, since)
    with police.store.reading() as tx:
        assert tx.outbox.counts().unsent == 2  # one copy each of one stream, not one an attempt
    monkeypatch.undo()
    assert await recover(police, since) == (2, 0)
    assert len({stream.partition for stream in begun}) == 2


async def test_content_that_is_gone_is_counted(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(2, case_id=CASE)
    with police.store.transaction() as tx:
        tx.outbox.forget_content(clock.now + 1)
    clock.pass_(5 * SECOND)
    again, gone = await recover(police, since=clock.now)
    assert (again, gone) == (0, 2)
    metrics = Metrics()
    report_recovery(again, gone, metrics, logger("broker"))
    assert 'concordant_alarms_total{code="content_gone"} 2.0' in metrics.text().decode()


@pytest.mark.parametrize("ahead", [MINUTE, 4 * MINUTE])
async def test_a_generation_that_a_thief_opened_ahead_of_the_clock_is_passed(
    police: MemoryAgency, council: MemoryAgency, clock: Clock, ahead: int
) -> None:
    await police.send(1, case_id=CASE)
    (honest,) = at_offsets(police.log())
    state = council.take([honest]) and council.state(POLICE, honest)
    assert state is not None
    name = f"{clock.now + ahead:016x}-{'0' * 32}"
    only = state.generations[state.newest]
    stolen = replace(
        state,
        newest=name,
        generations={**state.generations, name: replace(only, name=name)},
        log_time=clock.now // 1000 + 200,
    )
    with police.store.transaction() as tx:  # as the agency itself met it on Kafka
        write_state(tx, Place(POLICE, honest.topic, honest.partition), 0, None, stolen)
    assert await recover(police, since=clock.now) == (1, 0)
    with police.store.reading() as tx:
        row = tx.streams.current(honest.kafka_partition)
    assert row is not None
    assert row.name > name
    assert row.log_time_s == clock.now // 1000 + 200


@pytest.mark.parametrize("opened", [NOW + 11 * MINUTE, 2**63, 2**64 - 1])
async def test_a_generation_that_no_reader_takes_does_not_stop_the_sender(
    police: MemoryAgency, council: MemoryAgency, clock: Clock, opened: int
) -> None:
    await police.send(1, case_id=CASE)
    (honest,) = at_offsets(police.log())
    state = council.take([honest]) and council.state(POLICE, honest)
    assert state is not None
    name = f"{opened:016x}-{'0' * 32}"
    with police.store.transaction() as tx:  # as an earlier version may have taken it from Kafka
        stolen = replace(state, newest=name)
        write_state(tx, Place(POLICE, honest.topic, honest.partition), 0, None, stolen)
    assert await recover(police, since=clock.now) == (1, 0)
    assert await read_to_the_end(council, at_offsets(police.log())[1:]) == ["rollback"]


async def test_a_generation_after_a_thiefs_is_dated_so_that_readers_take_it(
    police: MemoryAgency, council: MemoryAgency, clock: Clock
) -> None:
    await police.send(1, case_id=CASE)
    (honest,) = at_offsets(police.log())
    state = council.take([honest]) and council.state(POLICE, honest)
    assert state is not None
    ahead = clock.now + 6 * MINUTE  # its log time was a minute and a half ahead of the clock
    name = f"{ahead:016x}-{'0' * 32}"
    with police.store.transaction() as tx:
        stolen = replace(state, newest=name)
        write_state(tx, Place(POLICE, honest.topic, honest.partition), 0, None, stolen)
    assert await recover(police, since=clock.now) == (1, 0)
    assert await read_to_the_end(council, at_offsets(police.log())[1:]) == ["rollback"]


def test_readers_are_all_others_who_may_read_the_topic(police: MemoryAgency) -> None:
    contract = police.world.contract
    found = topic_readers(police.world.topic(), POLICE, police.contracts, police.manifests)
    assert COUNCIL in found
    assert POLICE not in found
    assert found < {party.id for party in contract.parties}
    assert topic_readers("another.topic", POLICE, police.contracts, police.manifests) == frozenset()


def test_nothing_is_revoked_in_a_partnership_at_peace(police: MemoryAgency) -> None:
    assert revoked_stream_keys(police.manifests, POLICE) == ()
