"""The year of invented cases in the states of agencies, as facts for figures alone.

Each agency's state gets the facts that it would have if the agencies had said all this to each
other, and the counts of its partners. No event is sealed, and no inbox or log has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Final

from adapters.demo.samples.year import SampleEvent, SampleYear, last_full_year, sample_year
from adapters.demo.sealed_statements import signed_statement
from adapters.trial_partnership import TrialPartnership
from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.event import OpenedEvent
from broker.figures.counting import parse_period
from broker.figures.counts_content import packed
from broker.figures.counts_held import counts_row
from broker.figures.own_counts import own_counts
from broker.figures.recording import FactRecorder
from broker.statements.counts_statement import COUNTS
from broker.statements.partner_statements import StatementPlace
from broker.store.database import open_store
from broker.store.place import StatePlace
from contracts.model import Contract
from contracts.policy import granted_from

_SECOND_MS: Final = 1000


def record_years(partnership: TrialPartnership, now: int) -> SampleYear:
    """Record the last four quarters that have ended in the state of every agency.

    Args:
        partnership: of fictitious agencies.
        now: ms.

    Raises:
        StoreError: a state cannot be written.
    """
    year = sample_year(last_full_year(now))
    participants = [
        load_participant(partnership.directory(agency), now) for agency in partnership.agencies
    ]
    for participant in participants:
        record_year(participant, year, now)
    _exchange_counts(participants, year, now)
    return year


def _exchange_counts(participants: Sequence[Participant], year: SampleYear, now: int) -> None:
    """Put the counts of each agency, sealed and signed, into the state of every partner.

    It stands for the adapters, which send counts over Kafka.
    """
    with ExitStack() as stack:
        stores = {
            one.agency: stack.enter_context(closing(open_store(_database(one))))
            for one in participants
        }
        for own in participants:
            contract = own.contract_in_force(now).contract
            readers = sorted(contract.statistics_parties - {own.agency})
            for name in year.periods:
                with stores[own.agency].reading() as tx:
                    secret, period = own.keyring.secret(), parse_period(name)
                    counts = own_counts(tx, secret, contract, own.agency, period)
                content = None if counts is None else packed(counts)
                assert content is not None  # the sample agreement counts, and the year is small
                place = StatementPlace(own.deployment, own.agency, now, (contract.name, name))
                note = signed_statement(COUNTS, own, place, content, readers)
                for reader in participants:
                    if reader.agency in readers:
                        row = counts_row(reader.keyring.secret(), place, note, content)
                        with stores[reader.agency].transaction() as tx:
                            tx.figure_counts.save(row)


def _database(participant: Participant) -> StatePlace:
    return participant.state


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
    store = open_store(_database(participant))
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
