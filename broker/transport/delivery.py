"""Positions of each partition and delays after failures. No I/O, no clock.

Client libraries move a partition's position as soon as they return records. They drop records when
an error of another partition interrupts a poll, and use the group's stored offset when a rebalance
listener fails. So `Delivery` keeps its own cursor for every partition and tells the client where to
seek (protocol, step 11: "On assignment, seek to the stored position").
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from broker.record import KafkaPartition, Record
from broker.transport.interfaces import OnBatch, OnTrouble, Positions, ReceiverTrouble, trouble_code
from broker.waiting import retry_delay_s


@dataclass(slots=True)
class _Seat:
    """State of one assigned partition.

    `position` is the next offset to take. `seen` is an offset that has already arrived once in its
    place.
    """

    position: int
    failures: int = 0
    wait_until: float = 0.0
    seen: int | None = None


class Delivery:
    """Hands batches to the handler and remembers what was taken.

    Attributes:
        held: partitions that stay at their position until released.
    """

    def __init__(
        self, on_batch: OnBatch, positions: Positions, on_trouble: OnTrouble | None = None
    ) -> None:
        self._on_batch = on_batch
        self._positions = positions
        self._on_trouble = on_trouble
        self._seats: dict[KafkaPartition, _Seat] = {}
        self._failing: dict[KafkaPartition, int] = {}
        self.held: set[KafkaPartition] = set()

    @property
    def assigned(self) -> set[KafkaPartition]:
        """Return the assigned partitions."""
        return set(self._seats)

    def seat(self, partition: KafkaPartition, now: float) -> float:
        """Look up the stored position of a newly assigned partition.

        Args:
            partition: the partition.
            now: seconds of a monotonic clock.

        Returns:
            0.0 if the position is known. Otherwise the partition must not be read, and this is the
            number of seconds to wait before the next try.
        """
        try:
            position = self._positions(partition)
        except Exception as error:  # noqa: BLE001  # whatever the store raises, nothing is read
            failures = self._failing[partition] = self._failing.get(partition, 0) + 1
            wait = retry_delay_s(failures)
            self._tell("position_unknown", partition, error, wait)
            return wait
        self._failing.pop(partition, None)
        self._seats[partition] = _Seat(position or 0, wait_until=now)
        return 0.0

    def forget(self, partitions: set[KafkaPartition]) -> None:
        """Forget partitions that went to another member or must be looked up again."""
        for partition in partitions:
            self._seats.pop(partition, None)

    def doubt(self, partition: KafkaPartition) -> None:
        """Note that records may have been dropped, so that an offset seen before does not count."""
        if seat := self._seats.get(partition):
            seat.seen = None

    def position(self, partition: KafkaPartition) -> int:
        """Return the next offset to take of an assigned partition."""
        return self._seats[partition].position

    def ready(self, partition: KafkaPartition, now: float) -> bool:
        """Return whether the partition may be read: assigned, not held, not delayed by a fault."""
        seat = self._seats.get(partition)
        return seat is not None and partition not in self.held and now >= seat.wait_until

    async def deliver(
        self, partition: KafkaPartition, records: Sequence[Record], now: float
    ) -> bool:
        """Hand over the records of one poll.

        Args:
            partition: the partition.
            records: in offset order.
            now: seconds of a monotonic clock.

        Returns:
            True if they were taken; False if the client must seek back to `position` (and wait
            until
            `ready`).
        """
        seat = self._seats.get(partition)
        if seat is None or not records or not self.ready(partition, now):
            return False
        first = records[0].offset
        if first not in (seat.position, seat.seen):
            # Offsets jump after compaction, retention or a recreated topic, and also when a client
            # dropped records or did not seek. A second look at the same offset distinguishes the
            # two.
            seat.seen = first
            return False
        try:
            await self._on_batch(partition, list(records))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # a handler's error must never pass over records
            seat.failures += 1
            wait = retry_delay_s(seat.failures)
            seat.wait_until = now + wait
            self._tell(trouble_code(error), partition, error, wait)
            return False
        seat.position = records[-1].offset + 1
        seat.failures = 0
        seat.seen = None
        return True

    def retry_at(self, partition: KafkaPartition) -> float:
        """Return the monotonic second from which the partition may be read again."""
        seat = self._seats.get(partition)
        return 0.0 if seat is None else seat.wait_until

    def _tell(self, code: str, partition: KafkaPartition, error: Exception, wait: float) -> None:
        if self._on_trouble is not None:
            self._on_trouble(ReceiverTrouble(code, *partition, type(error).__name__, wait))
