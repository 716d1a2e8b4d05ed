"""Records from before an end, dated back or not (docs/spec/streams.md, "Ends")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest

from broker.judging.ends import SUSPENSION_WINDOW_MS
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.record import Record
from broker.registry.manifests import ManifestBook
from broker.tlog.proof import parse_proof
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    NOW,
    POLICE,
    SUPPORT,
    TODAY,
    FoundedPartnership,
)
from tests.support.judging_agency import Reader
from tests.support.record_parts import proof_of
from tests.support.sent_records import Log

MINUTE, HOUR = 60_000, 3_600_000
CHANGEOVER_MS = 7 * 24 * HOUR
END = NOW + 2 * HOUR
State = Literal["suspended", "left"]
WINDOWS = {"suspended": SUSPENSION_WINDOW_MS, "left": CHANGEOVER_MS}


def ended(world: FoundedPartnership, state: State, agency: str = POLICE) -> ManifestBook:
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state=state,
        since=END,
        reason="key_compromise",
    )
    return world.reissue(agency, ManifestChanges(standing=(entry,)), END)


def stated(record: Record) -> tuple[int, bytes]:
    """Size and root of a record's checkpoint, as a receipt has them."""
    checkpoint = parse_proof(proof_of(record)).checkpoint
    return checkpoint.size, checkpoint.root


class Asked:
    """Receipts as a reader's context gives them; remembers what was asked for."""

    def __init__(self, *receipts: tuple[int, bytes]) -> None:
        self.receipts = receipts
        self.asked: list[tuple[int, frozenset[str]]] = []

    def __call__(
        self, _origin: str, index: int, before: int, among: frozenset[str]
    ) -> list[tuple[int, bytes]]:
        self.asked.append((before, among))
        return [one for one in self.receipts if one[0] > index]


def take(reader: Reader, record: Record, now: int) -> str:
    """The code of the refusal, or the outcome."""
    judgement: Any = reader.take(record, now)
    refusal = getattr(judgement, "refusal", None)
    return judgement.outcome if refusal is None else refusal.code


@pytest.mark.parametrize("state", ["suspended", "left"])
def test_a_record_that_came_in_the_window_is_judged_as_ever(
    world: FoundedPartnership, log: Log, state: State
) -> None:
    reader = Reader(manifests=ended(world, state))
    before = [log.send_one(draft_event().value(), at=END - MINUTE) for _ in range(2)]
    end = END + WINDOWS[state]
    assert take(reader, before[0], end - 1) == "opened"
    assert take(reader, before[1], end) == "not_heard"


def test_a_thief_that_dates_back_during_a_suspension_opens_nothing(
    world: FoundedPartnership, log: Log
) -> None:
    """Also after the sender has resumed, and after an honest record of that time."""
    manifests = ended(world, "suspended")
    reader = Reader(manifests=world.resume(POLICE, END + HOUR, manifests))
    honest = log.send_one(draft_event().value(), at=END - HOUR)
    forged = log.send_one(draft_event().value(), at=END - MINUTE)
    after = log.send_one(draft_event().value(), at=END + HOUR)
    assert take(reader, honest, END - HOUR) == "opened"
    assert take(reader, forged, END + 2 * HOUR) == "not_heard"
    assert take(reader, after, END + 2 * HOUR) == "opened"


def test_a_head_made_up_before_leaving_covers_no_record_that_is_dated_back(
    world: FoundedPartnership, log: Log
) -> None:
    """No reader gave a receipt over a head that only the sender has named."""
    reader = Reader(manifests=ended(world, "left"), receipts=Asked())
    forged = log.send_one(draft_event().value(), at=END - MINUTE)
    assert take(reader, forged, END + CHANGEOVER_MS) == "not_heard"


def test_a_receipt_from_before_the_end_covers_the_records_below_it(
    world: FoundedPartnership, log: Log
) -> None:
    """The witnesses are the parties that took part, and the time is five minutes after the end."""
    one, two = (log.send_one(draft_event().value(), at=END - MINUTE) for _ in range(2))
    receipts = Asked(stated(two))
    reader = Reader(manifests=ended(world, "left"), receipts=receipts)
    late = END + CHANGEOVER_MS + HOUR
    assert take(reader, one, late) == "fold_awaited"
    assert take(reader, two, late) == "opened"
    assert {before for before, _ in receipts.asked} == {END + 5 * MINUTE}
    assert {among for _, among in receipts.asked} == {frozenset(world.participants) - {POLICE}}


def test_receipts_of_a_party_that_had_stopped_itself_do_not_count(
    world: FoundedPartnership, log: Log
) -> None:
    receipts = Asked()
    manifests = ended(world, "left", SUPPORT)
    entry = manifests.newest(SUPPORT)
    assert entry is not None
    left = replace_since(entry.standing[0], END + MINUTE)
    manifests = world.reissue(POLICE, ManifestChanges(standing=(left,)), END + MINUTE, manifests)
    reader = Reader(manifests=manifests, receipts=receipts)
    record = log.send_one(draft_event().value(), at=END)
    assert take(reader, record, END + CHANGEOVER_MS + HOUR) == "not_heard"
    ((_, among),) = receipts.asked
    assert among == frozenset(world.participants) - {POLICE, SUPPORT}


def replace_since(entry: StandingEntry, since: int) -> StandingEntry:
    return entry.model_copy(update={"since": since})


def test_a_forked_fill_is_not_covered_by_the_receipt_over_the_honest_leaf(
    world: FoundedPartnership, log: Log
) -> None:
    """The last index of the fork never comes, so its leaves never fold to the receipt's root."""
    fork = log.copy() if hasattr(log, "copy") else None
    if fork is None:
        pytest.skip("this log cannot fork")
    honest = [log.send_one(draft_event().value(), at=END - MINUTE) for _ in range(3)]
    forged = fork.send_one(draft_event().value(), at=END - MINUTE)
    reader = Reader(manifests=ended(world, "suspended"), receipts=Asked(stated(honest[2])))
    late = END + HOUR
    assert take(reader, forged, late) == "fold_awaited"
    assert take(reader, forged, late + HOUR) in {"fold_awaited", "repeat"}


def test_a_removal_is_an_end_too(world: FoundedPartnership, log: Log) -> None:
    """A complete version without the sender: dated back, its records open in the changeover."""
    without = world.another_contract(
        parties=[one for one in world.participants if one != POLICE],
        starts=TODAY + timedelta(days=1),
        terms=lambda text: text.replace(
            "\nversion: 1.0.0", f"\nversion: 1.1.0\nprevious: [{world.signed.hash.hex()}]", 1
        ),
    )
    reader = Reader(contracts=world.book(COUNCIL, without))
    in_force = reader.trust.contract_in_force(world.signed.hash)
    assert in_force is not None
    (newer,) = in_force.successors
    early, late = (log.send_one(draft_event().value(), at=NOW + MINUTE) for _ in range(2))
    assert take(reader, early, newer.effect + CHANGEOVER_MS - 1) == "opened"
    assert take(reader, late, newer.effect + CHANGEOVER_MS) == "not_heard"
