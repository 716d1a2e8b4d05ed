"""Changes in plain words, with both sides."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contracts.comparison import compare
from contracts.comparison_sides import MarkedText, PlainChange, SupportingFact, plain_change
from contracts.comparison_summary import summarise
from contracts.legal_codes import KINDS, legal_codes
from contracts.model import Contract
from tests.unit.contracts.alterations import altered, by_member, filled

MADE = "referral.made"
CODES = "|".join(re.escape(code) for kind in KINDS for code in legal_codes(kind) if ":" in code)
NOTATION = re.compile(rf"\breferral\.made\b|\bPT\d+[HM]\b|(?:{CODES})(?![\w(:])")


def plain(before: Contract, after: Contract) -> list[PlainChange]:
    found = compare(before, after).changes
    return [plain_change(before, after, one) for one in summarise(before, after, found).lines]


def with_terms(contract: Contract, **update: Any) -> Contract:
    terms = contract.event_types[MADE].model_copy(update=update)
    return contract.model_copy(update={"event_types": {**contract.event_types, MADE: terms}})


def test_a_length_of_time_has_both_sides_in_words(contract: Contract) -> None:
    levels = contract.event_types[MADE].service_levels
    assert levels is not None
    shorter = levels.model_copy(update={"urgent_acknowledge_within": "PT2H"})
    older = levels.model_copy(update={"urgent_acknowledge_within": "PT4H"})
    one = plain(
        with_terms(contract, service_levels=older), with_terms(contract, service_levels=shorter)
    )
    assert [(each.old, each.new) for each in one] == [
        ((MarkedText("4 hours", "removed"),), (MarkedText("2 hours", "added"),))
    ]
    assert "Referral made" in one[0].title


def test_a_role_that_states_no_reason_any_more_is_named_in_the_title(contract: Contract) -> None:
    asked = contract.model_copy(update={"reason_asked_of": ("council", "support")})
    fewer = contract.model_copy(update={"reason_asked_of": ("council",)})
    (one,) = plain(asked, fewer)
    assert "support" in one.title
    assert [part.mark for part in one.old] == ["", "removed"]
    assert [part.mark for part in one.new] == [""]


def test_a_new_reader_stands_among_those_that_stay(contract: Contract) -> None:
    terms = contract.event_types[MADE]
    leaf, field = next((leaf, one) for leaf, one in terms.fields.items() if len(one.readers) > 1)
    fewer = field.model_copy(update={"readers": field.readers[:-1]})
    before = with_terms(contract, fields={**terms.fields, leaf: fewer})
    (one,) = plain(before, contract)
    assert [part.mark for part in one.old] == [""] * (len(field.readers) - 1)
    assert [part.mark for part in one.new] == [*[""] * (len(field.readers) - 1), "added"]
    assert {fact.name for fact in one.facts} == {"event", "purpose", "basis", "consent"}
    assert SupportingFact("event", "Referral made") in one.facts
    (back,) = plain(contract, before)
    assert [part.mark for part in back.old] == [*[""] * (len(field.readers) - 1), "removed"]
    assert "removed" not in [part.mark for part in back.new]


def test_years_have_their_unit(contract: Contract) -> None:
    kept = contract.event_types[MADE].retention
    assert kept is not None
    one, nine = (kept.model_copy(update={"recipient_years": years}) for years in (1, 9))
    (found,) = plain(with_terms(contract, retention=one), with_terms(contract, retention=nine))
    assert (found.old, found.new) == (
        (MarkedText("1 year", "removed"),),
        (MarkedText("9 years", "added"),),
    )


@pytest.fixture(scope="module")
def full(contract: Contract) -> Contract:
    complete: Contract = filled(contract)
    name, terms = next(iter(complete.event_types.items()))
    fields = dict(list(terms.fields.items())[:6])
    return complete.model_copy(
        update={"event_types": {name: terms.model_copy(update={"fields": fields})}}
    )


def test_no_change_is_told_in_notation(full: Contract) -> None:
    for found in by_member(altered(full)).values():
        for before, after in ((full, found[0].value), (found[-1].value, full)):
            for one in plain(before, after):
                assert one.title
                said = [one.title, *(part.text for part in (*one.old, *one.new)),
                        *(fact.text for fact in one.facts)]  # fmt: skip
                assert not NOTATION.search("\n".join(said)), said
