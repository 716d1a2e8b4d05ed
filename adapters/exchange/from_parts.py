"""Acceptance and reading of a side, made from the parts that every side gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.exchange.accepting import ExchangeAcceptance
from adapters.exchange.offering import Reading

if TYPE_CHECKING:
    from adapters.sides import SideParts


def acceptance_of(parts: SideParts) -> ExchangeAcceptance:
    """Return what accepts the events of a source."""
    return ExchangeAcceptance(
        parts.store, parts.publisher, parts.metrics, parts.clock, leave_out=parts.system.leave_out
    )


def reading_of(parts: SideParts) -> Reading:
    """Return what gives the events of a sink their form."""
    participant = parts.participant
    return Reading(participant.agency, participant.keyring.secret(), parts.contracts)
