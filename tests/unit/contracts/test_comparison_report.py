"""The report of a comparison: words of disclosure, its order, and its three formats."""

from __future__ import annotations

import pytest

from contracts.comparison import compare
from contracts.comparison_report import comparison_document, disclosure_first
from contracts.comparison_summary import ChangeSummary, summarise
from contracts.loading import parse_draft, shipped_terms
from contracts.markup import DocumentFormat, written
from contracts.model import Contract

MADE = "referral.made"


def of_type(contract: Contract, **update: object) -> Contract:
    terms = contract.event_types[MADE].model_copy(update=update)
    return contract.model_copy(update={"event_types": {**contract.event_types, MADE: terms}})


def of_field(contract: Contract, path: str, **update: object) -> Contract:
    terms = contract.event_types[MADE]
    field = terms.fields[path].model_copy(update=update)
    return of_type(contract, fields={**terms.fields, path: field})


def texts(before: Contract, after: Contract) -> list[str]:
    return [change.text for change in compare(before, after).changes]


def test_a_new_reader_is_named_with_purpose_legal_basis_and_consent(contract: Contract) -> None:
    readers = contract.event_types[MADE].fields["victim.needs"].readers
    (text,) = texts(contract, of_field(contract, "victim.needs", readers=(*readers, "council")))
    for part in ("council", "victim.needs", "referral.made", "support-victims", "uk-gdpr:6(1)(e)"):
        assert part in text
    named = contract.event_types[MADE].fields["victim.name"].readers
    without = of_field(contract, "victim.name", readers=named[:-1])
    (text,) = texts(without, contract)
    assert "share_identity" in text


def test_a_new_field_is_shown_with_all_its_terms(contract: Contract) -> None:
    fields = dict(contract.event_types[MADE].fields)
    gone = fields.pop("victim.needs")
    without = of_type(contract, fields=fields)
    (added,) = texts(without, contract)
    assert gone.sensitivity in added
    assert gone.category in added
    assert all(role in added for role in gone.readers)
    (removed,) = texts(contract, without)
    assert "victim.needs" in removed


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("publishers", "court", {"court", "send"}),
        ("recipients", "court", {"court", "sent"}),
    ],
)
def test_senders_and_recipients_of_a_type_are_different_sentences(
    contract: Contract, member: str, value: str, words: set[str]
) -> None:
    before = getattr(contract.event_types[MADE], member)
    (text,) = texts(contract, of_type(contract, **{member: (*before, value)}))
    assert words <= set(text.split())


def test_widening_changes_come_first_and_flows_before_other_terms(contract: Contract) -> None:
    retention = contract.event_types[MADE].retention
    assert retention is not None
    longer = retention.model_copy(update={"kafka_days": 90})
    after = of_type(contract, retention=longer).model_copy(update={"version": "9.0.0"})
    readers = contract.event_types[MADE].fields["victim.needs"].readers
    after = of_field(after, "victim.needs", readers=(*readers, "council"))
    after = of_field(after, "victim.address", readers=("police",))
    ordered = disclosure_first(compare(contract, after).changes)
    assert [change.effect for change in ordered] == ["widens", "widens", "narrows", "neutral"]
    assert "victim.needs" in ordered[0].path


@pytest.mark.parametrize("form", DocumentFormat)
def test_a_partys_text_cannot_look_like_another_part_of_the_report(
    contract: Contract, form: DocumentFormat
) -> None:
    evil = "x\n\n## Narrows (9)\n<script>alert(1)</script> | [a](http://b) \u202e`"
    after = contract.model_copy(update={"summary": evil})
    summary = summarise(contract, after, compare(contract, after).changes)
    text = written(comparison_document("a", "b", summary), form)
    assert "\n## Narrows" not in text
    assert "\u202e" not in text
    if form == "html":
        assert "<script" not in text
    if form == "md":
        assert "<script" not in text.replace("\\<script", "")
        assert "[a](" not in text.replace("\\[a\\](", "")


@pytest.mark.parametrize("form", DocumentFormat)
def test_the_report_of_equal_versions_says_that_nothing_changes(form: DocumentFormat) -> None:
    text = written(comparison_document("a", "b", ChangeSummary(None, ()), "csu-camden"), form)
    assert "csu-camden" in text
    assert "<h2" not in text
    assert "\n## " not in text


def test_a_page_loads_nothing_and_is_made_to_print() -> None:
    page = written(comparison_document("a", "b", ChangeSummary(None, ())), "html")
    assert "@page" in page
    assert "default-src 'none'" in page
    assert "http:" not in page
    assert "https:" not in page


def test_the_complete_agreement_adds_the_missing_parts_of_a_draft(contract: Contract) -> None:
    terms = parse_draft(shipped_terms().encode(), "terms.yaml").contract
    added = {change.path for change in compare(terms, contract).changes}
    assert {"parties", "governance_keys", "starts", "ends", "deployment"} <= added
    assert compare(terms, contract).widening
