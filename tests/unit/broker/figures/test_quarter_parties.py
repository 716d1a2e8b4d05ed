"""Parties of a quarter, when a version of the agreement drops one.

docs/spec/figures.md, "Used".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.figures.counting import Period, parse_period, quarter_of
from broker.figures.counts_content import packed
from broker.figures.counts_held import NotCounted, counts_of_partners, counts_row
from broker.figures.quarter_parties import parties_of_quarter
from broker.statements.counts_statement import COUNTS
from broker.statements.partner_statements import parse_statement
from contracts.durations import DAY_MS
from tests.support.exchanged_counts import counts_of, sealed_counts
from tests.support.founded_partnership import FoundedPartnership
from tests.support.founding import cheap_scrypt
from tests.support.tallied_partnership import (
    BEFORE_END,
    CHARITY,
    COUNCIL,
    END,
    PERIOD,
    POLICE,
    TalliedPartnership,
    founded_with_tally,
    opened,
    version_without,
)

CHANGED = END + DAY_MS
"""The version without the charity has effect from the second day of the next quarter."""


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    with cheap_scrypt():
        return founded_with_tally()


@pytest.fixture
def town(world: FoundedPartnership, tmp_path: Path) -> Iterator[TalliedPartnership]:
    partnership = opened(world, tmp_path)
    yield partnership
    partnership.close()


def test_a_party_belongs_to_the_quarters_in_which_it_was_one(world: FoundedPartnership) -> None:
    second = version_without(world, CHARITY, CHANGED)
    contracts = world.participants[COUNCIL].contracts.adding(second)
    changed_in = quarter_of(CHANGED)
    for period, belongs in (
        (parse_period(PERIOD), True),
        (changed_in, True),
        (quarter_of(CHANGED, -1), False),
    ):
        found = parties_of_quarter(contracts, second.contract, period)
        assert found.keys() == {COUNCIL, POLICE} | ({CHARITY} if belongs else set())
        assert found[COUNCIL] == second.contract.role_of[COUNCIL]
    first = parties_of_quarter(contracts, second.contract, parse_period(PERIOD))
    assert first[CHARITY] == world.contract.role_of[CHARITY]


def test_a_version_adds_no_party_to_a_quarter_before_its_effect(world: FoundedPartnership) -> None:
    second = version_without(world, CHARITY, CHANGED)
    contracts = world.participants[COUNCIL].contracts.adding(second)
    before = quarter_of(BEFORE_END, 2)  # the agreement was not there yet
    assert set(parties_of_quarter(contracts, second.contract, before)) == {COUNCIL, POLICE}


def test_a_version_has_effect_from_its_first_millisecond_to_before_the_next_one(
    world: FoundedPartnership,
) -> None:
    second = version_without(world, CHARITY, CHANGED)
    contracts = world.participants[COUNCIL].contracts.adding(second)
    (first,) = (one for one in contracts.trusted() if one.contract.version != "1.1.0")
    assert first.effect is not None
    for period, belongs in (
        (Period("2000-Q1", 0, first.effect), False),
        (Period("2000-Q1", 0, first.effect + 1), True),
        (Period("2000-Q1", CHANGED - 1, CHANGED), True),
        (Period("2000-Q1", CHANGED, CHANGED + 1), False),
    ):
        assert (CHARITY in parties_of_quarter(contracts, second.contract, period)) == belongs


def test_counts_of_a_party_that_was_dropped_stay_counted(
    town: TalliedPartnership, world: FoundedPartnership
) -> None:
    member = town.town.members[COUNCIL]
    said = counts_of(world, CHARITY, period=PERIOD)
    statement = parse_statement(COUNTS, sealed_counts(world, said, at=BEFORE_END, to=(COUNCIL,)))
    content = packed(said)
    assert content is not None
    with member.store.transaction() as tx:
        row = counts_row(member.secret, statement.place, statement.note, content)
        tx.figure_counts.save(row)
    second = version_without(world, CHARITY, CHANGED)
    contracts = world.participants[COUNCIL].contracts.adding(second)
    books = (contracts, world.participants[COUNCIL].manifests)
    with member.store.reading() as tx:
        held = counts_of_partners(tx, member.secret, second.contract, parse_period(PERIOD), *books)
        later = counts_of_partners(
            tx, member.secret, second.contract, quarter_of(CHANGED, -1), *books
        )
    assert held.counted == (said,)
    assert held.not_counted == {POLICE: NotCounted.NOTHING}
    assert later.not_counted == {POLICE: NotCounted.NOTHING}


def test_held_counts_with_a_value_that_the_vocabulary_lacks_are_not_used(
    town: TalliedPartnership, world: FoundedPartnership
) -> None:
    """Software that took them may have been older, with another reading of the vocabulary."""
    member = town.town.members[COUNCIL]
    said = counts_of(world, CHARITY, period=PERIOD)
    said = replace(said, atoms={(("nowhere",),) * len(said.dimensions): 3})
    statement = parse_statement(COUNTS, sealed_counts(world, said, at=BEFORE_END, to=(COUNCIL,)))
    content = packed(said)
    assert content is not None
    participant = world.participants[COUNCIL]
    with member.store.transaction() as tx:
        row = counts_row(member.secret, statement.place, statement.note, content)
        tx.figure_counts.save(row)
    with member.store.reading() as tx:
        held = counts_of_partners(
            tx, member.secret, world.contract, parse_period(PERIOD), participant.contracts,
            participant.manifests,
        )  # fmt: skip
    assert held.counted == ()
    assert held.not_counted[CHARITY] == NotCounted.VALUES
