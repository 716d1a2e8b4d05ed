"""Consultation of an event by a person, with the reason if the agreement asks for one."""

from __future__ import annotations

from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.reason_codes import OTHER, REASONS, is_stated
from broker.errors import WrongInputError
from broker.event import OpenedEvent
from contracts.loading import ContractText
from contracts.model import Contract


class ReasonMissingError(WrongInputError):
    """An agreement asks for a reason, and the person states none.

    Attributes:
        case_key: name of the case in the agency's log, for which the reason is missing.
    """

    def __init__(self, contract: Contract, case_key: bytes) -> None:
        super().__init__(
            f"The agreement {contract.name} {contract.version} asks for a reason before data of an "
            "event is shown.",
            code="consultation_reason_required",
            fix=f"Give --reason with one of these codes: {', '.join(REASONS)}. After {OTHER} write "
            "a colon and the reason in words.",
        )
        self.case_key = case_key


def shown_to(
    actor: Actor,
    event: OpenedEvent,
    contract: ContractText,
    agency: str,
    case_key: bytes,
    now: int,
) -> NewLogEntry:
    """Return the entry for an event that is shown to a person.

    Args:
        actor: the person.
        event: the event.
        contract: the agreement under which it was sealed.
        agency: this agency.
        case_key: name of its case in the agency's log.
        now: ms.

    Raises:
        ReasonMissingError: the agreement asks this agency's people for a reason, and the person
            states none.
    """
    asked = contract.contract.asks_reason_of(agency)
    if asked and not is_stated(actor.reason_code, actor.reason):
        raise ReasonMissingError(contract.contract, case_key)
    return recording.consulted(
        event, contract, agency, case_key, now, actor.operator, reason=actor.reason_code
    )
