"""Reasons why a reader does not receive fields of an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from contracts.model import Contract
from contracts.policy import granted_from

__all__ = ["WithheldReason", "withheld_reasons"]

WithheldReason: TypeAlias = Literal["field_not_granted", "consent_missing"]


def withheld_reasons(
    contract: Contract, sender: str, reader: str, event_type: str, withheld: Iterable[str]
) -> dict[str, WithheldReason]:
    """Return the reason for each leaf path that a reader does not receive.

    A field that the agreement grants is withheld only for lack of consent.

    Args:
        contract: the agreement of the event.
        sender: the agency that sent it.
        reader: the agency that does not receive the fields.
        event_type: its type.
        withheld: leaf paths.
    """
    granted = granted_from(contract, sender, reader, event_type)
    return {
        path: "consent_missing" if path in granted else "field_not_granted" for path in withheld
    }
