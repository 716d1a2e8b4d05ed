"""`log verify` after a restore: what the restore undid was witnessed, and the command says so.

docs/faults.md, docs/guides/connecting-an-agency.md. The heartbeats of before the restore are still
in Kafka, and the restored agency reads them again: their log head is of entries that are gone. The
last heartbeat read is the witness, so the answer is no until one of after the restore came back.
"""

from __future__ import annotations

import shutil

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.control.control import Control
from broker.control.own_statements import own_heartbeat
from broker.judging.key_resolver import TrustStore
from broker.record import KafkaPartition, Record
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.transport.topics import control_topics
from contracts.events import PlainEvent

AGENCY = "csu-camden"
SECOND = 1000
AHEAD = 120 * SECOND


class Restorable:
    """An agency whose heartbeats a Kafka keeps, with a clock and a copy of its database."""

    def __init__(self, world, cli) -> None:
        self._world, self._cli = world, cli
        self._participant = load_participant(world.directory(AGENCY), now_ms())
        self._publisher = Publisher(event_sealer(self._participant))
        self._database = world.directory(AGENCY) / "state" / "concordant.db"
        self._copy = world.root / "copy.db"
        self._clock = now_ms() - 600 * SECOND
        self.kafka: list[bytes] = []
        self.ahead = b""

    def publish(self, count: int) -> None:
        """So many entries of the disclosure log."""
        store = self._world.store(AGENCY)
        for _ in range(count):
            self._clock += SECOND
            event = self._world.event(self._cli, AGENCY, "case.updated")
            plain = PlainEvent(event["type"], tuple(event["recipients"]), event["data"])
            with store.transaction() as tx:
                self._publisher.publish(tx, plain, self._clock)
        store.close()

    def pass_(self, milliseconds: int) -> None:
        self._clock += milliseconds

    def state(self) -> None:
        """A heartbeat goes to Kafka."""
        self._clock += SECOND
        self.kafka.append(self.heartbeat())

    def heartbeat(self, ahead: int = 0) -> bytes:
        store = self._world.store(AGENCY)
        note = own_heartbeat(self._participant, store, [], self._clock + ahead)
        store.close()
        return note

    def read(self, *beats: bytes) -> int:
        """Its reader takes these from Kafka; how many were later than what it held."""
        store, deployment = self._world.store(AGENCY), self._participant.deployment
        topics = control_topics(deployment)
        mine = self._participant
        trust = TrustStore(AGENCY, mine.contracts, mine.manifests, mine.keyring)
        control = Control(trust, mine.repository, store)
        records = [Record(topics.heartbeats, 0, (), one, at) for at, one in enumerate(beats)]
        news = control.take(KafkaPartition(topics.heartbeats, 0), records, self._clock)
        store.close()
        assert news.rejected == []
        return len(news.heartbeats)

    def back_up(self) -> None:
        shutil.copy(self._database, self._copy)  # nothing has it open

    def restore(self) -> None:
        for beside in ("-wal", "-shm"):
            self._database.with_name(f"{self._database.name}{beside}").unlink(missing_ok=True)
        shutil.copy(self._copy, self._database)

    def verify(self) -> tuple[int, str | None, int | None]:
        """Exit code, and of a no its code and where."""
        done = self._cli("log", "verify", "--agency", self._world.directory(AGENCY), "--json")
        if done.json.get("code") == "log_not_signed":  # intact; the newest entries wait for a head
            assert done.code == 4
            return VERIFIES
        return done.code, done.json.get("code"), done.json.get("index")


VERIFIES = (0, None, None)


@pytest.fixture
def restored(world, cli) -> Restorable:
    """Five entries, three of them in the copy; a heartbeat after three and one after five."""
    one = Restorable(world, cli)
    one.publish(3)
    one.state()
    one.read(*one.kafka)
    one.back_up()
    one.publish(2)
    one.state()
    one.ahead = one.heartbeat(AHEAD)
    one.read(one.kafka[1])
    assert one.verify() == VERIFIES
    one.restore()
    return one


def test_the_restored_log_by_itself_verifies(restored: Restorable) -> None:
    """Nothing in the database tells: every checkpoint of what was undone went with it."""
    assert restored.verify() == VERIFIES
    restored.publish(2)
    assert restored.verify() == VERIFIES


def test_a_heartbeat_of_before_the_restore_witnesses_what_was_undone(restored: Restorable) -> None:
    restored.read(restored.kafka[1])
    assert restored.verify() == (1, "log_entry_missing", 3)
    restored.publish(2)
    assert restored.verify() == (1, "log_range_altered", 3)  # as long as before, and other entries


def test_the_first_heartbeat_of_after_the_restore_ends_it(restored: Restorable) -> None:
    restored.publish(3)
    restored.state()
    restored.read(restored.kafka[1])
    assert restored.verify() == (1, "log_range_altered", 3)
    restored.read(restored.kafka[2])
    assert restored.verify() == VERIFIES


def test_with_a_clock_that_was_ahead_it_ends_when_that_time_has_come(restored: Restorable) -> None:
    """A heartbeat is passed over as long as a later one was read."""
    restored.publish(3)
    restored.state()
    assert restored.read(restored.ahead, restored.kafka[2]) == 1
    assert restored.verify() == (1, "log_range_altered", 3)
    restored.pass_(AHEAD)
    restored.state()
    assert restored.read(restored.kafka[3]) == 1
    assert restored.verify() == VERIFIES
