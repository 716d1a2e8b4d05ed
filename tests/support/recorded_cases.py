"""Cases that an agency recorded first, for figures: as the transaction that accepts them does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker import pseudonyms
from broker.agency.participant import load_participant
from broker.event import uuid_text
from broker.figures.recording import FactRecorder
from broker.store.database import open_store
from contracts.events import PlainEvent


@dataclass(frozen=True, slots=True)
class RecordedCases:
    """Cases with the same values.

    Attributes:
        number: how many.
        borough: ONS code of the scene.
        strands: codes of the motivations.
        channel: code of the way in which it was reported.
        consent: whether the person agrees to statistics.
        serial: number from which their ids are made, if it is not that of the cases before.
    """

    number: int
    borough: str
    strands: Sequence[str]
    channel: str = "third_party_centre"
    consent: bool = True
    serial: int | None = None


def record_cases(
    folder: Path, found: Sequence[RecordedCases], now: int, recorded_ms: int | None = None
) -> None:
    """Record cases of an agency, each with a referral of its own.

    Args:
        folder: the agency's folder; its state is made if there is none.
        found: the cases.
        now: ms.
        recorded_ms: the cases belong to the quarter of this instant; None is now.
    """
    participant = load_participant(folder, now)
    secret = participant.keyring.secret()
    contract = participant.contracts_in_force(now)[0].signed.contract
    recipient = next(one.id for one in contract.parties if one.id != participant.agency)
    database = participant.path(participant.config.state.database)
    database.parent.mkdir(exist_ok=True)
    store = open_store(database)
    serial = 0
    with store.transaction() as tx:
        facts = FactRecorder(tx, secret, participant.agency)
        for one in found:
            serial = serial if one.serial is None else one.serial
            for _ in range(one.number):
                serial += 1
                case = uuid_text(serial.to_bytes(16, "big"))
                incident = {
                    "record_type": "hate_crime",
                    "borough": one.borough,
                    "strands": list(one.strands),
                    "reporting_channel": one.channel,
                }
                data = {
                    "case_id": case,
                    "referral_id": case,
                    "requested_service": "advocacy",
                    "incident": incident,
                    "consent": {"statistics": one.consent},
                }
                event = PlainEvent("referral.made", (recipient,), data)
                key = pseudonyms.case_key(secret, case)
                facts.published(event, contract, case, key, recorded_ms or now)
        facts.write()
    store.close()
