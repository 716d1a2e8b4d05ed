"""Reader's context for a file of records, judged without Kafka (docs/spec/opening.md, "Files").

Any first index starts a stream, a missing tail is no gap, and only records that pass step 3 change
continuity. Everything is in memory and discarded with the file: no stream or inbox state is
written.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.event import JSON
from broker.judging.continuity_types import Placement
from broker.judging.judgements import Deferred, Equivocation, Judgement, Opened, Placed, relief_of
from broker.judging.key_resolver import Trust
from broker.judging.partition_state import PartitionState, StoredCheckpoint
from broker.judging.reader_context import StreamKey
from broker.judging.state_limits import NOTHING, Room, partition_state_size, room_in_all, smallest
from broker.judging.verification import VerifiedRecord
from broker.registry.contract_in_force import ContractInForce
from broker.tlog.checkpoint import Place
from contracts.values import value_class


@dataclass(slots=True)
class FileHistory:
    """History of one sender's partition within the file."""

    leaves: dict[tuple[str, int], tuple[bytes, bool]] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    checkpoints: dict[tuple[str, int], StoredCheckpoint] = field(default_factory=dict)

    def leaf(self, generation: str, index: int) -> tuple[bytes, bool] | None:
        """See ``StreamHistory``."""
        return self.leaves.get((generation, index))

    def above(self, generation: str, index: int) -> StoredCheckpoint | None:
        """See ``StreamHistory``."""
        sizes = self.sizes.get(generation, [])
        at = bisect_right(sizes, index)
        return self.checkpoints[generation, sizes[at]] if at < len(sizes) else None

    def below(self, generation: str, size: int) -> StoredCheckpoint | None:
        """See ``StreamHistory``."""
        sizes = self.sizes.get(generation, [])
        at = bisect_left(sizes, size)
        return self.checkpoints[generation, sizes[at - 1]] if at else None

    def at(self, generation: str, size: int) -> StoredCheckpoint | None:
        """See ``StreamHistory``."""
        return self.checkpoints.get((generation, size))

    def keep(self, generation: str, checkpoint: StoredCheckpoint) -> None:
        """Remember a checkpoint."""
        if (generation, checkpoint.size) not in self.checkpoints:
            insort(self.sizes.setdefault(generation, []), checkpoint.size)
        self.checkpoints[generation, checkpoint.size] = checkpoint


@value_class(frozen=True, slots=True)
class ShownEvent:
    """An event seen earlier in the file."""

    type: str
    flat: Mapping[str, JSON]

    def same(self, flat: Mapping[str, JSON]) -> bool:
        """Return whether the fields granted both times are equal."""
        return all(self.flat[path] == value for path, value in flat.items() if path in self.flat)


class FileContext:
    """A ``ReaderContext`` (broker/judging/reader_context.py) over one file.

    Args:
        trust: what the reader believes and can open; trial topics included.
        receipts: as of ``ReaderContext``.
        now: this clock, ms.
    """

    def __init__(
        self,
        trust: Trust,
        receipts: Callable[..., Sequence[tuple[int, bytes]]],
        now: int,
    ) -> None:
        self._resolver = trust.resolver
        self.deployment = self._resolver.manifests.deployment
        self.agency = self._resolver.agency
        self.opening_keys = trust.opening_keys
        self.receipts = receipts
        self._now = now
        self._states: dict[Place, PartitionState] = {}
        self._histories: dict[Place, FileHistory] = {}
        self._events: dict[tuple[str, str], ShownEvent] = {}

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        """See ``ReaderContext``."""
        return self._resolver.stream_key(agency, key_id, log_time)

    def contract_in_force(self, contract_hash: bytes) -> ContractInForce | None:
        """See ``ReaderContext``."""
        return self._resolver.contract_in_force(contract_hash)

    def wraps_left(self, agency: str) -> int:
        """Return no limit: a person reads the file, and no other sender has to wait."""
        return sys.maxsize

    def state(self, place: Place) -> PartitionState | None:
        """See ``ReaderContext``."""
        return self._states.get(place)

    def room(self, agency: str) -> Room:
        """See ``ReaderContext``."""
        used = (
            partition_state_size(state)
            for place, state in self._states.items()
            if place.agency == agency
        )
        return room_in_all() - sum(used, NOTHING)

    def affected(self, agency: str) -> dict[Place, PartitionState]:
        """See ``ReaderContext``: a file has no gaps of revoked keys."""
        return {}

    def passed(
        self, place: Place, relief: Mapping[Place, PartitionState]
    ) -> dict[Place, PartitionState]:
        """See ``ReaderContext``."""
        found: dict[Place, PartitionState] = {}
        for other, held in sorted(self._states.items()):
            if other.agency == place.agency and other != place:
                state = relief.get(other, held)
                smaller = smallest(state)
                if smaller is not state:
                    found[other] = smaller
        return found

    def history(self, place: Place) -> FileHistory:
        """See ``ReaderContext``."""
        history = self._histories.get(place)
        if history is None:
            history = self._histories[place] = FileHistory()
        return history

    def known(self, source: str, event_id: str) -> ShownEvent | None:
        """See ``ReaderContext``."""
        return self._events.get((source, event_id))

    def took(self, judgement: Judgement) -> None:
        """Update the context by a judgement. In a file nothing waits."""
        self._states.update(relief_of(judgement))
        found = judgement.refused if isinstance(judgement, Deferred) else judgement
        if isinstance(found, Placed):
            self.moved(found.verified, found.placement)
        if isinstance(found, Opened):
            event = found.event
            self._events[event.source, event.id] = ShownEvent(event.type, event.flat)
        elif isinstance(found, Equivocation):
            place = found.verified.origin.place
            self._states[place] = replace(self._states[place], stopped=True)

    def moved(self, verified: VerifiedRecord, placement: Placement) -> None:
        """Record a record's position in its stream."""
        if placement.verdict == "before_start":
            return
        position, generation, place = (
            verified.position,
            verified.origin.generation,
            verified.origin.place,
        )
        self._states[place] = placement.state
        history = self.history(place)
        if placement.verdict != "repeat":  # a repeated leaf does not remove known content
            history.leaves[generation, position.index] = (position.leaf, position.leaf_only)
        for name, checkpoint in placement.checkpoints:
            history.keep(name, checkpoint)
