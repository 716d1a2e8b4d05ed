"""A small real world of streams: senders that keep rows as the store does, readers that remember.

Senders go through ``broker.sending.streams`` with a real Ed25519 key, so every fact that a reader
meets was signed and proved; readers go through ``broker.judging.continuity.place`` and keep what it
says to keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from broker.envelope.primitives import Ed25519Signer
from broker.judging.continuity import place
from broker.judging.continuity_types import EquivocationError, LogPosition, Placement
from broker.judging.partition_state import (
    PartitionState,
    StoredCheckpoint,
    format_state,
    parse_state,
)
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE, Record
from broker.sending.streams import Appended, Stream, append, open_generation
from broker.store.rows import GenerationRow
from broker.tlog.generation_links import parse_link
from broker.tlog.merkle import left_nodes
from broker.tlog.note import COSIGNATURE_ED25519, note_signer
from broker.tlog.proof import CheckpointMemo, parse_proof

DEPLOYMENT = "pan-london"
AGENCY = "csu-camden"
TOPIC = "pan-london.london-hate-crime.a"
STREAM = Stream(DEPLOYMENT, AGENCY, TOPIC, 3)
SIGNER = note_signer(f"{DEPLOYMENT}/{AGENCY}", COSIGNATURE_ED25519, Ed25519Signer(bytes(32)))
T0 = 1_750_000_000_000
"""When the first generation opens, ms."""

_MEMO: CheckpointMemo = {}


def fact_of(generation: str, appended: Appended) -> LogPosition:
    """Position of an honest record, as steps 1 to 3 would establish it."""
    proof = parse_proof(appended.proof, _MEMO)
    return LogPosition(
        generation,
        appended.index,
        appended.leaf,
        left_nodes(proof.index, proof.path),
        proof.checkpoint.size,
        proof.checkpoint.root,
        proof.line.timestamp,
        parse_link(proof.extra) if proof.index == 0 else None,
        signer=proof.line.key_id,
    )


def as_leaf(position: LogPosition) -> LogPosition:
    """The same record as a leaf replay."""
    return replace(position, leaf_only=True)


def relinked(position: LogPosition, **link: object) -> LogPosition:
    """The same index 0 with another link, as another sender's signature would carry it."""
    assert position.link is not None
    return replace(position, link=replace(position.link, **link))  # type: ignore[arg-type]  # parts of a link


@dataclass
class SenderLog:
    """One agency's rows of one partition, and the clock of its machine (ms)."""

    rows: dict[str, GenerationRow] = field(default_factory=dict)
    now: int = T0
    newest: GenerationRow | None = None
    sent: dict[str, list[LogPosition]] = field(default_factory=dict)
    written: int = 0
    branch: int = 0

    def restart(self, *, at: int | None = None) -> str:
        """Take the outbox's lock: the next batch opens a new generation. Returns its name.

        ``at`` is the machine's time by then, ms, where it moved on meanwhile.
        """
        self.now = self.now if at is None else at
        held = [row for row in self.rows.values() if row.size]
        last = max(held, key=lambda row: row.name, default=None)
        self.newest = open_generation(STREAM, last, self.newest, self.now)
        return self.newest.name

    def send(self, count: int = 1, *, seconds: int = 1) -> list[LogPosition]:
        """Append one batch and sign its checkpoint; time passes first."""
        return [position for position, _ in self.send_records(count, seconds=seconds)]

    def send_records(self, count: int = 1, *, seconds: int = 1) -> list[tuple[LogPosition, Record]]:
        self.now += seconds * 1000
        if self.newest is None:
            self.restart()
        assert self.newest is not None
        values = [b"%d/%d" % (self.branch, self.written + at) for at in range(count)]
        self.written += count
        self.newest, places = append(STREAM, self.newest, values, SIGNER, self.now)
        self.rows[self.newest.name] = self.newest
        facts = [fact_of(self.newest.name, one) for one in places]
        self.sent.setdefault(self.newest.name, []).extend(facts)
        return [
            (position, record(value, one.proof))
            for position, value, one in zip(facts, values, places, strict=True)
        ]

    def copy(self, branch: int | None = None) -> SenderLog:
        """A copy of the database; what it sends differs if ``branch`` does."""
        return SenderLog(
            dict(self.rows),
            self.now,
            self.newest,
            {name: list(facts) for name, facts in self.sent.items()},
            self.written,
            self.branch if branch is None else branch,
        )


def record(value: bytes, proof: bytes, content_type: bytes = SEALED_CONTENT_TYPE) -> Record:
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, proof))
    return Record(TOPIC, STREAM.partition, headers, value)


class MemoryHistory:
    """History of one sender's partition in a reader's store."""

    def __init__(self) -> None:
        self.leaves: dict[tuple[str, int], tuple[bytes, bool]] = {}
        self.checkpoints: dict[str, dict[int, StoredCheckpoint]] = {}

    def leaf(self, generation: str, index: int) -> tuple[bytes, bool] | None:
        return self.leaves.get((generation, index))

    def above(self, generation: str, index: int) -> StoredCheckpoint | None:
        sizes = self.checkpoints.get(generation, {})
        return min((k for k in sizes.values() if k.size > index), key=_size, default=None)

    def below(self, generation: str, size: int) -> StoredCheckpoint | None:
        sizes = self.checkpoints.get(generation, {})
        return max((k for k in sizes.values() if k.size < size), key=_size, default=None)

    def at(self, generation: str, size: int) -> StoredCheckpoint | None:
        return self.checkpoints.get(generation, {}).get(size)


def _size(checkpoint: StoredCheckpoint) -> int:
    return checkpoint.size


class StreamReader:
    """One reader of one sender's partition: state through its stored form, memory, gaps told."""

    def __init__(self) -> None:
        self.state: PartitionState | None = None
        self.history = MemoryHistory()
        self.gaps: list[tuple[str, int, int]] = []
        self.alarms: list[str] = []

    def take(self, position: LogPosition) -> Placement:
        """Place a record and keep what came of it; an equivocation stops the partition."""
        try:
            placement = place(self.state, position, self.history)
        except EquivocationError:
            if self.state is not None:
                self.state = replace(self.state, stopped=True)
            raise
        stored = parse_state(format_state(placement.state))
        assert stored == placement.state
        self.state = stored
        if placement.verdict not in {"repeat", "before_start"}:
            name = (position.generation, position.index)
            self.history.leaves[name] = (position.leaf, position.leaf_only)
        for generation, checkpoint in placement.checkpoints:
            held = self.history.checkpoints.setdefault(generation, {})
            assert checkpoint.size not in held or held[checkpoint.size].root == checkpoint.root
            held[checkpoint.size] = checkpoint
        if placement.gap is not None:
            self.gaps.append(placement.gap)
        self.alarms += placement.alarms
        return placement

    def take_all(self, facts: list[LogPosition]) -> list[str]:
        return [self.take(position).verdict for position in facts]

    @property
    def open_gaps(self) -> list[tuple[str, int, int]]:
        assert self.state is not None
        return [
            (name, gap.first, gap.last)
            for name, held in self.state.generations.items()
            for gap in held.gaps
        ]
