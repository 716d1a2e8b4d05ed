"""Examples: one valid event of each type, always the same, with every field that may be sent.

They are for trials and tests (`event example`). The person does not exist; the telephone numbers
are of the range reserved for drama, the crime reference and all other values are invented. No value
equals a part of an agency id or topic name, so a search for a value in a sealed record is a valid
test.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache

from contracts.errors import EventError
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.policy import policy_for
from contracts.schema import leaves, unflatten
from contracts.vocabulary import dated_data

__all__ = ["example", "permitted_recipients", "permitted_types"]


@cache
def _values(event_type: str) -> Mapping[str, JSON]:
    """Return the values of an example event, by leaf path (`data/example_events.<date>.json`)."""
    content = dated_data("example_events")
    return {**content["shared"], **content["own"].get(event_type, {})}


def permitted_types(contract: Contract, sender: str) -> tuple[str, ...]:
    """Return the event types that `sender` may publish, in the contract's order."""
    role = contract.role_of.get(sender)
    return tuple(name for name, terms in contract.event_types.items() if role in terms.publishers)


def permitted_recipients(contract: Contract, sender: str, event_type: str) -> tuple[str, ...]:
    """Return, sorted, the parties to whom `sender` may address this type; empty if it may not."""
    terms = contract.event_types.get(event_type)
    if terms is None or contract.role_of.get(sender) not in terms.publishers:
        return ()
    return tuple(
        sorted(p.id for p in contract.parties if p.role in terms.recipients and p.id != sender)
    )


def example(contract: Contract, sender: str, event_type: str) -> PlainEvent:
    """Return a valid event of `event_type` from `sender` to every permitted recipient.

    It fills every field that the sender may send and one of them may read, every consent given.

    Raises:
        EventError: `type_unknown`, or `type_not_permitted` for this sender.
    """
    if event_type not in contract.event_types:
        raise EventError("the contract has no event type of this name", code="type_unknown")
    if event_type not in permitted_types(contract, sender):
        raise EventError(f"{sender} may not publish {event_type}", code="type_not_permitted")
    recipients = permitted_recipients(contract, sender, event_type)
    sendable = policy_for(contract, sender, recipients, event_type).fields
    values = _values(event_type)
    flat = {p: copy.deepcopy(values[p]) for p in leaves(event_type) if p in sendable}
    return PlainEvent(event_type, recipients, unflatten(flat))
