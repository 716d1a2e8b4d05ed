"""Connection of the desk to the partners, and what is held without it."""

from __future__ import annotations

from broker.agency.running import ADAPTER_LOCK
from broker.observing.side_faults import keep_fault
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.connection import DeskConnection, connection
from broker.store.exclusion import exclusive
from tests.support.desk_partnership import DeskPartnership
from tests.support.founded_partnership import SUPPORT
from tests.unit.broker.operations.desk.written_referral import sent


def kafka_says(desk: DeskAgency, code: str | None) -> None:
    """Keep what the adapter finds when it asks Kafka."""
    with desk.store.transaction() as tx:
        keep_fault(tx, "kafka", code, desk.clock())


async def test_the_connection_names_what_interrupts_it_and_counts_what_is_held(
    desks: DeskPartnership,
) -> None:
    desk = desks.desk(SUPPORT)
    kafka_says(desk, "kafka_failed")
    assert connection(desk) == DeskConnection("adapter_down", 0)
    with exclusive(desk.participant.path(ADAPTER_LOCK)):
        assert connection(desk) == DeskConnection("kafka_down", 0)
        sent(desk)
        assert connection(desk) == DeskConnection("kafka_down", 1)
        kafka_says(desk, None)
        assert connection(desk) == DeskConnection("connected", 1)
        await desks.deliver()
        assert connection(desk) == DeskConnection("connected", 0)
