"""Parties of the hostile world, their events, and the second contract between them.

Two senders and three readers, one of whom is never addressed. Free texts of each event carry a mark
of their own, so that one search of a reader's disk finds every field that it should not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from uuid import UUID, uuid5

from broker import pseudonyms
from broker.event import JSON
from broker.record import CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE, KafkaPartition, Record
from broker.registry.contracts import SignedContract
from broker.statements.signed_contract import pack_contract
from broker.transport.topics import control_topics
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.policy import group_fields, policy_for
from tests.support.founded_partnership import (
    CASE,
    COUNCIL,
    MADE,
    POLICE,
    PROSECUTION,
    SUPPORT,
    founded,
)
from tests.support.words import flatten, restricted, unflatten

URGENT = "critical-incident.declared"
SENDERS = (POLICE, SUPPORT)
READERS = (COUNCIL, SUPPORT, PROSECUTION)
SAYINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (POLICE, MADE, (COUNCIL,)),
    (POLICE, MADE, (COUNCIL, SUPPORT)),
    (POLICE, MADE, (SUPPORT,)),
    (POLICE, URGENT, (COUNCIL, SUPPORT)),
    (POLICE, CASE, (COUNCIL, SUPPORT)),
    (SUPPORT, MADE, (COUNCIL,)),
    (SUPPORT, URGENT, (COUNCIL, POLICE)),
)
"""(sender, type, recipients)."""
CASE_UPDATE = 4
"""The saying that goes to the second topic."""

MARK = re.compile(rb"Zq\d{6}x\d\d")


@dataclass(frozen=True)
class Said:
    """An event that somebody sealed.

    Attributes:
        sender: whose.
        event: type, recipients and data.
        readable: reader -> the leaves that it may read, as they were sent.
        marks: reader -> marks that may be on its disk once it opened the event.
    """

    sender: str
    event: PlainEvent
    readable: dict[str, dict[str, JSON]]
    marks: dict[str, frozenset[bytes]]


@cache
def _template(saying: int) -> tuple[dict[str, JSON], tuple[str, ...]]:
    """Leaves of a saying, and those that take any text."""
    contract = founded().contract
    sender, event_type, to = SAYINGS[saying]
    may_send = policy_for(contract, sender, to, event_type).fields
    every = flatten(event_type, example(contract, sender, event_type).data)
    flat = {path: value for path, value in every.items() if path in may_send}
    free = []
    for path, value in flat.items():
        if isinstance(value, str):
            try:
                restricted(event_type, frozenset(flat)).check({**flat, path: "Zq000000x00"})
            except EventError:
                continue
            free.append(path)
    return flat, tuple(free)


@cache
def case_of(sender: str, partition: int) -> str:
    """A case that this sender's secret puts into that partition."""
    world = founded()
    secret = world.participants[sender].keyring.secret()
    names = (str(uuid5(UUID(int=0), f"case {number}")) for number in count())
    partitions = world.contract.topics["a"].partitions
    return next(
        n for n in names if pseudonyms.partition_of_case(secret, n, partitions) == partition
    )


def say(saying: int, partition: int, numbers: Iterator[int]) -> Said:
    """A new event, with its own marks."""
    sender, event_type, to = SAYINGS[saying]
    flat, free = _template(saying)
    number = next(numbers)
    flat = dict(flat) | {"case_id": case_of(sender, partition)}
    if "referral_id" in flat:
        flat["referral_id"] = f"{number:08x}-0000-4000-8000-000000000000"
    marks = {path: f"Zq{number:06d}x{at:02d}" for at, path in enumerate(free)}
    flat |= marks
    plain = replace(
        example(founded().contract, sender, event_type), recipients=to, data=unflatten(flat)
    )
    granted = group_fields(founded().contract, event_type, frozenset(to)).granted
    readable = {agency: {p: v for p, v in flat.items() if p in granted[agency]} for agency in to}
    return Said(
        sender,
        plain,
        readable,
        {
            agency: frozenset(marks[path].encode() for path in free if path in granted[agency])
            for agency in to
        },
    )


def places() -> tuple[KafkaPartition, ...]:
    """The partitions that are used: two of each topic."""
    world = founded()
    return tuple(
        KafkaPartition(world.topic(logical), number) for logical in "ab" for number in (0, 1)
    )


@cache
def second_contract() -> SignedContract:
    """The next version of the agreement, signed by all, in force from the first day as well."""
    world = founded()
    previous = world.signed.hash.hex()
    return world.another_contract(
        terms=lambda text: text.replace(
            "\nversion: 1.0.0\n", f'\nversion: 1.1.0\nprevious: ["{previous}"]\n'
        )
    )


def contract_record(signed: SignedContract, by: str) -> Record:
    """A contract as its parties publish it."""
    headers = ((CONTENT_TYPE_HEADER, CONTRACT_CONTENT_TYPE),)
    key = f"{by}/{signed.hash.hex()}".encode()
    topic = control_topics(founded().deployment).contracts
    note = signed.note_of(by)
    assert note is not None
    return Record(topic, 0, headers, pack_contract(signed.text.raw, note.raw), key=key)


def manifest_record(raw: bytes, by: str) -> Record:
    headers = ((CONTENT_TYPE_HEADER, b"application/vnd.concordant.manifest"),)
    return Record(control_topics(founded().deployment).manifests, 0, headers, raw, key=by.encode())
