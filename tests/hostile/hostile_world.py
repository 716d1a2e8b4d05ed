"""The hostile world: senders and readers on a Kafka that lies, and what the protocol allows there.

Every record that a reader takes is compared with what is known of it: who sent it, to whom, at
which place of which stream, and what the host did to it (``allowed``, after docs/spec/opening.md).
After each reading the reader's disk and log are searched for marks of fields that it was never to
see. ``healing.py`` says what must hold once the host tells the truth again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from uuid import UUID

from broker.judging.partition_state import PartitionState
from broker.record import KafkaPartition, Record
from broker.registry.manifests import ManifestBook
from tests.hostile.alterations import ALTERATIONS, ELSEWHERE, LEAF
from tests.hostile.hostile_kafka import Served
from tests.hostile.parties import Party
from tests.hostile.senders import CONTRACT, RUN_MS, LogPosition, Name, Senders
from tests.hostile.town import MARK, READERS
from tests.support.founded_partnership import MINUTE, NOW, POLICE, SECOND
from tests.support.record_parts import as_leaf

STOPPED = frozenset(
    {"4 equivocation", "4 stream_stopped", "4 log_time_fell", "4 superseded", "4 unlinked"}
)
"""What may become of the records of a sender whose second history this reader was shown."""


def newest_versions(book: ManifestBook) -> dict[str, int]:
    return {agency: book.history(agency)[-1].manifest.version for agency in book.agencies()}


@dataclass
class Tally:
    """Counts of explored states, over all runs of a process."""

    runs: int = 0
    steps: int = 0
    records: int = 0
    healed: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)


TALLY = Tally()


class HostileWorld(Senders):
    """One run: two senders, three readers, one host."""

    def __init__(self) -> None:
        super().__init__()
        TALLY.runs += 1
        self.tainted: set[tuple[str, str, KafkaPartition]] = set()
        self.placed: dict[str, set[Name]] = {r: set() for r in READERS}
        self.leaves: dict[str, set[Name]] = {r: set() for r in READERS}
        self.opened: dict[str, set[str]] = {r: set() for r in READERS}
        self.shown: set[str] = set()
        self._states: dict[tuple[str, str, KafkaPartition], PartitionState | None] = {}

    # --- the host --------------------------------------------------------------------------------

    def truth(self, place: KafkaPartition) -> list[Record]:
        return self.kafka.truth.get(place, [])

    def untwisted(self) -> list[Record]:
        """Every honest record, of all partitions."""
        return [r for log in self.kafka.truth.values() for r in log if r.value not in self.twisted]

    def alter(self, reader: str, record: Record, other: Record, which: int, n: int) -> None:
        """Serve a record that the host altered."""
        alteration = ALTERATIONS[which % len(ALTERATIONS)]
        altered = alteration.alter(record, other, n)
        place = record.kafka_partition
        served = Served(altered, record, alteration.name, alteration.expected)
        for true in self.truth(place):  # the same value may have been sent twice
            if (altered.value, altered.headers) == (true.value, true.headers):
                served = Served(altered, true)
            elif self._is_leaf(altered, true):
                served = Served(altered, true, "made a leaf", LEAF)
        self.kafka.serve(reader, served, place)

    @staticmethod
    def _is_leaf(altered: Record, true: Record) -> bool:
        if altered.headers[-1:] != true.headers[-1:]:
            return False  # another proof; hashing every value would take long
        leaf = as_leaf(true)
        return (altered.value, altered.headers) == (leaf.value, leaf.headers)

    def as_leaf(self, reader: str, record: Record) -> None:
        served = Served(as_leaf(record), record, "made a leaf", LEAF)
        self.kafka.serve(reader, served, record.kafka_partition)

    def elsewhere(self, reader: str, record: Record, place: KafkaPartition) -> None:
        if place != record.kafka_partition:
            self.kafka.serve(reader, Served(record, record, "elsewhere", ELSEWHERE), place)

    def tell(self, reader: str, which: int, *, altered: bool) -> None:
        """News, new or old or altered; what a reader knows only grows."""
        party = self.parties[reader]
        record = self.news[which % len(self.news)]
        before = (party.control.contracts, party.control.manifests)
        versions = newest_versions(before[1])
        if altered:
            assert record.value is not None
            at = which % len(record.value)
            value = record.value[:at] + bytes([record.value[at] ^ 1]) + record.value[at + 1 :]
            party.hear(replace(record, value=value))
            assert party.control.manifests is before[1]
            for signed in party.control.contracts.all():  # without one line it lacks one party
                assert signed.missing or before[0].by_hash(signed.hash) is not None
        else:
            news = party.hear(record)
            if news.rejected:  # an older version than it knows, or one of whose past it lacks
                assert party.control.manifests is before[1]
        after = newest_versions(party.control.manifests)
        assert all(after[agency] >= version for agency, version in versions.items())
        assert len(party.control.contracts.all()) >= len(before[0].all())

    def freeze(self, reader: str) -> None:
        """Records are withheld and heartbeats are not: the reader knows what it lacks."""
        party = self.parties[reader]
        sender = self.parties[POLICE]
        news = party.hear(sender.heartbeat())
        if news.rejected:  # its key is not known here yet, or its heads contradict what was shown
            known = party.trust.manifests.newest(POLICE)
            accused = any(r == reader for r, _, _ in self.tainted)
            assert accused or known != sender.trust.manifests.newest(POLICE)
            return
        lacking = [
            head
            for head in sender.relay.acknowledged_heads()
            if self._held(party, head.topic, head.partition, head.generation) < head.size
        ]
        if self.clock.now + 11 * SECOND < NOW + RUN_MS:
            self.clock.pass_(11 * SECOND)
            party.look()
            if lacking:
                assert (POLICE, "withheld") in party.alarms

    def silence(self, reader: str) -> None:
        """Nothing comes at all, for more than three minutes."""
        if self.clock.now + 4 * MINUTE < NOW + RUN_MS:
            self.clock.pass_(4 * MINUTE)
            self.parties[reader].look()
            assert (POLICE, "silence") in self.parties[reader].alarms

    @staticmethod
    def _held(party: Party, topic: str, partition: int, generation: str) -> int:
        state = party.state(POLICE, KafkaPartition(topic, partition))
        held = None if state is None else state.generations.get(generation)
        return 0 if held is None else held.size

    # --- readers ---------------------------------------------------------------------------------

    def read(self, reader: str, place: KafkaPartition) -> None:
        """The reader takes what it was served, and every outcome is one that is allowed."""
        party = self.parties[reader]
        already = self.kafka.fetch(reader, place, party.at.get(place, 0))
        for one in already:
            if one.true in self.forked[place] and (not one.expected or one.expected is LEAF):
                self.tainted.add((reader, POLICE, place))
        served, outcomes, batch = party.read(place)
        if batch is None:
            return
        waiting = party.waiting(place)
        self._states.clear()
        opened = {event.id: event for event in batch.opened}
        assert len(opened) == len(batch.opened)
        for one, outcome in zip(served, outcomes, strict=True):
            position = self.position(one.true)
            allowed = self.allowed(party, one, position, waiting)
            assert outcome in allowed, (reader, one.how, position, outcome, sorted(allowed))
            TALLY.records += 1
            TALLY.outcomes[self._kind(one), outcome] += 1
            self._note(reader, one, position, outcome)
        for event_id, event in opened.items():
            assert event_id in self.opened[reader], "an event of no record"
            assert event.flat == self.said[event_id].readable[reader]
            assert event.source == self.said[event_id].sender
        self.search(reader)

    def _kind(self, one: Served) -> str:
        """Kind of a record, for the tally."""
        if one.how != "honest":
            return one.how
        if one.true in self.forked[one.record.kafka_partition]:
            return "forked"
        twist = self.twisted.get(one.true.value or b"")
        return "honest" if twist is None else f"signed: {twist.name}"

    def _note(self, reader: str, one: Served, position: LogPosition, outcome: str) -> None:
        if outcome == "leaf":
            self.leaves[reader].add(position.name)
        if one.expected or outcome.startswith(("waits", "4 ")) or outcome == "before_start":
            return
        self.placed[reader].add(position.name)
        self.leaves[reader].discard(position.name)
        if outcome == "opened":
            assert one.true.value is not None
            event_id = str(UUID(bytes=one.true.value[1:17]))
            assert event_id not in self.opened[reader], "an event twice"
            self.opened[reader].add(event_id)

    def search(self, reader: str) -> None:
        """No field is on the reader's disk or in its log but of what it opened and may read."""
        found = set(MARK.findall(self.parties[reader].bytes_at_rest()))
        mine = {m for event_id in self.opened[reader] for m in self.said[event_id].marks[reader]}
        assert found <= mine, (reader, found - mine)

    # --- what is allowed -------------------------------------------------------------------------

    def _state(self, party: Party, position: LogPosition) -> PartitionState | None:
        """State of the reader after the current batch."""
        name = (party.agency, position.sender, position.place)
        if name not in self._states:
            self._states[name] = party.state(position.sender, position.place)
        return self._states[name]

    def meaning(self, reader: str, record: Record, sender: str) -> str:
        """Outcome of a record for a reader with all statements: ``opened`` or a refusal."""
        value = record.value
        assert value is not None
        if reader == sender:
            return "not_addressed"
        twist = self.twisted.get(value)
        event_id = str(UUID(bytes=value[1:17])) if len(value) > 17 else ""
        said = self.said.get(event_id)
        if twist is not None and (said is None or twist.others == twist.told):
            return twist.told
        assert said is not None
        if reader not in said.event.recipients or sender != said.sender:
            return "not_addressed" if twist is None else twist.others
        return "opened" if twist is None else twist.told

    def allowed(
        self, party: Party, one: Served, position: LogPosition, waiting: set[str]
    ) -> frozenset[str]:
        """Every outcome that the protocol allows for a record at this reader."""
        reader = party.agency
        found: set[str] = set(one.expected)
        if party.trust.manifests.stream_key(position.sender, position.key_id) is None:
            return frozenset(found | {"waits key_unknown"})
        state = self._state(party, position)
        if not one.expected or one.expected is LEAF:
            if (reader, position.sender, position.place) in self.tainted:
                found |= STOPPED
            if position.name in self.abandoned:
                found.add("4 superseded")
            if state is not None and position.generation != state.newest:
                # only the newest grows, and a link that comes later may say how far the others go:
                # until then a reader cannot place it, and afterwards it asks for it
                found |= {"4 unlinked", "4 superseded"}
        if one.expected:
            return frozenset(found)
        if position.name in self.placed[reader]:
            return frozenset(found | {"repeat"})
        meaning = self.meaning(reader, one.true, position.sender)
        value = one.true.value
        assert value is not None
        if meaning == "opened" and str(UUID(bytes=value[1:17])) in self.opened[reader]:
            meaning = "repeat"
        addressed = meaning not in {"not_addressed"} and not meaning.startswith("5")
        if addressed and party.trust.current.resolver.contract_in_force(value[CONTRACT]) is None:
            meaning = "waits contract_unknown"
        found.add(meaning)
        if state is not None:
            start = state.generations.get(state.start)
            first = 0 if start is None else start.start
            if (position.generation, position.index) < (state.start, first):
                found.add("before_start")
        if position.sender in waiting:
            found.add("waits bar")
        return frozenset(found)
