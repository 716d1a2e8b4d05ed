"""Consultation of a kept event by a person, for the disclosure log."""

from __future__ import annotations

from dataclasses import replace

from broker.audit import recording
from broker.audit.entries import Entry
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.contents import KeptEvent
from broker.operations.desk.keeping import OURS
from broker.store.desk_rows import DeskEventRow
from contracts.model import Contract


def consulted(agency: DeskAgency, row: DeskEventRow, kept: KeptEvent, now: int) -> Entry:
    """Return the entry for a kept event that is shown to a person.

    Args:
        agency: this agency.
        row: its row.
        kept: its content.
        now: ms.
    """
    signed = agency.signed(kept.event.contract[2])
    assert signed is not None
    entry = recording.consulted(
        kept.event, signed.text, agency.id, row.case_key, now, recording.OPERATOR
    )
    return replace(entry, source=None) if row.source == OURS else entry


def contract_of(agency: DeskAgency, kept: KeptEvent) -> Contract:
    """Return the agreement under which a kept event was sent."""
    signed = agency.signed(kept.event.contract[2])
    assert signed is not None
    return signed.contract
