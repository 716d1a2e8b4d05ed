"""Figures part of a vocabulary: its form, for the software and the second reader alike."""

from __future__ import annotations

import pytest

from contracts.errors import ContractError
from contracts.lint import lint
from contracts.markup import DocumentFormat, written
from contracts.vocabulary import Vocabulary, parse_vocabulary
from contracts.vocabulary.comparison import compare_vocabularies
from contracts.vocabulary.known import shipped_vocabulary_files
from contracts.vocabulary.lint import lint_vocabulary
from contracts.vocabulary.report import vocabulary_document
from tests.conformance.refusals import MalformedError
from tests.conformance.vocabulary_form import parse_vocabulary_file
from tests.unit.contracts.test_shipped_agreements import TODAY, complete

RAW = shipped_vocabulary_files()["hate-crime"].decode()
CHARGE = "{case.updated: charging_decision}"
WRONG = {
    "a scope that is not there": ("consent: statistics\n", "consent: counting\n", "consent"),
    "a type that is not there": (CHARGE, "{case.opened: charging_decision}", "leaves"),
    "a leaf that is not there": (CHARGE, "{case.updated: charge}", "leaves"),
    "a leaf of another type": (CHARGE, "{case.updated: incident.borough}", "leaves"),
    "a text": (CHARGE, "{case.updated: next_hearing}", "leaves"),
    "a leaf that identifies": (CHARGE, "{case.updated: victim.special_measures}", "leaves"),
    "several values of one": (CHARGE, "{case.updated: civil_measures}", "leaves"),
    "two code lists": (CHARGE, "{case.updated: plea, referral.made: urgency}", "charge"),
    "a code and a truth value": (
        CHARGE, "{case.updated: plea, referral.made: consent.statistics}", "charge",
    ),
    "no leaf": (CHARGE, "{}", "leaves"),
    "a dimension of the engine": ("    charge:\n", "    unit_area:\n", "unit_area"),
    "the other dimension of the engine": ("    charge:\n", "    source:\n", "source"),
    "no dimension of the recording": ("dimension: recorded_as", "dimension: kind", "dimension"),
    "a recording with several values": ("dimension: recorded_as", "dimension: strand", "dimension"),
    "no list of areas": ("areas: borough", "areas: boroughs", "areas"),
    "a correction of no type": ("{type: correction.made,", "{type: correction.sent,", "type"),
    "a correction without an agency": (
        "source: corrects.source,", "source: corrects.id,", "source",
    ),
    "a correction without an id": ("id: corrects.id,", "id: corrects.source,", "corrected.id"),
    "a correction without leaves": ("withdrawn: retracted}", "withdrawn: reason}", "withdrawn"),
    "an extensible list": (
        '    codes:\n      E09000001', '    others: "E09[0-9]{6}"\n    codes:\n      E09000001',
        "borough",
    ),
    "a code of figures": (
        '      E09000001: "City', '      not-stated: "x"\n      E09000001: "City', "borough",
    ),
    "another member": ("consent: statistics\n  corrected", "ask: yes\n  corrected", "ask"),
}  # fmt: skip


def altered(old: str, new: str) -> bytes:
    assert RAW.count(old) == 1, old
    return RAW.replace(old, new).encode()


def parsed(raw: bytes) -> Vocabulary:
    return parse_vocabulary(raw, "mine.yaml")


@pytest.mark.parametrize("fault", WRONG)
def test_a_figures_part_at_fault_is_refused_with_its_place(fault: str) -> None:
    old, new, where = WRONG[fault]
    with pytest.raises(ContractError) as caught:
        parsed(altered(old, new))
    assert caught.value.code == "vocabulary_invalid"
    assert where in f"{caught.value.where} {caught.value.detail}"
    with pytest.raises(MalformedError):
        parse_vocabulary_file(altered(old, new))


def test_a_dimension_knows_its_values_in_the_order_of_the_list() -> None:
    figures = parsed(RAW.encode()).figures
    assert figures is not None
    assert tuple(figures.dimensions["strand"].codes)[:2] == ("disability", "race")
    assert dict(figures.dimensions["uplift"].codes) == {"true": "Yes", "false": "No"}
    assert figures.answer == "consent.statistics"
    assert figures.recording == "recorded_as"
    assert figures.areas["E09000007"] == "Camden"


def test_a_vocabulary_without_the_part_counts_nothing() -> None:
    start, end = RAW.index("\nfigures:\n"), RAW.index("\ncode_lists:\n")
    without = parsed((RAW[:start] + RAW[end:]).encode())
    assert without.figures is None
    for before, after in ((without, parsed(RAW.encode())), (parsed(RAW.encode()), without)):
        assert [change.path for change in compare_vocabularies(before, after)] == ["figures"]


@pytest.mark.parametrize(
    ("old", "new", "path", "breaks"),
    [
        ("    charge:\n", "    decision:\n", "figures.dimensions.charge", False),
        (CHARGE, "{case.updated: plea}", "figures.dimensions.charge.leaves", False),
        ('label: "Charging decision"', 'label: "Charge"', "figures.dimensions.charge", False),
        ('      label: "Charging decision"\n', '      label: "Charging decision"\n'
         "      several: true\n", "figures.dimensions.charge", True),
        ("  consent: statistics\n", "", "figures.consent", True),
        ('third_party: "Report to', 'third_party: "A report to', "figures.recording", False),
    ],
)  # fmt: skip
def test_a_change_of_the_part_is_named(old: str, new: str, path: str, breaks: bool) -> None:
    changes = compare_vocabularies(parsed(RAW.encode()), parsed(altered(old, new)))
    assert [change.breaks for change in changes if change.path == path] == [breaks]


def test_a_vocabulary_in_words_names_its_dimensions() -> None:
    text = written(vocabulary_document(parsed(RAW.encode())), DocumentFormat.text)
    assert "incident.strands of referral.made" in text
    assert "consent.statistics" in text


def test_figures_that_ask_for_no_consent_are_a_finding() -> None:
    words = parsed(altered("  consent: statistics\n", ""))
    assert "figures-consent" in [one.rule for one in lint_vocabulary(words, TODAY)]
    unchanged = lint_vocabulary(parsed(RAW.encode()), TODAY)
    assert "figures-consent" not in [one.rule for one in unchanged]


def test_a_statistics_purpose_without_dimensions_is_a_finding() -> None:
    contract = complete("marac-domestic-abuse").contract
    name, purpose = next(iter(contract.purposes.items()))
    counted = purpose.model_copy(update={"kind": "statistics"})
    asked = contract.model_copy(update={"purposes": {**contract.purposes, name: counted}})
    found = {(one.rule, one.where) for one in lint(asked, TODAY)}
    assert ("statistics-uncounted", f"purposes.{name}") in found
