"""Record of the contracts that the host of Kafka has applied, stored on the cluster itself.

There is one record for each contract, in a compacted topic to which no party has a right
(`topics.applied_topic`): `concordant.applied/v1`, the hash, then the contract file's exact bytes.
It is on the cluster because the rights are there: another operator, machine or container finds it,
and it is lost only together with the rights. It is not signed: a client that can write it is the
cluster's operator and can change rights anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.envelope.primitives import sha256
from broker.record import Record
from broker.transport.connection import KafkaConnection
from broker.transport.topics import applied_topic
from contracts.errors import ContractError
from contracts.loading import ContractText, parse_contract

_HEADER: Final = b"concordant.applied/v1\n"


@dataclass(frozen=True, slots=True)
class AppliedContracts:
    """Contracts that the host has applied.

    Attributes:
        by_name: the applied version of each contract.
        unreadable: names of contracts whose record cannot be read.
    """

    by_name: Mapping[str, ContractText] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()


def format_applied(text: ContractText) -> bytes:
    """Return the value of a contract's record."""
    return _HEADER + text.hash.hex().encode() + b"\n" + text.raw


def parse_applied(name: str, value: bytes | None) -> ContractText | None:
    """Return the contract of a record; None if the record is not one of this contract."""
    if value is None or not value.startswith(_HEADER):
        return None
    stated, _, raw = value[len(_HEADER) :].partition(b"\n")
    if stated != sha256(raw).hex().encode():
        return None
    try:
        text = parse_contract(raw, f"the applied contract {name}", vocabulary_needed=False)
    except ContractError:
        return None
    return text if text.contract.name == name else None


def collect_applied(records: list[Record]) -> AppliedContracts:
    """Return the newest record of each contract, from records in the order of their offsets."""
    newest: dict[str, bytes | None] = {}
    for record in records:
        name = (record.key or b"").decode("utf-8", "replace")
        newest[name] = record.value
    by_name: dict[str, ContractText] = {}
    unreadable: set[str] = set()
    for name, value in newest.items():
        text = parse_applied(name, value)
        if text is not None:
            by_name[name] = text
        elif value is not None:
            unreadable.add(name)
    return AppliedContracts(by_name, frozenset(unreadable))


def read_applied(connection: KafkaConnection, deployment: str) -> AppliedContracts:
    """Read the topic, which must exist.

    Raises:
        TransportError: Kafka cannot be reached, or refuses.
    """
    from broker.transport.kafka import raw_records

    return collect_applied(asyncio.run(raw_records(connection, [applied_topic(deployment)])))


def write_applied(connection: KafkaConnection, text: ContractText) -> None:
    """Record that this version of a contract is applied from now on.

    Raises:
        TransportError: Kafka cannot be reached, or refuses.
    """
    contract = text.contract
    record = Record(
        applied_topic(contract.deployment),
        0,
        (),
        format_applied(text),
        key=contract.name.encode(),
    )
    asyncio.run(_send(connection, record))


async def _send(connection: KafkaConnection, record: Record) -> None:
    from broker.transport.kafka import KafkaTransport

    transport = KafkaTransport(connection)
    try:
        await transport.send([record])
    finally:
        await transport.close()
