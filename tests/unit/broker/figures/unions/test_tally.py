"""Tests of the tally: the truth of any set of cases, and that it tells of no small number."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from broker.figures.unions.tally import tally
from broker.figures.unions.tokens import PeriodKey, TokenPlace, TokenSets

KEY = PeriodKey(TokenPlace("london", "agreement", "2026-Q3"), b"k" * 32)
KINDS = {
    "cps": "prosecution", "met": "police", "btp": "police", "council": "council", "vs": "support"
}  # fmt: skip
AGENCIES = tuple(KINDS)
World = dict[str, tuple[str, frozenset[str]]]
"""Case id to the agency that minted it and the agencies that have seen it."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    groups = draw(
        st.lists(
            st.tuples(
                st.sampled_from(AGENCIES), st.frozensets(st.sampled_from(AGENCIES)),
                st.integers(1, 12),
            ),
            max_size=8,
        )
    )  # fmt: skip
    return {
        f"case-{number}-{n}": (minter, seen | {minter})
        for number, (minter, seen, cases) in enumerate(groups)
        for n in range(cases)
    }


def tokens(world: World, others: tuple[str, ...] = ()) -> dict[str, TokenSets]:
    """Tokens of each agency; `others` are cases of no agency that each has seen."""
    return {
        agency: TokenSets.of(
            KEY,
            [case for case, (minter, _) in world.items() if minter == agency],
            [*others, *(case for case, (_, seen) in world.items() if agency in seen)],
            agency.encode().ljust(32),
        )
        for agency in AGENCIES
    }


def by_several(world: World) -> list[str]:
    return [case for case, (_, seen) in world.items() if len({KINDS[a] for a in seen}) > 1]


def rests(world: World) -> set[int]:
    """Cases that are left of all, and of both parts, for the public and for each contributor."""
    several = set(by_several(world))
    found = set()
    for part in (set(world), several, set(world) - several):
        found.add(len(part))
        for agency in AGENCIES:
            found.add(sum(world[case][0] != agency for case in part))
            found.add(sum(agency not in world[case][1] for case in part))
    return found


@given(worlds())
def test_the_share_is_that_of_the_cases_themselves(world: World) -> None:
    found = tally(tokens(world), KINDS, 1)
    assert found.contributors == tuple(sorted(AGENCIES))
    if not world:
        assert found.share_percent is None
        return
    share = Fraction(100 * len(by_several(world)), len(world))
    assert found.share_percent is not None
    assert abs(found.share_percent - share) <= Fraction(1, 2)


@given(worlds(), st.randoms())
def test_the_order_of_agencies_and_repeats_do_not_matter(world: World, rng: random.Random) -> None:
    given_tokens = tokens(world)
    order = list(given_tokens.items())
    rng.shuffle(order)
    assert tally(dict(order), KINDS, 3) == tally(given_tokens, KINDS, 3)


@given(worlds(), st.integers(2, 10))
def test_a_share_that_is_given_tells_of_no_small_number(world: World, threshold: int) -> None:
    small = any(0 < rest < threshold for rest in rests(world))
    given_share = tally(tokens(world), KINDS, threshold).share_percent
    assert (given_share is None) == (small or not world)


@given(worlds())
def test_cases_that_no_agency_counts_change_nothing(world: World) -> None:
    """Those without consent, or of another period: no agency lists them as minted."""
    others = ("without consent", "of another period")
    assert tally(tokens(world, others), KINDS, 1) == tally(tokens(world), KINDS, 1)


def test_cases_invented_by_a_contributor_do_not_show_it_a_small_number() -> None:
    """Its own cases count for the public's threshold, and not for its own."""
    world: World = {f"own-{n}": ("met", frozenset({"met"})) for n in range(50)}
    world |= {f"few-{n}": ("cps", frozenset({"cps", "vs"})) for n in range(3)}
    world |= {f"invented-{n}": ("met", frozenset({"met", "council"})) for n in range(50)}
    assert tally(tokens(world), KINDS, 5).share_percent is None


def test_a_case_that_two_agencies_minted_counts_once() -> None:
    both = {
        agency: TokenSets.of(KEY, [f"case-{n}" for n in range(10)], [], agency.encode())
        for agency in ("met", "council")
    }
    assert tally(both, KINDS, 5).share_percent == 100


def test_agencies_of_one_kind_have_no_union() -> None:
    world: World = {f"case-{n}": ("met", frozenset({"met", "btp"})) for n in range(20)}
    police: Mapping[str, TokenSets] = {
        agency: sets for agency, sets in tokens(world).items() if KINDS[agency] == "police"
    }
    assert tally(police, KINDS, 5).share_percent is None


def test_an_agency_that_sent_no_tokens_is_no_contributor() -> None:
    world: World = {f"case-{n}": ("met", frozenset({"met", "cps"})) for n in range(20)}
    without = {agency: sets for agency, sets in tokens(world).items() if agency != "council"}
    found = tally(without, KINDS, 5)
    assert "council" not in found.contributors
    assert found.share_percent == 100


def test_the_tally_has_tokens_and_neither_a_key_nor_a_case() -> None:
    names = {one.name for one in dataclasses.fields(TokenSets)}
    assert names == {"key_id", "minted", "seen"}
    other = PeriodKey(TokenPlace("london", "agreement", "2026-Q3"), b"o" * 32)
    world: World = {f"case-{n}": ("met", frozenset({"met", "cps"})) for n in range(20)}
    mixed = tokens(world) | {"cps": TokenSets.of(other, [], list(world), b"s")}
    assert tally(mixed, KINDS, 5).share_percent == 0  # tokens of another key name nothing
