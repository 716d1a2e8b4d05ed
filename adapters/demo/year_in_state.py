"""The year of invented cases in the states of agencies, as facts for figures alone.

Each agency's state gets the facts that it would have if the agencies had said all this to each
other. No event is sealed, and no inbox or log has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.demo.samples.year import SampleEvent, SampleYear, last_full_year, sample_year
from adapters.trial_partnership import Partnership
from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.event import OpenedEvent
from broker.figures.recording import FactRecorder
from broker.store.database import open_store
from contracts.model import Contract
from contracts.policy import granted_from

_SECOND_MS: Final = 1000


def record_years(partnership: Partnership, now: int) -> SampleYear:
    """Record the last four quarters that have ended in the state of every agency.

    Args:
        partnership: of fictitious agencies.
        now: ms.

    Raises:
        StoreError: a state cannot be written.
    """
    year = sample_year(last_full_year(now))
    for agency in partnership.agencies:
        record_year(load_participant(partnership.directory(agency), now), year, now)
    return year


def record_year(participant: Participant, year: SampleYear, now: int) -> None:
    """Record in an agency's state what it says and is told in a year.

    Args:
        participant: the agency.
        year: the cases.
        now: ms; its agreement in force then is the one that counts.

    Raises:
        StoreError: the state cannot be written.
        RegistryError: no agreement is in force.
    """
    contract = participant.contract_in_force(now).contract
    secret = participant.keyring.secret()
    ids = {event.row: event.id for event in year.events}
    store = open_store(participant.path(participant.config.state.database))
    try:
        with store.transaction() as tx:
            facts = FactRecorder(tx, secret, participant.agency)
            for event in year.events:
                key = pseudonyms.case_key(secret, str(event.leaves["case_id"]))
                if event.sender == participant.agency:
                    plain = event.plain(ids)
                    facts.published(plain, contract, event.id, key, event.time_ms)
                elif participant.agency in event.recipients:
                    opened = _opened(event, participant.agency, contract, ids)
                    facts.received(opened, contract, key, event.time_ms)
            facts.write()
    finally:
        store.close()


def _opened(
    event: SampleEvent, reader: str, contract: Contract, ids: Mapping[int, str]
) -> OpenedEvent:
    """Return an event as a recipient reads it: with the leaves that the agreement grants."""
    plain = event.plain(ids)
    flat = contract.vocabulary.type(event.type).flatten(plain.data)
    granted = granted_from(contract, event.sender, reader, event.type)
    return OpenedEvent(
        id=event.id,
        type=event.type,
        source=event.sender,
        time="",
        to=event.recipients,
        flat={path: value for path, value in flat.items() if path in granted},
        withheld=(),
        log_time=event.time_ms // _SECOND_MS,
    )
