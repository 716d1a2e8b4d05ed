"""The state that one sender causes at a reader is bounded by that sender's own limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.envelope.primitives import Ed25519Signer
from broker.judging import state_limits
from broker.keys.enrolment import possession_message
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519, STREAM, kid
from broker.keys.manifest import ManifestKey, Revocation
from broker.record import KafkaPartition
from broker.tlog.note import COSIGNATURE_ED25519, NoteSigner, note_signer
from tests.hostile.hoarding import FAR, far_record, hoard, made_up, stored_bytes
from tests.hostile.town import manifest_record
from tests.hostile.witness import Witness, goes_on, honest
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    founded,
)
from tests.support.sent_records import Log

LIMIT = 256 * 1024


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    monkeypatch.setattr(state_limits, "MAX_STATE_BYTES", LIMIT)
    witness = Witness(COUNCIL, tmp_path / "parties")
    yield witness
    witness.close()


def counted(reader: Witness, agency: str) -> tuple[int, int]:
    with reader.store.reading() as tx:
        return tx.reader.state_size(agency)


@pytest.mark.parametrize("scattered", [False, True])
def test_the_state_of_a_sender_that_hoards_stays_below_its_limit(
    council: Witness, scattered: bool
) -> None:
    """Deferred, shown and alarmed; over several partitions it is one limit."""
    alarms: list[tuple[str, str]] = []
    for partition in range(2):
        records = list(hoard(60, each=20, scattered=scattered, partition=partition))
        alarms += council.take(*records, now=NOW + MINUTE).alarms
    size, gaps = counted(council, POLICE)
    assert 0 < LIMIT - size < 5000
    assert stored_bytes(council) < size
    assert gaps < 120
    assert (POLICE, "state_full") in alarms
    assert council.waits() == ["state_full"]
    council.look()
    text = council.metrics.text().decode()
    assert f'concordant_stream_state_bytes{{agency="{POLICE}"}} {float(size)}' in text


def test_another_sender_is_not_affected(council: Witness) -> None:
    """It goes on, loses a record and is told of the gap, which is filled."""
    council.take(*hoard(100, each=50), now=NOW + MINUTE)
    assert council.waits() == ["state_full"]
    log = Log(SUPPORT)
    sent = [log.send_one(honest(SUPPORT), NOW + MINUTE) for _ in range(3)]
    assert len(council.take(sent[0], sent[2], now=NOW + MINUTE).gaps) == 1
    assert len(council.take(sent[1], now=NOW + MINUTE).opened) == 1
    goes_on(council, log)


def test_at_the_limit_a_next_record_and_a_fill_are_taken(council: Witness) -> None:
    log = Log()
    sent = [log.send_one(honest()) for _ in range(5)]
    council.take(sent[0], sent[3], now=NOW + MINUTE)
    council.take(*hoard(100, each=50, partition=1), now=NOW + MINUTE)
    assert council.waits() == ["state_full"]
    batch = council.take(*sent[1:3], sent[4], now=NOW + MINUTE)
    assert (len(batch.opened), batch.deferred) == (3, [])
    goes_on(council, log)


def test_after_the_thief_is_revoked_the_honest_sender_goes_on(council: Witness) -> None:
    """A thief fills the whole limit in one partition; the owner goes on in that and in another."""
    log, other = Log(), Log(partition=1)
    council.take(log.send_one(honest()))
    council.take(other.send_one(honest()))
    attack = [replace(one, offset=1 + at) for at, one in enumerate(hoard(100, each=25))]
    council.receiving.take(KafkaPartition(log.topic, 0), attack, NOW + MINUTE)
    assert council.waits() == ["state_full"]
    _, gaps = counted(council, POLICE)
    assert gaps > 50

    successor = revoke(council, since=NOW + SECOND, now=NOW + HOUR)
    told: list[str] = []
    for one in (other, log):  # first where the thief was not
        one.signer, one.now = successor, NOW + HOUR
        one.restart()
        again = [one.send_one(honest()) for _ in range(2)]
        first = 1 if one is other else attack[-1].offset + 1
        tail = [replace(record, offset=first + n) for n, record in enumerate(again)]
        waiting = [] if one is other else attack  # what waited is read again first
        batch = council.receiving.take(
            KafkaPartition(one.topic, one.partition), [*waiting, *tail], NOW + HOUR + SECOND
        )
        assert len(batch.opened) == 2
        told += [code for _, code in batch.alarms]
    assert "gaps_forgotten" in told
    assert council.waits() == []
    assert counted(council, POLICE)[0] < LIMIT


def revoke(reader: Witness, since: int, now: int) -> NoteSigner:
    """The police's stream key is revoked in favour of the one that is returned."""
    world = founded()
    new = Ed25519Signer(bytes(31) + b"s")
    key_id = kid(STREAM, ED25519, new.public)
    listed = ManifestKey.model_validate(
        {
            "kid": key_id,
            "role": STREAM,
            "algorithm": ED25519,
            "public": new.public,
            "not_before": now,
            "not_after": now + 30 * DAY,
            "possession": new.sign(possession_message(world.deployment, POLICE, key_id)),
        }
    )
    old = world.stream_key(POLICE).kid
    changes = ManifestChanges(
        add_keys=(listed,),
        end_keys={old: now},
        revocations=(Revocation(kid=old, since=since, reason="lost"),),
    )
    reader.clock.now = now
    issued = world.newer_manifest(POLICE, changes, now)
    assert not reader.hear(manifest_record(issued.raw, POLICE)).rejected
    return note_signer(f"{world.deployment}/{POLICE}", COSIGNATURE_ED25519, new)


def test_a_frontier_with_another_number_of_nodes_than_its_index_is_refused(
    council: Witness,
) -> None:
    name = f"{NOW:016x}-{0:032x}"
    nodes = made_up(name, FAR)
    for wrong in (nodes[1:], [*nodes, nodes[0]]):
        batch = council.take(far_record(name, FAR, wrong))
        assert [(step, code) for _, _, step, code in batch.refused] == [(3, "not_included")]
    assert not council.take(far_record(name, FAR, nodes)).refused
