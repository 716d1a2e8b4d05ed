"""Step 6: which contract governs an event, from when to when, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.judging.judgements import Deferred, Opened, Refused
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.contracts import SignedContract
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    TODAY,
    FoundedPartnership,
)
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log


def test_an_event_under_a_contract_that_is_unknown_waits(
    council: Reader, log: Log, short: SignedContract
) -> None:
    one = log.send_one(draft_event(signed=short).value())
    assert council.deferral(one) == (6, "contract_unknown")


def test_a_record_that_waits_for_a_contract_has_its_place_in_the_stream(
    council: Reader, log: Log, short: SignedContract
) -> None:
    """A file does not wait: what follows the record follows it without a gap."""
    waits, follows = log.send(draft_event(signed=short).value(), draft_event().value())
    judgement = council.take(waits)
    assert isinstance(judgement, Deferred)
    assert isinstance(judgement.refused, Refused)  # and its place counts
    council.context.took(judgement)
    after = council.take(follows)
    assert isinstance(after, Opened)
    assert after.placement.verdict == "next"


def without(signed: SignedContract, agency: str) -> SignedContract:
    """The contract without a party's signature."""
    return SignedContract(
        signed.text, tuple(note for note in signed.notes if note.agency != agency)
    )


def test_a_contract_that_a_party_has_not_signed_is_unknown(
    world: FoundedPartnership, log: Log, short: SignedContract
) -> None:
    lacking = without(short, SUPPORT)
    reader = Reader(contracts=world.book(COUNCIL, lacking))
    one = log.send_one(draft_event(signed=short).value())
    assert reader.deferral(one) == (6, "contract_unknown")


def test_a_contract_that_i_have_not_signed_is_unknown(
    world: FoundedPartnership, log: Log, short: SignedContract
) -> None:
    unsigned = without(short, COUNCIL)
    reader = Reader(contracts=world.book(COUNCIL, unsigned))
    one = log.send_one(draft_event(signed=short).value())
    assert reader.deferral(one) == (6, "contract_unknown")


def test_a_contract_governs_its_own_topics_only(world: FoundedPartnership, log: Log) -> None:
    other = world.another_contract(
        terms=lambda text: text.replace("name: london-hate-crime\n", "name: london-two\n")
    )
    assert other.contract.name == "london-two"
    reader = Reader(contracts=world.book(COUNCIL, other))
    one = log.send_one(draft_event(signed=other).value())
    assert reader.refusal(one) == (6, "topic_not_owned")


def test_trial_topics_have_no_owner_on_kafka(world: FoundedPartnership) -> None:
    trial = Log()
    reader = Reader()
    assert f"{trial.topic}.trial" not in (
        reader.trust.contract_in_force(world.signed.hash).topics  # type: ignore[union-attr]  # it is known
    )


@pytest.mark.parametrize(
    ("starts", "ends", "outcome"),
    [
        (TODAY, TODAY, "opened"),
        (TODAY + timedelta(days=1), TODAY + timedelta(days=9), "refused"),
        (date(2026, 1, 1), TODAY - timedelta(days=1), "refused"),
    ],
)
def test_a_contract_governs_what_was_logged_while_it_was_in_force(
    world: FoundedPartnership, log: Log, starts: date, ends: date, outcome: str
) -> None:
    signed = world.another_contract(starts=starts, ends=ends)
    reader = Reader(contracts=world.book(COUNCIL, signed))
    judgement = reader.take(log.send_one(draft_event(signed=signed).value()))
    assert judgement.outcome == outcome
    if isinstance(judgement, Refused):
        assert (judgement.refusal.step, judgement.refusal.code) == (6, "contract_not_in_force")


def test_a_contract_begins_with_its_first_moment_and_ends_before_its_last(
    world: FoundedPartnership, short: SignedContract
) -> None:
    begins = world.another_contract(starts=TODAY + timedelta(days=1))
    midnight = begins.contract.starts_ms
    reader = Reader(contracts=world.book(COUNCIL, begins, short))
    first = Log().send_one(draft_event(signed=begins).value(), at=midnight)
    assert reader.take(first, midnight).outcome == "opened"
    ends = short.contract.ends_ms
    last = Log(partition=1).send_one(draft_event(signed=short).value(), at=ends - SECOND)
    assert reader.take(last, ends).outcome == "opened"
    after = Log(partition=2).send_one(draft_event(signed=short).value(), at=ends)
    assert reader.refusal(after, ends) == (6, "contract_not_in_force")


def test_a_contract_that_ended_longer_ago_than_retention_and_grace_opens_nothing(
    world: FoundedPartnership, log: Log, short: SignedContract
) -> None:
    reader = Reader(contracts=world.book(COUNCIL, short))
    in_force = reader.trust.contract_in_force(short.hash)
    assert in_force is not None
    over = short.contract.ends_ms + in_force.contract.grace_ms
    one = log.send_one(draft_event(signed=short).value())
    assert Reader(contracts=world.book(COUNCIL, short)).take(one, over - 1).outcome == "opened"
    assert reader.refusal(one, over) == (6, "contract_ended")


def test_a_contract_binds_only_those_whom_it_names(world: FoundedPartnership, log: Log) -> None:
    without_police = world.another_contract(parties=(PROSECUTION, COUNCIL, SUPPORT))
    reader = Reader(contracts=world.book(COUNCIL, without_police))
    one = replace(draft_event(), contract=without_police.hash)
    assert reader.refusal(log.send_one(one.value())) == (6, "not_a_party")


@pytest.mark.parametrize(
    ("agency", "state", "code"),
    [
        (POLICE, "suspended", "suspended"),
        (POLICE, "left", "contract_left"),
        (COUNCIL, "suspended", "own_suspension"),
        (COUNCIL, "left", "contract_left"),
    ],
)
def test_a_suspended_party_neither_sends_nor_reads(
    world: FoundedPartnership, agency: str, state: str, code: str
) -> None:
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state=state,  # type: ignore[arg-type]  # one of the two
        since=NOW + HOUR,
        reason="review",
    )
    manifests = world.reissue(agency, ManifestChanges(standing=(entry,)), NOW + HOUR)
    reader = Reader(manifests=manifests)
    before = Log().send_one(draft_event().value(), at=NOW + HOUR - SECOND)
    assert reader.take(before, NOW + HOUR - SECOND).outcome == "opened"
    after = Log(partition=1).send_one(draft_event().value(), at=NOW + HOUR)
    judgement = reader.take(after, NOW + 2 * HOUR)
    refused = judgement.refused if isinstance(judgement, Deferred) else judgement
    assert isinstance(refused, Refused)
    assert (refused.refusal.step, refused.refusal.code) == (6, code)
    assert isinstance(judgement, Deferred) is (code == "own_suspension")


def test_anothers_suspension_stops_neither_of_us(world: FoundedPartnership, log: Log) -> None:
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="suspended",
        since=NOW,
        reason="review",
    )
    manifests = world.reissue(PROSECUTION, ManifestChanges(standing=(entry,)), NOW)
    reader = Reader(manifests=manifests)
    assert reader.take(log.send_one(draft_event().value(), at=NOW + MINUTE)).outcome == "opened"
