"""A stop names a contract and covers every version signed so far (docs/spec/contracts.md)."""

from __future__ import annotations

from typing import Literal

import pytest

from broker.judging.judgements import Deferred, Refused
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.contract_in_force import contract_in_force
from broker.registry.contracts import SignedContract
from broker.registry.manifests import ManifestBook
from contracts.decision import decide
from contracts.events import PlainEvent
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, FoundedPartnership
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

MINUTE, HOUR = 60_000, 3_600_000
State = Literal["suspended", "left"]


@pytest.fixture
def newer(world: FoundedPartnership) -> SignedContract:
    """Version 1.1.0, which replaces the first; every party has signed it."""
    return world.another_contract(
        terms=lambda text: text.replace(
            "\nversion: 1.0.0", f'\nversion: 1.1.0\nprevious: ["{world.signed.hash.hex()}"]', 1
        )
    )


def stopped(
    world: FoundedPartnership, agency: str, state: State, *versions: SignedContract
) -> ManifestBook:
    """The manifests after an agency has suspended or left what it had signed, at `NOW`."""
    entry = StandingEntry(
        contract=world.contract.name,
        versions=tuple(sorted(one.hash for one in versions)),
        state=state,
        since=NOW,
        reason="legal_review",
    )
    return world.reissue(agency, ManifestChanges(standing=(entry,)), NOW)


@pytest.mark.parametrize(("state", "code"), [("left", "contract_left"), ("suspended", "suspended")])
def test_a_partner_that_has_the_older_version_alone_seals_nothing_to_it(
    world: FoundedPartnership, newer: SignedContract, state: State, code: str
) -> None:
    """The council left 1.1.0; the police, still on 1.0.0, held its manifest and went on sealing."""
    manifests = stopped(world, COUNCIL, state, newer, world.signed)
    in_force = contract_in_force(world.book(POLICE), manifests, NOW + MINUTE)
    assert in_force.hash == world.signed.hash
    event = PlainEvent("referral.made", (COUNCIL,), {})
    status = in_force.status(NOW + MINUTE)
    made = decide(in_force.contract, status, POLICE, (COUNCIL,), event, NOW + MINUTE)
    assert (made.permitted, made.code) == (False, code)


def test_the_party_that_left_opens_nothing_under_the_older_version(
    world: FoundedPartnership, newer: SignedContract, log: Log
) -> None:
    """The statement lists the newer version alone, which replaces the older one."""
    manifests = stopped(world, COUNCIL, "left", newer)
    reader = Reader(manifests=manifests, contracts=world.book(COUNCIL, newer))
    one = log.send_one(draft_event().value(), at=NOW + MINUTE)
    assert reader.refusal(one, NOW + MINUTE) == (6, "contract_left")


def test_a_suspension_of_the_newest_version_stops_the_older_ones_too(
    world: FoundedPartnership, newer: SignedContract, log: Log
) -> None:
    """Six of seven had signed 1.2.0; a reader that suspended it went on opening under 1.1.0."""
    manifests = stopped(world, COUNCIL, "suspended", newer, world.signed)
    one = log.send_one(draft_event().value(), at=NOW + MINUTE)
    for contracts in (world.book(COUNCIL), world.book(COUNCIL, newer)):
        reader = Reader(manifests=manifests, contracts=contracts)
        assert reader.deferral(one, NOW + MINUTE) == (6, "own_suspension")


def test_a_version_that_it_signs_later_is_a_new_agreement(
    world: FoundedPartnership, newer: SignedContract, log: Log
) -> None:
    manifests = stopped(world, POLICE, "left", world.signed)
    reader = Reader(manifests=manifests, contracts=world.book(COUNCIL, newer))
    old, new = draft_event(), draft_event(signed=newer)
    assert reader.refusal(log.send_one(old.value(), at=NOW), NOW) == (6, "contract_left")
    taken = reader.take(log.send_one(new.value(), at=NOW + MINUTE), NOW + MINUTE)
    assert taken.outcome == "opened"


def test_a_record_logged_during_a_suspension_stays_refused(
    world: FoundedPartnership, log: Log
) -> None:
    """Suspend, a thief logs, resume."""
    manifests = stopped(world, POLICE, "suspended", world.signed)
    manifests = world.resume(POLICE, NOW + HOUR, manifests)
    reader = Reader(manifests=manifests)
    during = log.send_one(draft_event().value(), at=NOW + MINUTE)
    after = log.send_one(draft_event().value(), at=NOW + HOUR)
    assert reader.refusal(during, NOW + 2 * HOUR) == (6, "suspended")
    assert reader.take(after, NOW + 2 * HOUR).outcome == "opened"


def test_a_record_that_waited_for_the_readers_own_suspension_opens_when_it_resumes(
    world: FoundedPartnership, log: Log
) -> None:
    manifests = stopped(world, COUNCIL, "suspended", world.signed)
    one = log.send_one(draft_event().value(), at=NOW + MINUTE)
    waiting = Reader(manifests=manifests).take(one, NOW + 2 * MINUTE)
    assert isinstance(waiting, Deferred)
    assert isinstance(waiting.refused, Refused)
    resumed = world.resume(COUNCIL, NOW + HOUR, manifests)
    assert Reader(manifests=resumed).take(one, NOW + HOUR).outcome == "opened"
    assert Reader(agency=SUPPORT, manifests=manifests).take(one, NOW + MINUTE).outcome == "opened"
