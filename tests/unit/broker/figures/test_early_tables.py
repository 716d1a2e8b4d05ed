"""Tables of one quarter that are made too early, then late and corrected counts, are attacked.

The attack is that of `tests/unit/broker/figures/disclosure`, on releases as they are published:
with their overview and by the limits of the shipped agreement.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.figures import tables
from broker.figures.counting import CountsOf
from broker.figures.disclosure import Counts, Release, UnprotectedError
from broker.figures.tables import Published, publish
from tests.support.disclosure_attack import all_narrowed, attackers, change_attack
from tests.unit.broker.figures.test_tables import (
    CONTRACT,
    COUNCIL,
    FIGURES,
    NAMES,
    POLICE,
    cases,
    counts,
)

CHARITY = "agency-charity"


def as_seen(
    releases: Sequence[Published], held: Sequence[CountsOf]
) -> tuple[Counts, list[Release]]:
    """Return the counts of all atoms, and the releases as cells of them."""
    parts = [part for one in held if (part := one.part("cases")) is not None]
    used = {name for one in releases for name, _ in one.values}
    atoms = tables._Atoms(parts, sorted(used & set(NAMES)), FIGURES)
    return atoms.counts, [tables._as_release(one, atoms) for one in releases]


def narrowed(releases: Sequence[Published], held: Sequence[CountsOf]) -> list[object]:
    """Return each hidden count, and each small change, that some attacker narrows."""
    now, seen = as_seen(releases, held)
    agencies = {name for one in seen for figure in one.figures for name in figure.by_contributor}
    changes = [
        one
        for attacker in {*attackers(now), *agencies}
        for one in change_attack(now, seen, attacker)
        if one.narrowed_change
    ]
    return [*all_narrowed(now, seen), *changes]


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000), late=st.integers(1, 4), data=st.data())
def test_early_tables_late_agencies_and_corrections_give_no_small_number_away(
    seed: int, late: int, data: st.DataObject
) -> None:
    control = CONTRACT.statistics
    assert control is not None
    chosen = random.Random(seed)
    police, council, charity = (cases(seed + one, 30 - 5 * one) for one in range(3))
    steps = [
        [counts(POLICE, police[:25], 2)],  # too early: the others are missing
        [counts(POLICE, police, 2), counts(COUNCIL, council, 9)],
        [counts(POLICE, police, 2), counts(COUNCIL, council, 9), counts(CHARITY, charity)],
        [  # late records, and a case whose consent was withdrawn
            counts(POLICE, police[1:], 3),
            counts(COUNCIL, [*council, *cases(seed + 9, late)], 9),
            counts(CHARITY, charity),
        ],
    ]
    releases: list[Published] = []
    for held in steps:
        by = data.draw(st.sampled_from([("strand",), ("recorded_as",), ("civil_measure",)]))
        preview = chosen.choice([("channel",), ("strand",)])
        try:
            publish(held, CONTRACT, FIGURES, control, preview, releases)  # is not remembered
            releases.append(publish(held, CONTRACT, FIGURES, control, by, releases))
        except UnprotectedError:
            return
        assert not narrowed(releases, held)


def test_the_attack_finds_what_a_table_without_memory_gives_away() -> None:
    """The second table does not know the first; two late cases are in their difference."""
    control = CONTRACT.statistics
    assert control is not None
    exact = control.model_copy(update={"round_to": 1})
    police, council = cases(1, 200), cases(2, 200)
    first = [counts(POLICE, police), counts(COUNCIL, council)]
    then = [counts(POLICE, police), counts(COUNCIL, [*council, *cases(3, 2)])]
    early = publish(first, CONTRACT, FIGURES, exact, ("source",), [])
    unaware = publish(then, CONTRACT, FIGURES, exact, ("source",), [])
    aware = publish(then, CONTRACT, FIGURES, exact, ("source",), [early])
    assert unaware.by_place[()].shown == 402
    assert aware.by_place[()].shown == 400
    assert narrowed([early, unaware], then)
    assert not narrowed([early, aware], then)
