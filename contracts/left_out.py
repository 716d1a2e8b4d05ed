"""Fields of an event that are not sent, and to whom: what the sender is told of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from contracts.decision import Decision
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.policy import FieldDecision, plan
from contracts.schema import flatten, lacking, unflatten, validate_event

__all__ = ["FieldLeftOut", "fields_left_out", "without_ungranted"]


@dataclass(frozen=True, slots=True, order=True)
class FieldLeftOut:
    """A field that an agency does not get although the event has it and goes to that agency.

    Attributes:
        field: leaf path.
        agency: an addressed agency.
        reason: `field_not_granted` (no addressed agency may read it), `sender_not_granted`,
            `consent_missing` or `incident_depersonalised`.
    """

    field: str
    agency: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """For scripts and reports."""
        return {"field": self.field, "agency": self.agency, "reason": self.reason}


def fields_left_out(decision: Decision) -> tuple[FieldLeftOut, ...]:
    """Return what a decision leaves out, for each addressed agency that does not get it."""
    return tuple([FieldLeftOut(*one) for one in decision.left_out])


def without_ungranted(
    contract: Contract, sender: str, event: PlainEvent
) -> tuple[PlainEvent, tuple[FieldDecision, ...]]:
    """Leave out what no addressed agency may read, or the sender may not send.

    An export has the columns that its system has; the contract decides which of them travel.

    Args:
        contract: the agreement.
        sender: agency id.
        event: what is to be sent.

    Returns:
        The event as it may be sent, and what was left out of it. The same event if nothing is, or
        if it is to be refused anyway: for its recipients, its form, or a part that would be torn.
    """
    planned = plan(contract, sender, event.recipients, event.type)
    if planned.denial is not None:
        return event, ()
    try:
        validate_event(event.type, event.data)
        flat = flatten(event.type, event.data)
    except EventError:
        return event, ()
    kept = {path: value for path, value in flat.items() if path in planned.fields}
    personal: frozenset[str] = frozenset()
    if planned.impersonal(flat) and not planned.impersonal(kept):
        # The record type is left out, so `decide` does not see it; its rule applies all the same.
        personal = planned.depersonalised
        kept = {path: value for path, value in kept.items() if path not in personal}
    if len(kept) == len(flat) or lacking(event.type, kept.keys()):
        return event, ()
    readable = planned.grouping.group_of if planned.grouping is not None else {}
    fields = contract.event_types[event.type].fields
    gone = tuple(
        FieldDecision(
            path=path,
            verdict="left_out",
            readers=frozenset(),
            clause=fields[path].clause if path in fields else None,
            reason=_reason(path, personal, readable),
        )
        for path in flat
        if path not in kept
    )
    return PlainEvent(event.type, event.recipients, unflatten(kept)), gone


def _reason(path: str, personal: Collection[str], readable: Collection[str]) -> str:
    if path in personal:
        return "incident_depersonalised"
    return "sender_not_granted" if path in readable else "field_not_granted"
