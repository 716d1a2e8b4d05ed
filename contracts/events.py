"""An event before it is sealed: its type, its recipients, and its data.

An event's data is a nested object two levels deep. Its leaves are dotted paths such as
`victim.address`, and a list is one leaf. The vocabulary of the agreement states the possible
fields; the agreement decides, field by field, which of them may be sent. Absent is not null, and
nothing has a default.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.vocabulary import JSON

__all__ = ["JSON", "PlainEvent"]


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """An event before it is sealed: its type, its recipients, and its data.

    Attributes:
        type: an event type of the vocabulary.
        recipients: agency ids; `decide` refuses none, a repeated one, or the sender itself.
        data: nested JSON object, as the type describes it.
    """

    type: str
    recipients: tuple[str, ...]
    data: dict[str, JSON]
