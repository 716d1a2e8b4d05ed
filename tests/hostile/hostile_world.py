"""The hostile world: senders and readers on a Kafka that lies, and what the protocol allows there.

Every record that a reader takes is compared with what is known of it: who sent it, to whom, at
which place of which stream, and what the host did to it (``allowed``, after docs/spec/opening.md).
After each reading the reader's disk and log are searched for marks of fields that it was never to
see. ``healing.py`` says what must hold once the host tells the truth again.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from uuid import UUID

from alterations import ALTERATIONS, ELSEWHERE, LEAF
from hostile_kafka import HostileKafka, Partition, Served
from office import Clock
from parties import Party
from town import MARK, READERS, SENDERS, Said, manifest_record, places, say
from twists import Twist
from workshop import DAY, MINUTE, NOW, POLICE, SECOND, as_leaf, proof_of, workshop

from broker.control.authorship import cosigner
from broker.envelope.primitives import Ed25519Signer, random_bytes
from broker.errors import TransportError
from broker.judging.partition_state import PartitionState
from broker.judging.verification import SEALED_CONTENT_TYPE
from broker.keys.enrolment import possession_message
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.kid import ED25519, STREAM, kid
from broker.keys.manifest import ManifestKey
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, Record
from broker.sending.streams import Stream, append
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import parse_origin
from broker.tlog.proof import parse_proof

RUN_MS = 8 * MINUTE
"""How long a run may last by its own clock, so that no unknown key or contract is given up."""
CONTRACT = slice(25, 57)
"""Where the contract's hash stands in a value."""
STOPPED = frozenset(
    {"4 equivocation", "4 stream_stopped", "4 log_time_fell", "4 superseded", "4 unlinked"}
)
"""What may become of the records of a sender whose second history this reader was shown."""


@dataclass
class Tally:
    """What was explored, over all runs of a process."""

    runs: int = 0
    steps: int = 0
    records: int = 0
    healed: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)


TALLY = Tally()


@dataclass(frozen=True)
class Fact:
    """Where a true record stands: (sender, place, generation, index), and under which key."""

    sender: str
    place: Partition
    generation: str
    index: int
    key_id: bytes

    @property
    def name(self) -> tuple[str, Partition, str, int]:
        return self.sender, self.place, self.generation, self.index


@dataclass(frozen=True)
class Key:
    """A signing key that lives in this process only."""

    kid: bytes
    public: bytes
    inner: Ed25519Signer

    def sign(self, message: bytes) -> bytes:
        return self.inner.sign(message)


