"""Simulation of one event under an agreement: the fields that each recipient would read.

For each other field it gives the reason. It needs no key and seals nothing. It uses the decision of
sealing (`contracts/decision.py`), as if the agreement were in force and no party had left it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.decision import decide, without_ungranted
from contracts.events import PlainEvent
from contracts.examples import example
from contracts.model import Contract
from contracts.policy import FieldDecision
from contracts.status import ContractStatus
from contracts.vocabulary import unflatten

__all__ = ["NotRead", "RecipientView", "Simulated", "simulate", "simulate_example"]


@dataclass(frozen=True, slots=True)
class NotRead:
    """A field of the event that a recipient does not get.

    Attributes:
        field: leaf path.
        reason: `not_a_reader`, `consent_missing`, `incident_depersonalised` or
            `sender_not_granted`.
        clause: clause of the agreement that decides; None if the agreement does not name the field.
    """

    field: str
    reason: str
    clause: str | None


@dataclass(frozen=True, slots=True)
class RecipientView:
    """The fields that one recipient would read, and the others, both in the event's order."""

    reads: tuple[str, ...]
    left_out: tuple[NotRead, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """The answer for one event.

    Attributes:
        code: `permitted`, or the reason why the event would be refused.
        detail: one sentence, without values.
        clause: clause of the agreement that decides, if one does.
        recipients: maps each addressed agency to its view; empty if the event would be refused.
        field: leaf path of the one field at fault, with which ``detail`` begins; None if the event
            would be sealed, or if the fault is not in one field.
    """

    code: str
    detail: str
    clause: str | None
    recipients: Mapping[str, RecipientView]
    field: str | None = None

    @property
    def permitted(self) -> bool:
        """Return whether the event would be sealed."""
        return self.code == "permitted"


def simulate(
    contract: Contract, sender: str, event: PlainEvent, now: int | None = None
) -> Simulated:
    """Return what each addressed agency would read of an event.

    Args:
        contract: the agreement; its dates, signatures and departures are not considered.
        sender: agency id.
        event: the event, with its recipients.
        now: ms; the day that decides on codes which end for a kind of sender. The agreement's first
            day if it is left out.

    Raises:
        ContractError: the agreement itself is at fault.
    """
    sent, removed = without_ungranted(contract, sender, event)
    assumed = ContractStatus("in_force", contract.starts_ms, (), MappingProxyType({}))
    at = max(contract.starts_ms, 0) if now is None else now
    decision = decide(contract, assumed, sender, event.recipients, sent, at)
    if not decision.permitted:
        return Simulated(decision.code, decision.detail, decision.clause, {}, decision.field)
    decided = {one.path: one for one in (*removed, *decision.fields)}
    paths = tuple(contract.vocabulary.type(event.type).flatten(event.data))
    narrowed = {(one.path, one.agency): one.reason for one in decision.left_out}
    views = {
        agency: _view(contract, event.type, agency, paths, decided, narrowed)
        for agency in event.recipients
    }
    return Simulated("permitted", decision.detail, decision.clause, MappingProxyType(views))


def simulate_example(
    contract: Contract,
    sender: str,
    event_type: str,
    recipients: tuple[str, ...],
    consent: Collection[str],
) -> Simulated:
    """Return what each recipient would read of an event with every field that may be sent.

    Args:
        contract: the agreement.
        sender: agency id.
        event_type: its name.
        recipients: agency ids.
        consent: scopes to which the person agrees; all others are refused.

    Raises:
        EventError: `type_unknown`, or `type_not_permitted` for this sender.
        ContractError: the agreement itself is at fault.
    """
    whole = example(contract, sender, event_type)
    vocabulary = contract.vocabulary
    flat = vocabulary.type(event_type).flatten(whole.data)
    for path, scope in vocabulary.answers.items():
        if path in flat:
            flat[path] = scope in consent
    return simulate(contract, sender, PlainEvent(event_type, recipients, unflatten(flat)))


def _view(
    contract: Contract,
    event_type: str,
    agency: str,
    paths: tuple[str, ...],
    decided: Mapping[str, FieldDecision],
    narrowed: Mapping[tuple[str, str], str],
) -> RecipientView:
    reads = tuple(path for path in paths if agency in decided[path].readers)
    role = contract.role_of[agency]
    fields = contract.event_types[event_type].fields
    left_out = []
    for path in paths:
        if agency in decided[path].readers:
            continue
        granted = path in fields and role in fields[path].readers
        own = narrowed.get((path, agency))
        reason = own or (decided[path].reason if granted else "not_a_reader")
        left_out.append(NotRead(path, reason, decided[path].clause))
    return RecipientView(reads, tuple(left_out))
