"""What the rest of the service asks of a transport: send in order, receive without loss.

Two implementations keep one behaviour suite (`tests/integration/transport_behaviour.py`): Kafka
(`kafka.py`) and a small one in memory (`memory.py`). The promises below are those that judging
relies on (protocol, "Opening", steps 4 and 11): a position is ours and not the operator's, an error
while handling never passes over a record, and no header can hide one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.record import Record
from contracts.errors import ConcordantError

OnBatch = Callable[[str, int, list[Record]], Awaitable[None]]
"""Takes (topic, partition, records in offset order); returns once they are durable."""

Positions = Callable[[str, int], "int | None"]
"""Gives the offset of the next record to read of a (topic, partition); None is the earliest."""


def trouble_code(error: Exception) -> str:
    """Return the error's own reason, such as `store_full`; `handler_failed` if it has none."""
    if isinstance(error, ConcordantError) and error.code != ConcordantError.code:
        return error.code
    return "handler_failed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a receiver lives through and that an operator should hear of.

    Attributes:
        code: the error's own, such as `store_full`; `handler_failed` for one without; or
            `position_unknown`, `kafka_topic_missing`.
        topic: the topic concerned; empty if it is the connection.
        partition: the partition concerned; -1 if it is the connection.
        error: the class name of the error; never its text, which might hold values.
        retry_in_s: seconds until the next attempt.
    """

    code: str
    topic: str
    partition: int
    error: str
    retry_in_s: float


OnTrouble = Callable[[Trouble], None]

OnReached = Callable[[], None]
"""Told each time that Kafka has answered, also when there was nothing to receive."""


class Sender(Protocol):
    """Puts records on Kafka."""

    async def send(self, records: Sequence[Record]) -> list[int]:
        """Sends records, each to the topic and partition that it names.

        Records of one partition arrive in the order given, and none is stored if an earlier one of
        that partition in the same call was not. Returns when all are acknowledged by all in-sync
        replicas.

        Returns:
            The offset of each record, in order; `UNKNOWN_OFFSET` where Kafka has the record but
            has forgotten where.

        Raises:
            TransportError: at least one record is not known to be stored; `.offsets` says of each
                record where it is, None if unknown. Sending the same records again is right.
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
        """Receives until `stop` is set, as one member of this agency's group.

        On assignment each partition is read from `positions`, whatever offset Kafka keeps for the
        group. Per (topic, partition) batches are ordered and never overlap. If `on_batch` raises,
        that partition is read again from the same record after a growing delay; the others go on.
        Kafka going away is waited for. It may be run again once it has returned; a batch that was
        in hand then is taken, or is given again.

        Raises:
            TransportError: `kafka_refused`, Kafka does not let this agency read one of the topics;
                `kafka_topic_missing`, it has no such topic.
        """
        ...

    def pause(self, topic: str, partition: int) -> None:
        """Holds a partition at its position until `resume`, across rebalances too."""
        ...

    def resume(self, topic: str, partition: int) -> None:
        """Lets a held partition go on from the position that `positions` then gives."""
        ...

    async def visible(self, topics: Iterable[str]) -> frozenset[str]:
        """Which of these topics are there and shown to this agency.

        Kafka shows a topic to whoever has any right to it; of one that it does not show, nobody can
        tell whether it is there.

        Raises:
            TransportError: Kafka cannot be reached.
        """
        ...

    async def read_all(self, topics: Iterable[str]) -> list[Record]:
        """Reads every record that the topics hold now, without joining a group.

        Returns:
            The records, per partition in offset order; a later one of the same key replaces an
            earlier one only once Kafka has compacted the topic.

        Raises:
            TransportError: Kafka cannot be reached or refuses.
        """
        ...


class Transport(Sender, Receiver, Protocol):
    """Both directions over one connection's settings."""

    async def close(self) -> None:
        """Lets go of every connection; safe to call twice."""
        ...
