"""Consultation of a kept event by a person, for the disclosure log."""

from __future__ import annotations

from dataclasses import replace

from broker.audit.actor import Actor
from broker.audit.consultations import shown_to
from broker.audit.entries import NewLogEntry
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.contents import KeptEvent
from broker.operations.desk.keeping import OURS
from broker.store.desk_rows import DeskEventRow
from contracts.model import Contract


def consultation_entry(
    agency: DeskAgency, actor: Actor, row: DeskEventRow, kept: KeptEvent, now: int
) -> NewLogEntry:
    """Return the entry for a kept event that is shown to a person.

    Args:
        agency: this agency.
        actor: the person.
        row: its row.
        kept: its content.
        now: ms.

    Raises:
        ReasonMissingError: the agreement asks for a reason, and the person states none.
    """
    signed = agency.signed(kept.event.contract[2])
    assert signed is not None
    entry = shown_to(actor, kept.event, signed.text, agency.id, row.case_key, now)
    return replace(entry, source=None) if row.source == OURS else entry


def contract_of(agency: DeskAgency, kept: KeptEvent) -> Contract:
    """Return the agreement under which a kept event was sent."""
    signed = agency.signed(kept.event.contract[2])
    assert signed is not None
    return signed.contract
