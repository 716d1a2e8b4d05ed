"""The six kinds of section 62, each where it happens."""

from __future__ import annotations

import pytest

from broker.audit.entries import NewLogEntry
from broker.audit.query import entries_of_case, entries_of_log
from broker.pseudonyms import case_key
from tests.support.founded_partnership import CASE, COUNCIL, POLICE, PROSECUTION
from tests.support.memory_agency import MemoryAgency, at_offsets
from tests.support.sealed_referrals import values
from tests.support.sent_records import Log

CASE_ID = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"


@pytest.fixture
def log() -> Log:
    """Not the disclosure log of this package's other tests."""
    return Log()


def kinds(member: MemoryAgency) -> list[str]:
    with member.store.reading() as tx:
        return [placed.entry.kind for placed in entries_of_log(tx)]


def entries(member: MemoryAgency, case: str) -> list[NewLogEntry]:
    with member.store.reading() as tx:
        return [placed.entry for placed in entries_of_case(tx, case_key(member.secret, case))]


def test_an_own_row_is_collected_and_disclosed(police: MemoryAgency) -> None:
    police.publish(police.event(), source_key=b"row 1")
    assert kinds(police) == ["collection", "disclosure"]


def test_an_own_update_is_an_alteration_too(police: MemoryAgency) -> None:
    police.publish(police.event(CASE, to=(PROSECUTION,)), source_key=b"row 1")
    assert kinds(police) == ["collection", "alteration", "disclosure"]


def test_events_of_a_partner_are_collected_with_their_fields(
    council: MemoryAgency, log: Log
) -> None:
    council.take(at_offsets(log.send(*values(2))))
    with council.store.reading() as tx:
        found = [placed.entry for placed in entries_of_log(tx)]
    assert [one.kind for one in found] == ["collection", "collection"]
    assert {one.source for one in found} == {POLICE}
    assert all(one.fields() for one in found)


def test_records_of_a_second_source_are_a_combination_once(council: MemoryAgency, log: Log) -> None:
    """A case of our own, then what a partner says about the same case."""
    records = at_offsets(log.send(*values(1)))
    (event,) = council.take(records).opened
    case = str(event.flat["case_id"])
    for number in range(2):
        own = council.event(CASE, to=(POLICE,), case_id=case)
        council.publish(own, source_key=b"row %d" % number)
    joined = [one for one in entries(council, case) if one.kind == "combination"]
    assert [(one.source, one.joined) for one in joined] == [(COUNCIL, (POLICE,))]


def test_a_case_of_one_source_is_no_combination(police: MemoryAgency) -> None:
    for number in range(2):
        event = police.event(CASE, to=(PROSECUTION,), case_id=CASE_ID)
        police.publish(event, source_key=b"row %d" % number)
    assert "combination" not in {one.kind for one in entries(police, CASE_ID)}


def test_a_source_joins_a_case_once_until_it_is_erased(
    council: MemoryAgency,
) -> None:
    with council.store.transaction() as tx:
        first = tx.disclosures.join_sources([(b"c" * 32, ""), (b"c" * 32, POLICE)])
        again = tx.disclosures.join_sources([(b"c" * 32, POLICE)])
        tx.disclosures.forget_sources(b"c" * 32)
        anew = tx.disclosures.join_sources([(b"c" * 32, POLICE)])
    assert first == {(b"c" * 32, ""): (), (b"c" * 32, POLICE): ("",)}
    assert again == {}
    assert anew == {(b"c" * 32, POLICE): ()}