class HostileWorld:
    """One run: two senders, three readers, one host."""

    def __init__(self) -> None:
        TALLY.runs += 1
        self.folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        self.clock = Clock(now=NOW + SECOND)
        self.kafka = HostileKafka()
        self.parties = {
            agency: Party(agency, self.folder, self.kafka, self.clock)
            for agency in dict.fromkeys((*SENDERS, *READERS))
        }
        self.places = places()
        self.numbers = count(1)
        self.runner = asyncio.Runner()
        self.said: dict[str, Said] = {}
        self.twisted: dict[bytes, Twist] = {}
        self.forked: dict[Partition, list[Record]] = {place: [] for place in self.places}
        self.rows: dict[tuple[str, Partition], list[GenerationRow]] = {}
        self.backups: list[Path] = []
        self.news: list[Record] = []
        self.abandoned: set[tuple[str, Partition, str, int]] = set()
        self.tainted: set[tuple[str, str, Partition]] = set()
        self.placed: dict[str, set[tuple[str, Partition, str, int]]] = {r: set() for r in READERS}
        self.leaves: dict[str, set[tuple[str, Partition, str, int]]] = {r: set() for r in READERS}
        self.opened: dict[str, set[str]] = {r: set() for r in READERS}
        self.shown: set[str] = set()
        self._facts: dict[bytes, Fact] = {}
        self._states: dict[tuple[str, str, Partition], PartitionState | None] = {}

    def close(self) -> None:
        self.runner.close()
        for party in self.parties.values():
            party.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pass_(self, milliseconds: int) -> None:
        """Time passes, as long as the run may last."""
        if self.clock.now + milliseconds < NOW + RUN_MS:
            self.clock.pass_(milliseconds)

    # --- senders ---------------------------------------------------------------------------------

    def publish(self, sayings: Sequence[tuple[int, int]]) -> None:
        """Events of one sender, (saying, partition) each, as one batch."""
        said = [say(saying, partition, self.numbers) for saying, partition in sayings]
        sender = self.parties[said[0].sender]
        ids = sender.publish([one.event for one in said])
        self.said |= dict(zip(ids, said, strict=True))
        self.send(sender)

    def send(self, sender: Party) -> None:
        with suppress(TransportError):  # it stays indexed and is sent again
            self.runner.run(sender.send())
        with sender.store.reading() as tx:
            for row in tx.streams.heads():
                rows = self.rows.setdefault((sender.agency, (row.topic, row.partition)), [])
                if row.size and (not rows or rows[-1] != row):
                    rows.append(row)

    def twist(self, twist: Twist, first: str, second: str, by: str) -> None:
        """A malicious sender twists two honest values and signs the outcome."""
        values = [self._value(event_id) for event_id in (first, second)]
        if values[0][CONTRACT] != values[1][CONTRACT]:
            return  # sealed under two versions: other wraps, another story
        topic, partition = self._place(first)
        value = twist.twist(values[0], values[1])
        if value not in {*values}:
            self.twisted[value] = twist
        self.parties[by].smuggle(topic, partition, value)
        self.send(self.parties[by])

    def sealed(self, sender: str, to: tuple[str, ...], event_type: str) -> list[str]:
        """Events of one kind that are on Kafka."""
        there = {v[1:17] for log in self.kafka.truth.values() for r in log if (v := r.value)}
        return [
            event_id
            for event_id, said in self.said.items()
            if (said.sender, said.event.recipients, said.event.type) == (sender, to, event_type)
            and UUID(event_id).bytes in there
        ]

    def _record(self, event_id: str) -> Record:
        wanted = b"\1" + UUID(event_id).bytes
        return next(
            r
            for log in self.kafka.truth.values()
            for r in log
            if r.value is not None and r.value[:17] == wanted and r.value not in self.twisted
        )

    def _value(self, event_id: str) -> bytes:
        value = self._record(event_id).value
        assert value is not None
        return value

    def _place(self, event_id: str) -> Partition:
        record = self._record(event_id)
        return record.topic, record.partition

    def fork(self, back: int, place: Partition, saying: int, number: int, same: bool) -> None:
        """Sign a second history from an earlier state of the stream, with the sender's own key."""
        rows = self.rows.get((POLICE, place))
        if not rows:
            return
        row = rows[-1 - back % len(rows)]
        police = self.parties[POLICE]
        values = []
        for _ in range(number):
            said = say(saying, place[1], self.numbers)
            sealed = police.sealer.seal(said.event, self.clock.now)
            if (sealed.topic, sealed.partition) != place:
                return
            self.said[sealed.event_id] = said
            values.append(sealed.value)
        if same:  # what was said in other batches is another history as well
            held = [r for r in self.kafka.truth[place] if self.fact(r).name[0] == POLICE]
            above = [
                r.value
                for r in held
                if self.fact(r).generation == row.name and self.fact(r).index >= row.size
            ]
            values = [value for value in above if value is not None][:number] or values
        stream = Stream(police.world.deployment, POLICE, *place)
        signer = cosigner(police.participant.key_name, police.stream_key)
        _, appended = append(stream, row, values, signer, self.clock.now)
        for value, one in zip(values, appended, strict=True):
            headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, one.proof))
            self.forked[place].append(Record(*place, headers, value))

    def restart(self, sender: str) -> None:
        self.clock.pass_(1)
        self.parties[sender].start_sender()

    def back_up(self) -> None:
        path = self.folder / f"backup-{len(self.backups)}"
        self.backups.append(self.parties[POLICE].back_up(path))

    def restore(self, which: int) -> None:
        """Yesterday's copy of the police's database: what came after it is never said again."""
        if not self.backups:
            return
        self.clock.pass_(SECOND)
        police = self.parties[POLICE]
        police.restore(self.backups[which % len(self.backups)])
        with police.store.reading() as tx:
            for place, log in self.kafka.truth.items():
                for record in log:
                    fact = self.fact(record)
                    at = (*place, fact.generation, fact.index, fact.index)
                    if fact.sender == POLICE and not tx.outbox.archived(*at):
                        self.abandoned.add(fact.name)

    def rotate(self, sender: str) -> None:
        """A new stream key from the next second on, and the manifest that lists it."""
        self.clock.pass_(2 * SECOND - self.clock.now % SECOND)
        party, now = self.parties[sender], self.clock.now
        inner = Ed25519Signer(random_bytes(32))
        deployment = party.world.deployment
        key_id = kid(STREAM, ED25519, inner.public)
        listed = ManifestKey.model_validate(
            {
                "kid": key_id,
                "role": STREAM,
                "algorithm": ED25519,
                "public": inner.public,
                "not_before": now,
                "not_after": now + 30 * DAY,
                "possession": inner.sign(possession_message(deployment, sender, key_id)),
            }
        )
        newest = party.control.manifests.newest(sender)
        assert newest is not None
        changes = ManifestChanges(add_keys=(listed,), end_keys={party.stream_key.kid: now})
        issued = issue_manifest(newest, changes, workshop().governance[sender], now)
        record = manifest_record(issued.raw, sender)
        self.news.append(record)
        party.hear(record)
        party.stream_key = Key(key_id, inner.public, inner)  # type: ignore[assignment]  # as a signer

    # --- the host --------------------------------------------------------------------------------

    def truth(self, place: Partition) -> list[Record]:
        return self.kafka.truth.get(place, [])

    def untwisted(self) -> list[Record]:
        """Every honest record, of all partitions."""
        return [r for log in self.kafka.truth.values() for r in log if r.value not in self.twisted]

    def alter(self, reader: str, record: Record, other: Record, which: int, n: int) -> None:
        """Serve a record that the host altered."""
        alteration = ALTERATIONS[which % len(ALTERATIONS)]
        altered = alteration.alter(record, other, n)
        place = (record.topic, record.partition)
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
        self.kafka.serve(reader, served, (record.topic, record.partition))

    def elsewhere(self, reader: str, record: Record, place: Partition) -> None:
        if place != (record.topic, record.partition):
            self.kafka.serve(reader, Served(record, record, "elsewhere", ELSEWHERE), place)

    def tell(self, reader: str, which: int, *, altered: bool) -> None:
        """News, new or old or altered; what a reader knows only grows."""
        party = self.parties[reader]
        record = self.news[which % len(self.news)]
        before = (party.control.contracts, party.control.manifests)
        versions = before[1].highest_versions()
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
        after = party.control.manifests.highest_versions()
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
        state = party.state(POLICE, (topic, partition))
        held = None if state is None else state.generations.get(generation)
        return 0 if held is None else held.size

    # --- readers ---------------------------------------------------------------------------------

    def read(self, reader: str, place: Partition) -> None:
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
            fact = self.fact(one.true)
            allowed = self.allowed(party, one, fact, waiting)
            assert outcome in allowed, (reader, one.how, fact, outcome, sorted(allowed))
            TALLY.records += 1
            TALLY.outcomes[self._kind(one), outcome] += 1
            self._note(reader, one, fact, outcome)
        for event_id, event in opened.items():
            assert event_id in self.opened[reader], "an event of no record"
            assert event.flat == self.said[event_id].readable[reader]
            assert event.source == self.said[event_id].sender
        self.search(reader)

    def _kind(self, one: Served) -> str:
        """What a record is, for the tally."""
        if one.how != "honest":
            return one.how
        if one.true in self.forked[one.record.topic, one.record.partition]:
            return "forked"
        twist = self.twisted.get(one.true.value or b"")
        return "honest" if twist is None else f"signed: {twist.name}"

    def _note(self, reader: str, one: Served, fact: Fact, outcome: str) -> None:
        if outcome == "leaf":
            self.leaves[reader].add(fact.name)
        if one.expected or outcome.startswith(("waits", "4 ")) or outcome == "before_start":
            return
        self.placed[reader].add(fact.name)
        self.leaves[reader].discard(fact.name)
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

    def fact(self, record: Record) -> Fact:
        header = proof_of(record)
        fact = self._facts.get(header)
        if fact is None:
            proof = parse_proof(header)
            origin = parse_origin(proof.checkpoint.origin)
            place = (origin.topic, origin.partition)
            key_id = proof.line.key_id
            fact = Fact(origin.agency, place, origin.generation, proof.index, key_id)
            self._facts[header] = fact
        return fact

    def _state(self, party: Party, fact: Fact) -> PartitionState | None:
        """What the reader holds after the batch that is looked at."""
        name = (party.agency, fact.sender, fact.place)
        if name not in self._states:
            self._states[name] = party.state(fact.sender, fact.place)
        return self._states[name]

    def meaning(self, reader: str, record: Record, sender: str) -> str:
        """What a record says to a reader that has all the news: ``opened`` or a refusal."""
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

    def allowed(self, party: Party, one: Served, fact: Fact, waiting: set[str]) -> frozenset[str]:
        """Every outcome that the protocol allows for a record at this reader."""
        reader = party.agency
        found: set[str] = set(one.expected)
        if party.trust.manifests.stream_key(fact.sender, fact.key_id) is None:
            return frozenset(found | {"waits key_unknown"})
        state = self._state(party, fact)
        if not one.expected or one.expected is LEAF:
            if (reader, fact.sender, fact.place) in self.tainted:
                found |= STOPPED
            if fact.name in self.abandoned:
                found.add("4 superseded")
            if state is not None and fact.generation != state.newest:
                # only the newest grows, and a link that comes later may say how far the others go:
                # until then a reader cannot place it, and afterwards it asks for it
                found |= {"4 unlinked", "4 superseded"}
        if one.expected:
            return frozenset(found)
        if fact.name in self.placed[reader]:
            return frozenset(found | {"repeat"})
        meaning = self.meaning(reader, one.true, fact.sender)
        value = one.true.value
        assert value is not None
        if meaning == "opened" and str(UUID(bytes=value[1:17])) in self.opened[reader]:
            meaning = "repeat"
        addressed = meaning not in {"not_addressed"} and not meaning.startswith("5")
        if addressed and party.trust.governing(value[CONTRACT]) is None:
            meaning = "waits contract_unknown"
        found.add(meaning)
        if state is not None:
            start = state.generations.get(state.start)
            first = 0 if start is None else start.start
            if (fact.generation, fact.index) < (state.start, first):
                found.add("before_start")
        if fact.sender in waiting:
            found.add("waits bar")
        return frozenset(found)
