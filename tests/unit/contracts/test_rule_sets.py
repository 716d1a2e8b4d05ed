"""An organisation's own lint rules: the file, what each kind finds, and severities."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ContractError
from contracts.findings import Finding
from contracts.lint import lint, lint_text
from contracts.lint_rules import RULES, LintRule, in_force, lint_rules
from contracts.loading import ContractText
from contracts.model import Contract
from contracts.rule_set_checks import months_after, own_findings, raised, unknown_names
from contracts.rule_sets import RULE_SET_BYTES, RuleSetFile, parse_rule_set
from tests.unit.contracts.test_lint import change, terms_of

TODAY = date(2026, 11, 23)
MADE = "referral.made"
HEAD = """\
rule_set: westmark
organisation: Westmark Council
version: 1.0.0
dated: 2026-11-01
"""
RULE = """\
    means: what we ask
    severity: error
    source: Policy 4.2
    fix: Change it.
"""


def rules(check: str, more: str = "") -> RuleSetFile:
    """A rule set with one rule, `asked`."""
    text = f"{HEAD}rules:\n  asked:\n{RULE}{more}    {check}\n"
    return parse_rule_set(text.encode(), "own.yaml")


def places(contract: Contract, check: str, today: date = TODAY) -> list[str]:
    found = [*own_findings(contract, [rules(check)], today)]
    assert {each.rule for each in found} <= {"westmark/asked"}
    return [each.where for each in found]


# --- the list of the software ---------------------------------------------------------------------


def test_every_rule_of_the_software_has_a_source_and_a_law_has_a_day() -> None:
    for name, rule in lint_rules().items():
        assert rule.cited, name
        law = [source for source in rule.sources if source.kind == "law"]
        assert (rule.first_day is not None) >= bool(law), name
        assert all(source.url for source in law), name
        assert rule.fix.endswith("."), name
        assert len({each.case for each in rule.cases}) == len(rule.cases), name
    of_vocabularies = {name for name, rule in lint_rules().items() if rule.about == "vocabulary"}
    assert RULES.keys() | of_vocabularies == lint_rules().keys()


def test_every_case_of_a_rule_is_named_in_the_code_with_the_values_of_its_message() -> None:
    root = Path(__file__).parents[3]
    source = "\n".join(path.read_text() for path in (root / "contracts").rglob("*.py"))
    source += (root / "broker" / "operations" / "contract_lint.py").read_text()
    for name, rule in lint_rules().items():
        assert f'"{name}"' in source, name
        for case in rule.cases:
            assert f'"{case.case}"' in source, (name, case.case)


def test_a_rule_that_does_not_apply_yet_or_any_more_finds_nothing() -> None:
    rule = next(iter(lint_rules().values()))
    made = {**rule.model_dump(by_alias=True), "from": "2026-03-01", "until": "2026-09-01"}
    dated = LintRule.model_validate(made)
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 8, 31), date(2026, 9, 1))
    assert [dated.applies_on(day) for day in days] == [False, True, True, False]
    old = Finding("gateway", "error", "x", "y")
    own = Finding("westmark/asked", "warning", "x", "y")
    assert in_force([own, old], date(2018, 5, 24)) == [own]
    assert in_force([own, old], date(2018, 5, 25)) == [old, own]


# --- the file -------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[str, int, str]] = {
    "another member": (HEAD + "owner: us\nseverities: {gap: error}\n", 5, "no such field"),
    "nothing": (HEAD, 1, "neither rules nor severities"),
    "an error made a warning": (
        HEAD + "severities:\n  gap: error\n  gateway: warning\n", 7, "never less strict"),
    "a rule with errors and warnings made a warning": (
        HEAD + "severities:\n  review-due: warning\n", 6, "never less strict"),
    "a severity of our own": (HEAD + "severities:\n  gap: fatal\n", 6, "is expected"),
    "an unknown rule": (HEAD + "severities:\n  lone-topics: error\n", 6, "did you mean lone-topic"),
    "no check": (HEAD + f"rules:\n  asked:\n{RULE}", 6, "exactly one of"),
    "two checks": (
        HEAD + f"rules:\n  asked:\n{RULE}    review: {{within_months: 1}}\n"
        "    contact: {function: siro}\n", 6, "exactly one of"),
    "a selection of nothing": (
        HEAD + f"rules:\n  asked:\n{RULE}    forbid: {{}}\n", 11, "names nothing"),
    "a code of no list": (
        HEAD + f"rules:\n  asked:\n{RULE}    forbid_basis:\n      codes:\n"
        "        - uk-gdpr:6(1)(x)\n", 13, "not a code of the dated lists"),
    "an unknown contact": (
        HEAD + f"rules:\n  asked:\n{RULE}    contact: {{function: boss}}\n", 11, "is expected"),
    "a retention without a limit": (
        HEAD + f"rules:\n  asked:\n{RULE}    retention: {{of: {{fields: [victim]}}}}\n", 11,
        "years_at_most"),
    "a rule that never applies": (
        HEAD + f"rules:\n  asked:\n{RULE}    from: 2026-02-01\n    until: 2026-02-01\n"
        "    review: {within_months: 1}\n", 6, "never applies"),
    "an upper-case name": (HEAD + f"rules:\n  Asked:\n{RULE}    review: {{within_months: 1}}\n", 6,
                           "lower-case"),
    "a member twice": (HEAD + "dated: 2026-01-01\n", 5, "written twice"),
    "an alias": (HEAD + "severities: &a {gap: error}\n", 5, "anchors"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_file_and_line(name: str) -> None:
    text, line, words = FAULTS[name]
    with pytest.raises(ContractError) as raised_:
        parse_rule_set(text.encode(), "own.yaml")
    error = raised_.value
    assert error.code == "lint_rules_invalid"
    assert re.match(rf"own\.yaml:{line}\b", error.where or ""), (error.where, error.detail)
    assert words in error.detail


def test_a_file_is_bounded() -> None:
    with pytest.raises(ContractError, match="larger than 1 MiB"):
        parse_rule_set(b"#" * (RULE_SET_BYTES + 1), "own.yaml")


# --- what each kind finds -------------------------------------------------------------------------


def with_party(contract: Contract, agency: str, **update: Any) -> Contract:
    return contract.model_copy(
        update={
            "parties": tuple(
                each.model_copy(update=update) if each.id == agency else each
                for each in contract.parties
            )
        }
    )


def kept(contract: Contract, years: int) -> Contract:
    retention = contract.event_types[MADE].retention
    assert retention is not None
    return terms_of(
        contract, MADE, retention=retention.model_copy(update={"recipient_years": years})
    )


AT = f"event_types.{MADE}"
FOUND: dict[str, tuple[str, Callable[[Contract], Contract], list[str]]] = {
    "years at the recipient": (
        f"retention: {{years_at_most: 8, of: {{event_types: [{MADE}]}}}}", lambda c: kept(c, 9),
        [f"{AT}.retention.recipient_years"]),
    "as many years as allowed": (
        f"retention: {{years_at_most: 8, of: {{event_types: [{MADE}]}}}}",
        lambda c: kept(c, 8), []),
    "years of a category": (
        "retention: {years_at_most: 98, of: {categories: [intelligence]}}", lambda c: kept(c, 99),
        [f"{AT}.retention.recipient_years"]),
    "years of another type": (
        "retention: {years_at_most: 98, of: {event_types: [case.updated]}}",
        lambda c: kept(c, 99), []),
    "years of a kind of party": (
        "retention: {years_at_most: 98, of: {recipient_kinds: [other]}}", lambda c: kept(c, 99),
        [f"{AT}.retention.recipient_years"]),
    "no retention": (
        f"retention: {{kafka_days_at_most: 1, of: {{event_types: [{MADE}]}}}}",
        lambda c: terms_of(c, MADE, retention=None), [AT]),
    "a field that is forbidden to a role": (
        f"forbid: {{event_types: [{MADE}], fields: [victim.ethnicity], recipients: [support]}}",
        lambda c: change(c, MADE, "victim.ethnicity", readers=("police", "support")),
        [f"{AT}.fields.victim.ethnicity"]),
    "a forbidden field that others read": (
        f"forbid: {{event_types: [{MADE}], fields: [victim.ethnicity], recipients: [support]}}",
        lambda c: change(c, MADE, "victim.ethnicity", readers=("police",)), []),
    "a forbidden purpose": (
        f"forbid: {{event_types: [{MADE}], fields: [victim.name], purposes: [prosecute]}}",
        lambda c: change(c, MADE, "victim.name", purposes=("prosecute",)),
        [f"{AT}.fields.victim.name"]),
    "an event type that is forbidden": (
        f"forbid: {{event_types: [{MADE}]}}", lambda c: c, [AT]),
    "a sender that is forbidden": (
        f"forbid: {{event_types: [{MADE}], fields: [victim.name], senders: [support]}}",
        lambda c: change(c, MADE, "victim.name", senders=("police",)), []),
    "a required field that is there": ("require: {fields: [victim.name]}", lambda c: c, []),
    "a required field that is not": ("require: {fields: [imagined]}", lambda c: c, ["event_types"]),
    "a required role in a type": (
        f"require: {{event_types: [{MADE}], recipients: [imagined]}}", lambda c: c, [AT]),
    "a required type": ("require: {event_types: [imagined.type]}", lambda c: c, ["event_types"]),
    "a type that the agreement need not have": (
        "require: {event_types: [imagined.type], fields: [victim.name]}", lambda c: c, []),
    "a consent that is asked": (
        f"require_consent: {{scope: share_identity, of: {{event_types: [{MADE}], "
        "fields: [victim.name]}}",
        lambda c: change(c, MADE, "victim.name", consent=("statistics",)),
        [f"{AT}.fields.victim.name"]),
    "a contact that a kind of party must name": (
        "contact: {function: siro, kinds: [other]}",
        lambda c: with_party(c, "haven-support", contacts=c.by_id["haven-support"].contacts
                             .model_copy(update={"siro": None})), ["haven-support"]),
    "an assessment that is too old": (
        "assessment: {document: dpia, months_old_at_most: 6}",
        lambda c: c.model_copy(update={"dpia": c.dpia.model_copy(
            update={"date": date(2026, 5, 22), "review_on": None})}), ["dpia.date"]),
    "an assessment that is not": (
        "assessment: {document: dpia, months_old_at_most: 6}",
        lambda c: c.model_copy(update={"dpia": c.dpia.model_copy(
            update={"date": date(2026, 5, 23), "review_on": None})}), []),
    "an assessment without a review": (
        "assessment: {document: dpia, review_within_months: 6}",
        lambda c: c.model_copy(update={"dpia": c.dpia.model_copy(update={"review_on": None})}),
        ["dpia.review_on"]),
    "a review that is too late": (
        "review: {within_months: 12}",
        lambda c: c.model_copy(update={"review_on": c.starts + timedelta(days=366)}),
        ["review_on"]),
    "a review in time": (
        "review: {within_months: 12}",
        lambda c: c.model_copy(update={"review_on": c.starts + timedelta(days=365)}), []),
    "no review": (
        "review: {within_months: 12}", lambda c: c.model_copy(update={"review_on": None}),
        ["review_on"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_each_kind_of_rule_finds_what_it_is_for(contract: Contract, name: str) -> None:
    check, change_it, expected = FOUND[name]
    found = places(change_it(contract), check)
    if expected == ["haven-support"]:
        at = list(contract.by_id).index("haven-support")
        assert f"parties[{at}].contacts.siro" in found
    else:
        assert found == expected


def test_rules_about_legal_bases(contract: Contract) -> None:
    named = contract.legal_bases[0]
    forbidden = places(contract, f'forbid_basis: {{codes: ["{named.basis}"]}}')
    assert forbidden == [
        f"legal_bases[{i}]" for i, b in enumerate(contract.legal_bases) if named.basis in b.basis
    ]
    purpose = f"purposes: [{named.purpose}]"
    assert places(contract, f'require_basis: {{codes: ["uk-gdpr:6(1)(b)"], {purpose}}}') == [
        f"legal_bases[{i}]"
        for i, b in enumerate(contract.legal_bases)
        if b.purpose == named.purpose
    ]
    every = ", ".join(f'"{b.basis}"' for b in contract.legal_bases)
    assert places(contract, f"require_basis: {{codes: [{every}]}}") == []


def test_a_rule_applies_between_its_days(contract: Contract) -> None:
    dated = rules(f"forbid: {{event_types: [{MADE}]}}", "    from: 2026-11-24\n")
    assert not [*own_findings(contract, [dated], TODAY)]
    assert [*own_findings(contract, [dated], TODAY + timedelta(days=1))]


def test_a_finding_of_an_own_rule_names_the_organisation(contract_text: ContractText) -> None:
    found = lint_text(contract_text, TODAY, [rules(f"forbid: {{event_types: [{MADE}]}}")])
    (own,) = [each for each in found if each.rule_set]
    assert (own.rule, own.severity, own.fix) == ("westmark/asked", "error", "Change it.")
    assert own.sources == ("Westmark Council: Policy 4.2",)


def test_a_rule_set_raises_a_severity_and_never_lowers_one(contract: Contract) -> None:
    stricter = parse_rule_set(f"{HEAD}severities: {{review-due: error}}\n".encode(), "own.yaml")
    soon = contract.model_copy(update={"review_on": TODAY + timedelta(days=30)})
    before = lint(soon, TODAY)
    (after,) = raised(before, [stricter])
    assert [(each.rule, each.severity) for each in before] == [("review-due", "warning")]
    assert (after.rule, after.severity, after.rule_set) == ("review-due", "error", "westmark")
    kept_ = Finding("gateway", "error", "x", "y")
    assert raised([kept_], [stricter]) == [kept_]


def test_a_name_that_the_agreement_does_not_have_is_said(contract: Contract) -> None:
    misspelt = rules("forbid: {fields: [victim.etnicity], recipients: [polise]}")
    said = unknown_names(contract, [misspelt])
    assert [("victim.ethnicity" in each, "police" in each) for each in said] == [
        (True, False),
        (False, True),
    ]
    assert (
        unknown_names(contract, [rules("forbid: {fields: [victim], recipients: [police]}")]) == ()
    )


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2026, 11, 5), 14, date(2028, 1, 5)),
        (date(9998, 1, 1), 1200, date.max),
    ],
)
def test_months_end_on_a_day_that_exists(day: date, months: int, then: date) -> None:
    assert months_after(day, months) == then
