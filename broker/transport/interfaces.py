"""Transport interfaces: send in order, receive without loss.

One behaviour suite tests both implementations (`tests/integration/transport_behaviour.py`): Kafka
(`broker/transport/kafka/`) and one in memory (`broker/transport/memory.py`). Judging relies on
the promises below (protocol, "Opening", steps 4 and 11): the position is ours and not the
operator's, an error in a handler never skips a record, and no header can hide a record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.record import KafkaPartition, Record
from contracts.errors import ConcordantError

OnBatch = Callable[[KafkaPartition, list[Record]], Awaitable[None]]
"""Takes (partition, records in offset order); returns once they are durable."""

Positions = Callable[[KafkaPartition], "int | None"]
"""Returns the offset of the next record to read of a partition; None is the earliest."""


def trouble_code(error: Exception) -> str:
    """Return the error's own reason, such as `store_full`; `handler_failed` if it has none."""
    if isinstance(error, ConcordantError) and error.code != ConcordantError.code:
        return error.code
    return "handler_failed"


@dataclass(frozen=True, slots=True)
class ReceiverTrouble:
    """A fault that a receiver survives and reports to the operator.

    Attributes:
        code: the error's own code, such as `store_full`; `handler_failed` for an error without one;
            or `position_unknown`, `kafka_topic_missing`.
        topic: the topic concerned; empty for the connection.
        partition: the partition concerned; -1 for the connection.
        error: the class name of the error; never its text, which might hold values.
        retry_in_s: seconds until the next attempt.
    """

    code: str
    topic: str
    partition: int
    error: str
    retry_in_s: float


OnTrouble = Callable[[ReceiverTrouble], None]

OnReached = Callable[[], None]
"""Called each time that Kafka has answered, even if there was nothing to receive."""


class Sender(Protocol):
    """Sends records to Kafka."""

    async def send(self, records: Sequence[Record]) -> list[int]:
        """Send records, each to the topic and partition that it names.

        Records of one partition arrive in the given order, and none is stored if an earlier one of
        that partition in the same call was not. Returns when all in-sync replicas have acknowledged
        all records.

        Returns:
            The offset of each record, in order; `UNKNOWN_OFFSET` if Kafka has the record but no
            longer
            knows its offset.

        Raises:
            TransportError: at least one record is not known to be stored; `.offsets` gives the
                offset of each record, None if unknown. Send the same records again.
        """
        ...


class Receiver(Protocol):
    """Takes records from Kafka."""

    async def run(
        self,
        topics: Iterable[str],
        on_batch: OnBatch,
        positions: Positions,
        stop: asyncio.Event,
        *,
        on_trouble: OnTrouble | None = None,
        on_reached: OnReached | None = None,
    ) -> None:
        """Receive until `stop` is set, as one member of this agency's group.

        On assignment, each partition is read from `positions`, and Kafka's stored offset of the
        group is ignored. Batches of one (topic, partition) are ordered and never overlap. If
        `on_batch` raises, that partition is read again from the same record after a growing delay;
        the others continue. The receiver waits while Kafka is down. It may be run again after it
        has returned; a batch that was in progress is then either taken or delivered again.

        Raises:
            TransportError: `kafka_refused`, Kafka does not let this agency read one of the topics;
                `kafka_topic_missing`, a topic does not exist.
        """
        ...

    def pause(self, partition: KafkaPartition) -> None:
        """Hold a partition at its position until `resume`, also across rebalances."""
        ...

    def resume(self, partition: KafkaPartition) -> None:
        """Continue a held partition at the position that `positions` then returns."""
        ...

    async def visible(self, topics: Iterable[str]) -> frozenset[str]:
        """Return those topics that exist and that Kafka shows to this agency.

        Kafka shows a topic to each client with any right to it. If it does not show a topic, this
        agency cannot tell whether the topic exists.

        Raises:
            TransportError: Kafka cannot be reached.
        """
        ...

    async def read_all(self, topics: Iterable[str]) -> list[Record]:
        """Read every record that the topics hold now, without joining a group.

        Returns:
            The records, per partition in offset order. Records with equal keys may appear until
            Kafka
            compacts the topic.

        Raises:
            TransportError: Kafka cannot be reached or refuses.
        """
        ...


class Transport(Sender, Receiver, Protocol):
    """Both directions over the settings of one connection."""

    async def close(self) -> None:
        """Close every connection; a second call does no harm."""
        ...
