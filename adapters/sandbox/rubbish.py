"""Faulty records that a simulated partner sends: each is refused or passed over by its reader."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from broker.agency.participant import Participant
from broker.envelope.canonical import format_json
from broker.envelope.sealing import Sealer, sealing_input
from broker.event import JSON
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.sending.sealing import EventSealer, Prepared
from broker.store.rows import NewOutboxRow
from contracts.events import PlainEvent
from contracts.vocabulary import Vocabulary

OVERSIZED_BYTES: Final = 400 * 1024
"""Above the largest sealed value, and below the largest record of Kafka."""
OUTSIDE: Final = "sandbox-unknown-code"
"""A code that is in no code list."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """One faulty record.

    Attributes:
        kind: short name.
        words: what is wrong with it, for a person.
        records: to send in this order.
    """

    kind: str
    words: str
    records: tuple[Record, ...]


def faulty_records(genuine: Record, topic: str) -> tuple[Faulty, ...]:
    """Return faulty records, one of each kind.

    Args:
        genuine: a record that the partner sent before.
        topic: a data topic to which the partner may write.
    """
    value = genuine.value or b""
    typed = (CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE)
    altered = bytes([value[0] ^ 1]) + value[1:]
    return (
        Faulty(
            "garbage",
            "random bytes without a header",
            (Record(topic, 0, (), secrets.token_bytes(64)),),
        ),
        Faulty(
            "unsigned", "a sealed event without a signature", (replace(genuine, headers=(typed,)),)
        ),
        Faulty(
            "malformed",
            "a sealed event with a damaged signature",
            (replace(genuine, headers=(typed, (PROOF_HEADER, b"not a proof"))),),
        ),
        Faulty(
            "altered",
            "a sealed event of which a byte was changed",
            (replace(genuine, value=altered),),
        ),
        Faulty(
            "oversized",
            f"a record of {OVERSIZED_BYTES // 1024} kB",
            (replace(genuine, value=secrets.token_bytes(OVERSIZED_BYTES)),),
        ),
        Faulty(
            "foreign",
            "a record of another partition, as if it belonged here",
            (replace(genuine, partition=0 if genuine.partition else 1),),
        ),
        Faulty("duplicated", "an event that it sent before, once more", (genuine,)),
        Faulty("empty", "a record without content", (Record(topic, 0, (typed,), None),)),
    )


def outside_vocabulary(
    participant: Participant, sealer: EventSealer, event: PlainEvent, now: int
) -> NewOutboxRow | None:
    """Seal an event with a code that no code list has, as changed software could.

    Args:
        participant: the partner.
        sealer: the partner's; it checks the event before the code is changed.
        event: a valid event.
        now: ms.

    Returns:
        The row for the partner's outbox; None if the event has no code of a closed list.
    """
    prepared = sealer.prepare(event, now)
    words = prepared.in_force.contract.vocabulary
    path = _coded_path(words, prepared)
    if path is None:
        return None
    flat: dict[str, JSON] = {**prepared.decision.flat, path: OUTSIDE}
    layout = prepared.decision.grouping
    assert layout is not None  # the event is permitted
    groups: list[dict[str, JSON]] = [{} for _ in layout.readers]
    for name, value in flat.items():
        groups[layout.group_of[name]][name] = value
    to: list[JSON] = [*sorted(prepared.event.recipients)]
    event_id = str(uuid4())
    head: dict[str, JSON] = {"data": groups[0], "to": to, "type": event.type}
    texts = [format_json(head), *(format_json(group) for group in groups[1:])]
    drafted = sealing_input(event_id, now, texts, prepared.drafts[0].recipients, layout.bound)
    own = Sealer(participant.deployment, prepared.in_force.hash, participant.agency)
    return NewOutboxRow(event_id, prepared.topic, prepared.partition, own.seal(drafted))


def _coded_path(words: Vocabulary, prepared: Prepared) -> str | None:
    """Return a leaf of the event with one code of a list that no other code may extend."""
    leaves = words.type(prepared.event.type).leaves
    for path, value in prepared.decision.flat.items():
        code = leaves[path].form.value.code
        if code is not None and isinstance(value, str) and words.code_lists[code].others is None:
            return path
    return None
