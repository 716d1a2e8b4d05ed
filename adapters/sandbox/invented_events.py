"""Events of simulated partners: examples of invented people, and answers to received events."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import uuid4

from broker.event import JSON, OpenedEvent
from contracts.events import PlainEvent
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.policy import policy_for
from contracts.referral import FIRST_VERSION, ReferralRules, referral_rules
from contracts.vocabulary import Vocabulary, unflatten
from contracts.vocabulary.samples import sample_values

MARK: Final = "[sandbox] "
"""Beginning of each text of an invented event, so that no person takes it for a real one."""


def invented_types(contract: Contract, sender: str, recipient: str) -> tuple[str, ...]:
    """Return the event types that a partner can send without an event before it."""
    rules = referral_rules(contract.vocabulary)
    changing = set() if rules is None else {rules.changed.type}
    return tuple(
        name
        for name in permitted_types(contract, sender)
        if name not in changing and recipient in permitted_recipients(contract, sender, name)
    )


def invented_event(
    contract: Contract,
    sender: str,
    recipient: str,
    event_type: str,
    changes: Mapping[str, JSON | None] | None = None,
) -> PlainEvent:
    """Return an event about an invented person, marked in each of its texts.

    It belongs to a case and a referral of its own.

    Args:
        contract: the agreement.
        sender: the partner.
        recipient: the agency.
        event_type: a type that the partner may send to the agency.
        changes: leaves with another value; None removes a leaf.
    """
    words = contract.vocabulary
    sendable = policy_for(contract, sender, (recipient,), event_type).fields
    values = sample_values(words, event_type)
    flat = {
        path: _marked(words, event_type, path, copy.deepcopy(value))
        for path, value in values.items()
        if path in sendable
    }
    rules = referral_rules(words)
    fresh = {words.case} | ({rules.made.id} if rules is not None else set())
    flat |= {path: str(uuid4()) for path in fresh if path in flat}
    for path, value in (changes or {}).items():
        if value is None:
            flat.pop(path, None)
        elif path in sendable:
            flat[path] = value
    return PlainEvent(event_type, (recipient,), unflatten(flat))


def invented_case(contract: Contract, event: PlainEvent) -> JSON:
    """Return the shared id of an event's case."""
    words = contract.vocabulary
    return words.type(event.type).flatten(event.data)[words.case]


def answers_to(contract: Contract, me: str, event: OpenedEvent) -> Iterator[PlainEvent]:
    """Yield events with which a partner answers an event, if the vocabulary has one.

    A referral is answered by its next status. Any other event that begins something is answered by
    an event of the same case that adds to it.
    """
    words = contract.vocabulary
    rules = referral_rules(words)
    if rules is not None and event.type == rules.made.type:
        status = _next_status(rules)
        made = rules.new_referral(event.type, event.flat)
        if status is None or made is None or not _may(contract, me, event, rules.changed.type):
            return
        names = rules.changed
        changes: dict[str, JSON | None] = {
            words.case: made.case_id,
            names.id: made.referral_id,
            names.version: FIRST_VERSION + 1,
            names.status: status,
            names.previous_status: rules.first,
            names.reason: None,
            names.business_status: None,
        }
        yield invented_event(contract, me, event.source, names.type, changes)
        return
    if event.type in words.altering_types:
        return
    changing = "" if rules is None else rules.changed.type
    for name in sorted(words.altering_types - {changing}):
        if _may(contract, me, event, name):
            yield invented_event(contract, me, event.source, name, {words.case: event.case_id})
            return


def _next_status(rules: ReferralRules) -> str | None:
    """Return a status that the fulfiller may set first, preferably one that ends nothing."""
    possible = rules.allowed(rules.first, "fulfiller") - rules.reason_required
    going_on = possible - rules.terminal
    return min(going_on or possible, default=None)


def _may(contract: Contract, me: str, event: OpenedEvent, event_type: str) -> bool:
    return event.source in permitted_recipients(contract, me, event_type)


def _marked(words: Vocabulary, event_type: str, path: str, value: JSON) -> JSON:
    """Return a value, marked if its field holds a text in words."""
    kind = words.form.kinds.get(words.type(event_type).leaves[path].form.value.kind or "")
    if kind is None or kind.text is None or not isinstance(value, str):
        return value
    return f"{MARK}{value}"[: kind.text.longest].strip()
