"""The senders of the hostile world: what they say honestly, and what one of them signs beside it.

Everything is sealed, decided and signed by the product's own publishing and relay; a twisted value
goes into the sender's own outbox, and a second history is appended to a kept row of its stream with
its own key. The tests compare a reader's outcomes with the records that are remembered here.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

from broker.envelope.primitives import Ed25519Signer, random_bytes
from broker.errors import TransportError
from broker.judging.verification import SEALED_CONTENT_TYPE
from broker.keys.enrolment import possession_message
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.kid import ED25519, STREAM, kid
from broker.keys.manifest import ManifestKey
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, KafkaPartition, Record
from broker.sending.streams import Stream, append
from broker.statements.authorship import cosigner
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import GenerationPlace, parse_origin
from broker.tlog.proof import parse_proof
from tests.hostile.hostile_kafka import HostileKafka
from tests.hostile.parties import Party
from tests.hostile.town import READERS, SENDERS, Said, manifest_record, places, say
from tests.hostile.twists import Twist
from tests.support.founded_partnership import DAY, MINUTE, NOW, POLICE, SECOND, founded
from tests.support.memory_agency import Clock
from tests.support.record_parts import proof_of

RUN_MS = 8 * MINUTE
"""Longest run by its own clock, so that no unknown key or contract is given up."""
CONTRACT = slice(25, 57)
"""Place of the contract's hash in a value."""

Name = tuple[str, KafkaPartition, str, int]
"""(sender, place, generation, index)."""


@dataclass(frozen=True)
class LogPosition:
    """Position of a true record: (sender, place, generation, index), and its key."""

    sender: str
    place: KafkaPartition
    generation: str
    index: int
    key_id: bytes

    @property
    def name(self) -> Name:
        return self.sender, self.place, self.generation, self.index


@dataclass(frozen=True)
class Key:
    """A signing key that lives in this process only."""

    kid: bytes
    public: bytes
    inner: Ed25519Signer

    def sign(self, message: bytes) -> bytes:
        return self.inner.sign(message)


class Senders:
    """Two senders, the Kafka that they write to, and the clock of everybody."""

    def __init__(self) -> None:
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
        self.forked: dict[KafkaPartition, list[Record]] = {place: [] for place in self.places}
        self.rows: dict[tuple[str, KafkaPartition], list[GenerationRow]] = {}
        self.backups: list[Path] = []
        self.news: list[Record] = []
        self.abandoned: set[Name] = set()
        self._facts: dict[bytes, LogPosition] = {}

    def close(self) -> None:
        self.runner.close()
        for party in self.parties.values():
            party.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pass_(self, milliseconds: int) -> None:
        """Time passes, as long as the run may last."""
        if self.clock.now + milliseconds < NOW + RUN_MS:
            self.clock.pass_(milliseconds)

    def position(self, record: Record) -> LogPosition:
        header = proof_of(record)
        position = self._facts.get(header)
        if position is None:
            proof = parse_proof(header)
            origin = parse_origin(proof.checkpoint.origin)
            place = origin.kafka_partition
            key_id = proof.line.key_id
            position = LogPosition(origin.agency, place, origin.generation, proof.index, key_id)
            self._facts[header] = position
        return position

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
                rows = self.rows.setdefault((sender.agency, row.kafka_partition), [])
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

    def _place(self, event_id: str) -> KafkaPartition:
        record = self._record(event_id)
        return record.kafka_partition

    def fork(self, back: int, place: KafkaPartition, saying: int, number: int, same: bool) -> None:
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
            if KafkaPartition(sealed.topic, sealed.partition) != place:
                return
            self.said[sealed.event_id] = said
            values.append(sealed.value)
        if same:  # what was said in other batches is another history as well
            held = [r for r in self.kafka.truth[place] if self.position(r).name[0] == POLICE]
            above = [
                r.value
                for r in held
                if self.position(r).generation == row.name and self.position(r).index >= row.size
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
        """A copy of the police's database: what came after it is never said again.

        Unless a later copy takes its place in turn.
        """
        if not self.backups:
            return
        self.clock.pass_(SECOND)
        police = self.parties[POLICE]
        police.restore(self.backups[which % len(self.backups)])
        with police.store.reading() as tx:
            for place, log in self.kafka.truth.items():
                for record in log:
                    position = self.position(record)
                    at = GenerationPlace(POLICE, *place, position.generation)
                    if position.sender == POLICE and tx.outbox.archived(
                        at, position.index, position.index
                    ):
                        self.abandoned.discard(position.name)
                    elif position.sender == POLICE:
                        self.abandoned.add(position.name)

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
        issued = issue_manifest(newest, changes, founded().manifest_signers[sender], now)
        record = manifest_record(issued.raw, sender)
        self.news.append(record)
        party.hear(record)
        party.stream_key = Key(key_id, inner.public, inner)  # type: ignore[assignment]  # as a signer
