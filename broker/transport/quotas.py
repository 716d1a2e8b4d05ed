"""Limits that Kafka's host sets for each party, so that no party can overload the cluster.

`concordant kafka apply` sets them for the principals that have a right of a contract (protocol:
topics, "Limits"). A rate that the host has set itself stays. Replays use at most half of what a
party may write (broker/service/replaying.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from broker.errors import TransportError
from broker.transport.connection import KafkaConnection
from broker.transport.provisioning import Change

PRODUCER_BYTES_A_SECOND: Final = 32 * 2**20
"""Bytes that one party may write to each node of Kafka in a second."""
CONSUMER_BYTES_A_SECOND: Final = 64 * 2**20
"""Bytes that one party may read from each node of Kafka in a second."""
RATES: Final[Mapping[str, int]] = {
    "producer_byte_rate": PRODUCER_BYTES_A_SECOND,
    "consumer_byte_rate": CONSUMER_BYTES_A_SECOND,
}
"""Kafka's names of the rates, and bytes a second for each node."""


def plan_quotas(
    principals: Iterable[str], found: Mapping[str, Mapping[str, float]] | None
) -> tuple[Change, ...]:
    """Return the missing limits. Pure.

    Args:
        principals: those that have a right of a contract.
        found: rates on Kafka, by principal and name of the rate; None if the operator may not see
            them.
    """
    if found is None:
        detail = "Kafka does not let this operator see or set them"
        return (Change("note", "limits of clients", detail),)
    changes: list[Change] = []
    for principal in sorted(set(principals)):
        has = found.get(principal, {})
        missing = tuple((name, rate) for name, rate in RATES.items() if name not in has)
        if missing:
            detail = ", ".join(f"{name}={rate}" for name, rate in missing)
            changes.append(Change("limit", principal, detail, rates=missing))
        changes += [
            Change("note", principal, f"{name} is {has[name]:g}, set by the host; left alone")
            for name, rate in RATES.items()
            if name in has and has[name] != rate
        ]
    return tuple(changes)


def read_quotas(connection: KafkaConnection) -> Mapping[str, Mapping[str, float]] | None:
    """Return the rates of single principals; None if the operator may not see them.

    Raises:
        TransportError: `kafka_unreachable` or `kafka_failed`.
    """
    from broker.transport.kafka import client_quotas

    try:
        return asyncio.run(client_quotas(connection).read())
    except TransportError as error:
        if error.code == "kafka_refused":
            return None
        raise


def apply_quotas(connection: KafkaConnection, changes: Sequence[Change]) -> None:
    """Set the limits of a plan.

    Raises:
        TransportError: `kafka_unreachable`, `kafka_refused` or `kafka_failed`.
    """
    from broker.transport.kafka import client_quotas

    rates = {change.subject: dict(change.rates) for change in changes if change.action == "limit"}
    if rates:
        asyncio.run(client_quotas(connection).set(rates))
