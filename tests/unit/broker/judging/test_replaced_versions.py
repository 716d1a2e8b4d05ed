"""Records under a version that a newer one has replaced (docs/spec/contracts.md, "Versions")."""

from __future__ import annotations

import re

import pytest

from broker.audit import recording
from broker.judging.judgements import Opened
from broker.registry.contracts import SignedContract
from contracts.durations import DAY_MS
from tests.support.contract_signatures import first_day
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, FoundedPartnership
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

URGENCY = re.compile(r"(\n      urgency: \{[^}]*readers: \[)([a-z, ]+)\]")


@pytest.fixture
def narrower(world: FoundedPartnership) -> SignedContract:
    """The next version: the council may not read the urgency of a referral any more."""

    def change(text: str) -> str:
        previous = f'\nversion: 1.1.0\nprevious: ["{world.signed.hash.hex()}"]'
        head, made, rest = text.replace("\nversion: 1.0.0", previous, 1).partition(
            "\n  referral.made:"
        )
        found = URGENCY.search(rest)
        assert found is not None
        readers = ", ".join(one for one in found[2].split(", ") if one != "council")
        return head + made + rest.replace(found[0], f"{found[1]}{readers}]", 1)

    return world.another_contract(terms=change)


def test_a_replaced_version_opens_with_what_the_newer_one_grants_too(
    world: FoundedPartnership, narrower: SignedContract, log: Log
) -> None:
    one = log.send_one(draft_event().value(), at=NOW)
    before = Reader().take(one, NOW)
    after = Reader(contracts=world.book(COUNCIL, narrower)).take(one, NOW)
    assert isinstance(before, Opened)
    assert isinstance(after, Opened)
    assert before.event.flat.keys() - after.event.flat.keys() == {"urgency"}
    assert set(after.event.withheld) - set(before.event.withheld) == {"urgency"}
    (collection, *_) = recording.received(
        after.event, world.signed.text, COUNCIL, b"\x00" * 32, NOW, "adapter"
    )
    assert collection.left_out_for == {COUNCIL: {"urgency": "replaced"}}
    assert "urgency" not in collection.shares[0].fields


def test_a_replaced_version_is_refused_after_the_changeover(
    world: FoundedPartnership, narrower: SignedContract, log: Log
) -> None:
    contracts = world.book(COUNCIL, narrower)
    late = first_day(narrower.text) + 7 * DAY_MS
    one = log.send_one(draft_event().value(), at=late)
    assert Reader(contracts=contracts).refusal(one, late) == (6, "contract_replaced")
    contracts.completed[narrower.hash] = NOW + DAY_MS  # it held the version only then
    assert isinstance(Reader(contracts=contracts).take(one, late), Opened)


def test_a_removed_party_is_refused_and_does_not_seal(world: FoundedPartnership, log: Log) -> None:
    """The council signed a version without the police; the others have not signed it yet."""
    without = world.another_contract(
        parties=(COUNCIL, SUPPORT),
        terms=lambda text: text.replace(
            "\nversion: 1.0.0", f'\nversion: 1.1.0\nprevious: ["{world.signed.hash.hex()}"]', 1
        ),
    )
    lacking = SignedContract(
        without.text, tuple(one for one in without.notes if one.agency == COUNCIL)
    )
    one = log.send_one(draft_event().value(), at=NOW)
    signer = Reader(contracts=world.book(COUNCIL, lacking))
    assert signer.refusal(one, NOW) == (6, "contract_left")
    removed = world.book(POLICE).adding_other(lacking)
    (departure,) = removed.partings(world.signed.text)
    assert (departure.agency, departure.state) == (COUNCIL, "left")
