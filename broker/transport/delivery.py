"""Where each partition stands: seats, positions, delays after failures. No I/O, no clock.

Client libraries move a partition's position as soon as they hand records over, drop records when an
error of another partition interrupts a poll, and fall back on the group's stored offset when a
rebalance listener fails. `Delivery` therefore keeps its own cursor for every partition and tells
the client where to go back to (protocol, step 11: "On assignment, seek to the stored position").
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from broker.record import Record
from broker.transport.interfaces import OnBatch, OnTrouble, Positions, Trouble, trouble_code
from broker.waiting import retry_delay_s

Partition = tuple[str, int]
"""(topic, partition number)"""


@dataclass(slots=True)
class _Seat:
    """One assigned partition.

    `position` is the next offset to take. `seen` is an offset that came in its place once already.
    """

    position: int
    failures: int = 0
    wait_until: float = 0.0
    seen: int | None = None


class Delivery:
    """Hands batches over and remembers what was taken.

    Attributes:
        held: partitions that stay where they are until released.
    """

    def __init__(
        self, on_batch: OnBatch, positions: Positions, on_trouble: OnTrouble | None = None
    ) -> None:
        self._on_batch = on_batch
        self._positions = positions
        self._on_trouble = on_trouble
        self._seats: dict[Partition, _Seat] = {}
        self._failing: dict[Partition, int] = {}
        self.held: set[Partition] = set()

    @property
    def assigned(self) -> set[Partition]:
        """Partitions that have a seat."""
        return set(self._seats)

    def seat(self, partition: Partition, now: float) -> float:
        """Asks for the stored position of a newly assigned partition.

        Args:
            partition: which.
            now: seconds of a monotonic clock.

        Returns:
            0.0 if it is seated; otherwise the position could not be had, the partition must not be
            read, and this is how many seconds to wait before asking again.
        """
        try:
            position = self._positions(*partition)
        except Exception as error:  # noqa: BLE001  # whatever the store raises, nothing is read
            failures = self._failing[partition] = self._failing.get(partition, 0) + 1
            wait = retry_delay_s(failures)
            self._tell("position_unknown", partition, error, wait)
            return wait
        self._failing.pop(partition, None)
        self._seats[partition] = _Seat(position or 0, wait_until=now)
        return 0.0

    def forget(self, partitions: set[Partition]) -> None:
        """Takes seats away: the partitions went to another member or must be seated again."""
        for partition in partitions:
            self._seats.pop(partition, None)

    def doubt(self, partition: Partition) -> None:
        """Says that records may have been dropped: what was seen once counts for nothing."""
        if seat := self._seats.get(partition):
            seat.seen = None

    def position(self, partition: Partition) -> int:
        """Next offset to take. The partition has a seat."""
        return self._seats[partition].position

    def ready(self, partition: Partition, now: float) -> bool:
        """Whether the partition may be read: seated, not held, not waiting after a failure."""
        seat = self._seats.get(partition)
        return seat is not None and partition not in self.held and now >= seat.wait_until

    async def deliver(self, partition: Partition, records: Sequence[Record], now: float) -> bool:
        """Hands over the records of one poll.

        Args:
            partition: which.
            records: in offset order.
            now: seconds of a monotonic clock.

        Returns:
            True if they were taken; False if the client must go back to `position` (and wait until
            `ready`).
        """
        seat = self._seats.get(partition)
        if seat is None or not records or not self.ready(partition, now):
            return False
        first = records[0].offset
        if first not in (seat.position, seat.seen):
            # Compaction, retention and a topic made anew move offsets; so does a client that has
            # dropped records or has not gone where it was sent. Looking twice tells them apart.
            seat.seen = first
            return False
        try:
            await self._on_batch(*partition, list(records))
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

    def retry_at(self, partition: Partition) -> float:
        """Monotonic second from which the partition may be read again."""
        seat = self._seats.get(partition)
        return 0.0 if seat is None else seat.wait_until

    def _tell(self, code: str, partition: Partition, error: Exception, wait: float) -> None:
        if self._on_trouble is not None:
            self._on_trouble(Trouble(code, *partition, type(error).__name__, wait))
