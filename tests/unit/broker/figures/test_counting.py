"""Periods, atoms and the canonical form of counts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import WrongInputError
from broker.figures.case_values import CaseValues
from broker.figures.counting import CountsOf, count, dimension_names, last_quarters, parse_period
from contracts.vocabulary.known import named_vocabulary

DAY_MS = 86_400_000
CASES = st.lists(
    st.none()
    | st.fixed_dictionaries(
        {
            "borough": st.sampled_from([("a",), ("b",)]),
            "strand": st.sampled_from([("x",), ("y",), ("x", "y")]),
        }
    ),
    max_size=30,
)


def counts_of(cases: list[CaseValues | None]) -> CountsOf:
    names = ("borough", "strand")
    atoms, without = count(cases, names)
    return CountsOf("pan-london", "terms", "csu-camden", "2026-Q3", "0" * 64, names, atoms, without)


@pytest.mark.parametrize(
    ("text", "days"),
    [("2026-Q1", 90), ("2026-Q2", 91), ("2026-Q3", 92), ("2026-Q4", 92), ("2024-Q1", 91)],
)
def test_a_quarter_lasts_as_long_as_its_months(text: str, days: int) -> None:
    period = parse_period(text)
    assert (period.end_ms - period.first_ms) == days * DAY_MS


def test_quarters_follow_each_other_without_a_gap() -> None:
    names = [f"{year}-Q{quarter}" for year in (2025, 2026) for quarter in (1, 2, 3, 4)]
    periods = [parse_period(name) for name in names]
    assert all(a.end_ms == b.first_ms for a, b in pairwise(periods))
    assert periods[0].first_ms == 1735689600000


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-Q5", "2026-Q0", "2026-q3", "1999-Q4", "2026-Q3 "]
)
def test_a_text_that_is_no_quarter_is_period_malformed(text: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        parse_period(text)
    assert (caught.value.code, caught.value.exit_code) == ("period_malformed", 2)


@given(CASES)
def test_every_case_is_in_one_atom_or_not_counted(cases: list[CaseValues | None]) -> None:
    found = counts_of(cases)
    assert found.cases + found.without_consent == len(cases)
    assert all(number > 0 for number in found.atoms.values())
    factors = sum(number * len(atom[1]) for atom, number in found.atoms.items())
    assert factors == sum(len(case["strand"]) for case in cases if case is not None)


@given(CASES, st.data())
def test_counts_have_one_form_in_any_order(
    cases: list[CaseValues | None], data: st.DataObject
) -> None:
    found = counts_of(cases)
    again = counts_of(data.draw(st.permutations(cases)))
    assert again.canonical() == found.canonical()
    assert found.digest == hashlib.sha256(found.canonical()).digest()
    assert replace(found, without_consent=found.without_consent + 1).digest != found.digest


def test_the_canonical_form_has_the_members_of_the_specification() -> None:
    form = orjson.loads(counts_of([{"borough": ("a",), "strand": ("x", "y")}, None]).canonical())
    assert list(form) == sorted(form)
    assert form["format"] == "concordant.counts/v1"
    assert form["atoms"] == [{"cases": 1, "values": [["a"], ["x", "y"]]}]
    assert form["without_consent"] == 1


def test_dimensions_are_those_of_the_vocabulary_and_of_the_agencies() -> None:
    figures = named_vocabulary("hate-crime").figures
    assert figures is not None
    names = dimension_names(figures)
    assert list(names) == sorted(names)
    assert {"source", "unit_area", "strand", "borough"} <= set(names)
    assert "unit_area" not in dimension_names(replace(figures, recording=None))


def test_the_last_quarters_are_in_a_row_over_the_new_year() -> None:
    now = parse_period("2026-Q2").first_ms

    assert [one.name for one in last_quarters(now, 3)] == ["2026-Q2", "2026-Q1", "2025-Q4"]
    assert last_quarters(now - 1, 1)[0].name == "2026-Q1"


def test_a_published_hash_cannot_be_guessed_without_the_salt() -> None:
    """An outsider knows all members but the counts, and few cases leave few possibilities."""
    said = counts_of([{"borough": ("a",), "strand": ("x",)}])
    salted = said.salted(b"s" * 32)
    assert salted.digest != said.digest
    assert salted.digest == said.salted(b"s" * 32).digest == salted.salted(b"s" * 32).digest
    assert salted.digest != said.salted(b"t" * 32).digest
    assert replace(salted, atoms={}).salted(b"s" * 32).salt != salted.salt
