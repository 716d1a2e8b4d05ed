"""Connection of the desk to the partners, and the messages that wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.agency.running import adapter_runs
from broker.observing.side_faults import side_faults
from broker.operations.desk.agency import DeskAgency
from broker.operations.health.kafka_outage import kafka_outage

ConnectionState: TypeAlias = Literal["connected", "adapter_down", "kafka_down"]


@dataclass(frozen=True, slots=True)
class DeskConnection:
    """State of the connection.

    Attributes:
        state: `connected`, or what interrupts it.
        waiting: number of this agency's messages that are held and have not been sent.
    """

    state: ConnectionState
    waiting: int


def connection(desk: DeskAgency) -> DeskConnection:
    """Return the present state of the connection.

    Raises:
        StoreError: the state cannot be read.
    """
    with desk.store.reading() as tx:
        outbox, faults = tx.outbox.counts(), side_faults(tx)
    if not adapter_runs(desk.participant.root):
        return DeskConnection("adapter_down", outbox.waiting)
    if kafka_outage(outbox, faults, desk.clock()) is not None:
        return DeskConnection("kafka_down", outbox.waiting)
    return DeskConnection("connected", outbox.waiting)
