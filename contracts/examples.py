"""Examples: one valid event of each type, always the same, with every field that may be sent.

They are for trials and tests (`event example`). The person does not exist; the telephone numbers
are of the range reserved for drama, and all other values are invented. No value of a shipped
vocabulary equals a part of an agency id or topic name, so a search for a value in a sealed record
is a valid test.
"""

from __future__ import annotations

import copy

from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.policy import policy_for
from contracts.vocabulary import unflatten
from contracts.vocabulary.samples import sample_values

__all__ = ["example", "permitted_recipients", "permitted_types"]


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
    values = sample_values(contract.vocabulary, event_type)
    flat = {p: copy.deepcopy(value) for p, value in values.items() if p in sendable}
    return PlainEvent(event_type, recipients, unflatten(flat))
