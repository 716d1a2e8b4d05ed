from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.lint import lint, lint_text
from contracts.lint_rules import lint_rules
from contracts.loading import load_draft, parse_contract, parse_draft, shipped_terms
from contracts.model import Contract
from contracts.terms import EventTerms

TODAY = date(2026, 11, 23)


def change(contract: Contract, event_type: str, path: str, **update: Any) -> Contract:
    terms = contract.event_types[event_type]
    field = terms.fields[path].model_copy(update=update)
    changed = terms.model_copy(update={"fields": {**terms.fields, path: field}})
    return with_type(contract, event_type, changed)


def with_type(contract: Contract, event_type: str, terms: EventTerms) -> Contract:
    return contract.model_copy(update={"event_types": {**contract.event_types, event_type: terms}})


def rename(contract: Contract, event_type: str, path: str, new: str) -> Contract:
    terms = contract.event_types[event_type]
    fields = {(new if p == path else p): f for p, f in terms.fields.items()}
    return with_type(contract, event_type, terms.model_copy(update={"fields": fields}))


def bases(contract: Contract, **update: Any) -> Contract:
    return contract.model_copy(
        update={"legal_bases": tuple(b.model_copy(update=update) for b in contract.legal_bases)}
    )


def of_role(contract: Contract, role: str, **update: Any) -> Contract:
    """Change every legal basis that the role relies on."""
    return contract.model_copy(
        update={
            "legal_bases": tuple(
                basis.model_copy(update=update) if role in basis.relied_on_by else basis
                for basis in contract.legal_bases
            )
        }
    )


def purposes(contract: Contract, **update: Any) -> Contract:
    return contract.model_copy(
        update={"purposes": {k: p.model_copy(update=update) for k, p in contract.purposes.items()}}
    )


def published_by(contract: Contract, party: str) -> Contract:
    assert contract.statistics is not None
    control = contract.statistics.model_copy(update={"published_by": party})
    return contract.model_copy(update={"statistics": control})


def tallied(contract: Contract) -> Contract:
    assert contract.statistics is not None
    control = contract.statistics.model_copy(update={"tally": "analyst"})
    return contract.model_copy(update={"statistics": control})


def terms_of(contract: Contract, event_type: str, **update: Any) -> Contract:
    terms = contract.event_types[event_type].model_copy(update=update)
    return with_type(contract, event_type, terms)


def test_the_shipped_agreement_is_clean(contract: Contract) -> None:
    assert lint(contract, TODAY) == ()


def principal(contract: Contract, name: str) -> Contract:
    first, *others = contract.parties
    named = first.model_copy(update={"kafka_principal": name})
    return contract.model_copy(update={"parties": (named, *others)})


def many_groups(contract: Contract) -> Contract:
    """More sets of readers in one event type than an event can have groups."""
    roles = [f"role-{number}" for number in range(5)]
    parties = tuple(
        contract.parties[0].model_copy(update={"id": role, "role": role}) for role in roles
    )
    readers = [
        tuple(role for bit, role in enumerate(roles) if number >> bit & 1)
        for number in range(1, 32)
    ]
    fields = contract.event_types[MADE].fields
    read = {
        path: field.model_copy(update={"readers": some})
        for (path, field), some in zip(fields.items(), readers, strict=False)
    }
    changed = terms_of(contract, MADE, recipients=tuple(roles), fields=read)
    return changed.model_copy(update={"parties": parties})


MADE, CASE = "referral.made", "case.updated"
BROKEN: list[tuple[str, str, Callable[[Contract], Contract]]] = [
    ("gateway", "error", lambda c: bases(c, gateways=())),
    ("principal-reserved", "error", lambda c: principal(c, "*")),
    ("principal-reserved", "error", lambda c: principal(c, "Anonymous")),
    ("principal-shared", "error", lambda c: principal(c, c.parties[1].id.upper())),
    ("special-category", "error", lambda c: bases(c, article_9=None)),
    ("special-category", "error", lambda c: bases(c, schedule_8=None)),
    ("special-category", "error", lambda c: bases(c, schedule_1=None)),
    ("special-category", "error",
     lambda c: change(c, MADE, "victim.ethnicity", sensitivity="personal")),
    ("public-authority-basis", "error", lambda c: bases(c, basis="uk-gdpr:6(1)(f)")),
    ("public-authority-basis", "error", lambda c: bases(c, basis="uk-gdpr:6(1)(ea)")),
    ("basis-missing", "error",
     lambda c: c.model_copy(update={"legal_bases": c.legal_bases[:1]})),
    ("acknowledgement-missing", "error", lambda c: c.model_copy(update={"acknowledgements": {}})),
    ("necessity-missing", "error", lambda c: purposes(c, necessity=" ")),
    ("necessity-missing", "warning", lambda c: purposes(c, proportionality="")),
    ("retention-missing", "error", lambda c: terms_of(c, MADE, retention=None)),
    ("review-missing", "error", lambda c: c.model_copy(update={"review_on": None})),
    ("review-missing", "warning", lambda c: c.model_copy(update={"review_by": ()})),
    ("review-due", "error", lambda c: c.model_copy(update={"review_on": TODAY})),
    ("review-due", "warning", lambda c: c.model_copy(update={"review_on": date(2027, 2, 20)})),
    ("field-unknown", "error", lambda c: rename(c, CASE, "urn", "imagined")),
    ("type-unknown", "error", lambda c: with_type(c, "case.imagined", c.event_types[CASE])),
    ("recipient-not-party", "warning", lambda c: c.model_copy(
        update={"parties": tuple(p for p in c.parties if p.role != "prosecution")})),
    ("recipient-not-party", "error", lambda c: c.model_copy(
        update={"parties": tuple(p for p in c.parties if p.role == "prosecution")})),
    ("incident-identified", "error",
     lambda c: terms_of(c, MADE, incident_identifiers="allowed")),
    ("incident-identified", "error",
     lambda c: terms_of(c, CASE, incident_identifiers="with-consent")),
    ("statistics-uncontrolled", "error", lambda c: c.model_copy(update={"statistics": None})),
    ("statistics-uncounted", "warning",
     lambda c: change(c, CASE, "charging_decision", purposes=("prosecute",))),
    ("statistics-tally", "warning", tallied),
    ("statistics-tally", "error", lambda c: purposes(tallied(c), pursued_by=("police",))),
    ("statistics-publisher", "error",
     lambda c: purposes(published_by(c, "haven-support"), pursued_by=("police",))),
    ("lone-topic", "warning", lambda c: terms_of(c, CASE, topic="a")),
    ("consent-missing", "error", lambda c: change(c, MADE, "victim.name", consent=())),
    ("consent-hidden", "error",
     lambda c: change(c, MADE, "consent.share_identity", readers=("police",))),
    ("required-not-granted", "error", lambda c: change(c, MADE, "case_id", readers=("police",))),
    ("required-not-granted", "error",
     lambda c: change(c, MADE, "requested_service", consent=("share_identity",))),
    ("required-not-granted", "error", lambda c: rename(c, MADE, "case_id", "imagined")),
    ("required-not-granted", "warning",
     lambda c: change(c, MADE, "referral_id", readers=("police",))),
    ("consent-tears", "warning",
     lambda c: change(c, MADE, "intelligence.source_grade", consent=("statistics",))),
    ("sensitivity-lowered", "error",
     lambda c: change(c, MADE, "victim.ethnicity", sensitivity="personal")),
    ("sensitivity-lowered", "error",
     lambda c: change(c, MADE, "victim.ethnicity", sensitivity="criminal-offence")),
    ("sensitivity-lowered", "error",
     lambda c: change(c, MADE, "victim.name", sensitivity="none")),
    ("identifies-unmarked", "error",
     lambda c: change(c, MADE, "victim.address", identifies=False)),
    ("too-many-groups", "error", many_groups),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severity", "break_it"), BROKEN)
def test_each_rule_finds_what_it_is_for(
    contract: Contract, rule: str, severity: str, break_it: Callable[[Contract], Contract]
) -> None:
    found = lint(break_it(contract), TODAY)
    assert (rule, severity) in {(f.rule, f.severity) for f in found}
    assert all(f.message and f.where for f in found)
    severities = [f.severity for f in found]
    assert severities == sorted(severities)  # errors first


@pytest.mark.parametrize(
    ("rule", "path", "changed"),
    [
        ("criminal-offence", "alleged_perpetrators", {"role": "support", "article_10": ""}),
        ("criminal-offence", "alleged_perpetrators", {"role": "support", "schedule_1": ""}),
        ("special-category", "victim.ethnicity", {"role": "council", "article_9": ""}),
        ("special-category", "victim.ethnicity", {"role": "council", "schedule_1": ""}),
        ("special-category", "victim.ethnicity", {"role": "prosecution", "schedule_8": ""}),
        ("purpose-without-basis", "victim.ethnicity", {"role": "council", "purpose": "monitor"}),
        ("basis-missing", "victim.ethnicity", {"role": "council", "purpose": "community-safety"}),
    ],
)
def test_a_role_that_only_sends_a_field_needs_what_a_reader_needs(
    contract: Contract, rule: str, path: str, changed: dict[str, str]
) -> None:
    sent = change(contract, MADE, path, readers=("police",))
    assert lint(sent, TODAY) == ()
    where = f"event_types.{MADE}.fields.{path}"
    assert (rule, where) in {(f.rule, f.where) for f in lint(of_role(sent, **changed), TODAY)}


def test_explicit_consent_needs_no_condition_of_schedule_1(contract: Contract) -> None:
    consented = contract.model_copy(
        update={
            "legal_bases": tuple(
                b.model_copy(update={"schedule_1": None, "article_9": "uk-gdpr:9(2)(a)"})
                for b in contract.legal_bases
            )
        }
    )
    assert not any(f.rule == "special-category" for f in lint(consented, TODAY))


def party(contract: Contract, agency: str, **update: Any) -> Contract:
    parties = tuple(p.model_copy(update=update) if p.id == agency else p for p in contract.parties)
    return contract.model_copy(update={"parties": parties})


def basis_of(contract: Contract, role: str, purpose: str, **update: Any) -> Contract:
    return contract.model_copy(
        update={
            "legal_bases": tuple(
                b.model_copy(update=update)
                if b.purpose == purpose and role in b.relied_on_by
                else b
                for b in contract.legal_bases
            )
        }
    )


def kept(contract: Contract, years: int) -> Contract:
    retention = contract.event_types[MADE].retention
    assert retention is not None
    return terms_of(
        contract, MADE, retention=retention.model_copy(update={"recipient_years": years})
    )


def assessed(contract: Contract, **update: Any) -> Contract:
    return contract.model_copy(update={"dpia": contract.dpia.model_copy(update=update)})


def entry(contract: Contract, **update: Any) -> Contract:
    first = contract.version_record[0]
    return contract.model_copy(update={"version_record": (first.model_copy(update=update),)})


PASSED_BEFORE: dict[str, tuple[str, str, Callable[[Contract], Contract]]] = {
    "because we say so": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "council", "support-victims", basis="because we say so")),
    "a condition that does not exist": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "council", "support-victims", schedule_1="dpa2018:sch1:99")),
    "a gateway that does not exist": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "police", "support-victims", gateways=("our good relations",))),
    "legitimate interests in another spelling": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "council", "support-victims", basis="UK GDPR Art. 6 (1) f")),
    "legitimate interests of a council": (
        "public-authority-basis", "error",
        lambda c: basis_of(c, "council", "support-victims", basis="uk-gdpr:6(1)(f)")),
    "legitimate interests beside another basis": (
        "public-authority-basis", "error",
        lambda c: basis_of(c, "council", "support-victims",
                           basis="uk-gdpr:6(1)(e); uk-gdpr:6(1)(f)")),
    "a public task of a charity": (
        "not-for-this-party", "error",
        lambda c: basis_of(c, "support", "support-victims", basis="uk-gdpr:6(1)(e)")),
    "a gateway of others": (
        "not-for-this-party", "error",
        lambda c: basis_of(c, "support", "support-victims", gateways=("localism2011:s1",))),
    "a basis of the other regime": (
        "regime-mismatch", "error",
        lambda c: basis_of(c, "council", "support-victims", basis="dpa2018:35(2)(b)")),
    "a purpose without a basis for a reader": (
        "purpose-without-basis", "error",
        lambda c: purposes(c, pursued_by=())),
    "suspects' names to charities": (
        "criminal-offence", "error",
        lambda c: of_role(change(c, MADE, "alleged_perpetrators", readers=("police", "support")),
                          "support", article_10=None)),
    "suspects' names that are called personal": (
        "criminal-offence", "error",
        lambda c: change(c, MADE, "alleged_perpetrators", sensitivity="personal")),
    "no policy document": (
        "policy-document-missing", "error", lambda c: bases(c, appropriate_policy_document=None)),
    "an assessment reviewed in 2020": (
        "assessment-due", "error", lambda c: assessed(c, review_on=date(2020, 1, 1))),
    "an assessment of 2019": (
        "assessment-due", "error", lambda c: assessed(c, date=date(2019, 1, 1), review_on=None)),
    "an assessment of the future": (
        "assessment-date", "error", lambda c: assessed(c, date=date(2030, 1, 1))),
    "an end in 2076": (
        "term-too-long", "error", lambda c: c.model_copy(update={"ends": date(2076, 1, 1)})),
    "retention of 99 years": ("retention-long", "error", lambda c: kept(c, 99)),
    "retention of 12 years": ("retention-long", "warning", lambda c: kept(c, 12)),
    "65 parties with a heartbeat a minute": (
        "heartbeat-interval", "warning",
        lambda c: c.model_copy(update={"parties": (c.parties * 10)[:65]})),
    "31 parties with a report a minute": (
        "report-interval", "warning",
        lambda c: c.model_copy(
            update={"parties": (c.parties * 10)[:31], "report_every": "PT1M"})),
    "an alarm before the next heartbeat": (
        "heartbeat-interval", "warning",
        lambda c: c.model_copy(update={"service_levels": c.service_levels.model_copy(
            update={"silence_alarm_after": "PT1M"})})),
    "a review after the end": (
        "review-after-end", "error",
        lambda c: c.model_copy(update={"review_on": c.ends + timedelta(days=1)})),
    "two parties with one registration": (
        "registration-repeated", "error",
        lambda c: party(c, "haven-support", ico_registration="ZA100001")),
    "a registration of another form": (
        "registration-form", "error",
        lambda c: party(c, "haven-support", ico_registration="XX12AB34")),
    "two parties with one name": (
        "party-repeated", "warning",
        lambda c: party(c, "haven-support", legal_name=c.parties[0].legal_name.upper())),
    "a version record that was not updated": (
        "version-record", "error", lambda c: c.model_copy(update={"version": "1.1.0"})),
    "a version record ahead of the version": (
        "version-record", "error", lambda c: entry(c, version="2.0.0")),
    "a version record of the future": (
        "version-record", "error", lambda c: entry(c, date=date(2030, 1, 1))),
    "a previous version without an entry": (
        "version-record", "error", lambda c: c.model_copy(update={"previous": "0" * 64})),
    "one version in two spellings": (
        "version-record", "error", lambda c: c.model_copy(update={
            "version_record": (*c.version_record,
                               c.version_record[0].model_copy(update={"version": "01.0.0"}))})),
    "a basis of separators alone": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "council", "support-victims", basis="; ;")),
    "a condition of separators alone": (
        "legal-code-unknown", "error",
        lambda c: basis_of(c, "council", "support-victims", article_10=";")),
    "a reader that pursues no purpose of the field": (
        "purpose-without-basis", "error",
        lambda c: purposes(c, pursued_by=("prosecution",))),
    "a field for a purpose that its type does not have": (
        "purpose-not-of-type", "error",
        lambda c: change(c, MADE, "victim.name", purposes=("support-victims", "prosecute"))),
    "an assessment to be reviewed in 2099": (
        "assessment-date", "error", lambda c: assessed(c, review_on=date(2099, 1, 1))),
    "an assessment without a reference": (
        "placeholder", "error", lambda c: assessed(c, reference="To be confirmed.")),
    "a policy document that is not there yet": (
        "placeholder", "error", lambda c: bases(c, appropriate_policy_document="N/A")),
    "a necessity without words": ("placeholder", "error", lambda c: purposes(c, necessity="...")),
    "a reason without words": (
        "placeholder", "error", lambda c: change(c, MADE, "victim.name", without_consent="-")),
    "a consultation of the future": (
        "consultation-date", "error", lambda c: c.model_copy(update={
            "consulted": (c.consulted[0].model_copy(update={"date": date(2030, 1, 1)}),)})),
    "a start in 2076": (
        "starts-late", "error", lambda c: c.model_copy(update={
            "starts": date(2076, 1, 1), "ends": date(2076, 12, 31),
            "review_on": date(2076, 6, 1)})),
    "the principal of another party that has one of its own": (
        "principal-shared", "error",
        lambda c: party(party(c, "haven-support", kafka_principal="haven"),
                        "council-camden", kafka_principal="HAVEN-support")),
}  # fmt: skip


@pytest.mark.parametrize("name", PASSED_BEFORE)
def test_errors_that_lint_once_passed_are_found(contract: Contract, name: str) -> None:
    rule, severity, break_it = PASSED_BEFORE[name]
    found = lint(break_it(contract), TODAY)
    assert (rule, severity) in {(f.rule, f.severity) for f in found}


def test_every_rule_is_found_by_a_case_and_no_other_rule_is(
    contract: Contract, contract_yaml: str
) -> None:
    title = "London hate crime: ref"
    texts = [
        parse_contract(contract_yaml.replace(title, other, 1).encode(), "a.yaml")
        for other in ("\u202eLondon", "L\u043endon")
    ]
    found = {
        finding.rule
        for broken in ([b for _, _, b in BROKEN], [b for _, _, b in PASSED_BEFORE.values()])
        for change_it in broken
        for finding in lint(change_it(contract), TODAY)
    }
    found |= {
        finding.rule
        for text in (*texts, parse_draft(shipped_terms().encode(), "draft.yaml"))
        for finding in lint_text(text, TODAY)
    }
    # broker/cli/test_contract_reading.py has the last, test_succession.py those of versions
    assert found == {name for name, rule in lint_rules().items() if rule.about == "agreement"}


def test_a_code_of_law_counts_from_its_first_day(contract: Contract) -> None:
    relying = basis_of(contract, "support", "support-victims", basis="uk-gdpr:6(1)(ea)")
    before = relying.model_copy(update={"starts": date(2026, 1, 5), "ends": date(2026, 12, 31)})
    found = lint(before, date(2026, 1, 2))
    assert "exists from 2026-02-05" in found[0].message
    assert found[0].rule == "legal-code-unknown"
    for terms, day in ((before, date(2026, 2, 5)), (relying, TODAY)):
        assert "legal-code-unknown" not in {each.rule for each in lint(terms, day)}


def test_every_finding_names_what_to_do_and_its_source(contract: Contract) -> None:
    for rule, _, break_it in (*BROKEN, *PASSED_BEFORE.values()):
        for found in lint(break_it(contract), TODAY):
            assert found.fix == lint_rules()[found.rule].fix
            assert found.sources == lint_rules()[found.rule].cited, rule
            assert "{" not in found.message.replace("{}", "")


HIDDEN = {
    "zero width": "\u200b", "right-to-left override": "\u202e", "isolate": "\u2066",
    "soft hyphen": "\u00ad", "filler": "\u3164", "variation": "\ufe0f", "tag": "\U000e0041",
    "strike through": "\u0336", "enclosing circle": "\u20dd", "joiner": "\U00013430",
    "no-break": "\ufeff", "private": "\ue000", "arabic mark": "\u061c",
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_characters_are_refused_with_their_position(contract_yaml: str, name: str) -> None:
    for before in ("London hate crime: ref", "# Parties, dates"):
        text = contract_yaml.replace(before, f"{before}{HIDDEN[name]}", 1)
        assert text != contract_yaml
        line = text[: text.index(HIDDEN[name])].count("\n") + 1
        found = lint_text(parse_contract(text.encode(), "a.yaml"), TODAY)
        places = [f.where for f in found if f.rule == "hidden-character"]
        assert places
        assert places[0].startswith(f"line {line}, column ")


@pytest.mark.parametrize("escape", ["\\u202e", "\\u200b", "\\x1b", "\\r", "\\0", "\\x9b"])
def test_hidden_characters_that_an_escape_writes_are_refused(
    contract_yaml: str, escape: str
) -> None:
    text = contract_yaml.replace('title: "London', f'title: "Lon{escape}don', 1)
    found = lint_text(parse_contract(text.encode(), "a.yaml"), TODAY)
    assert ("hidden-character", "error") in {(f.rule, f.severity) for f in found}
    assert any(f.where.startswith("title, character ") for f in found)


def test_hidden_characters_in_keys_are_refused(contract_yaml: str) -> None:
    text = contract_yaml.replace("      urgency: {", '      "urgency\\u200b": {', 1)
    found = lint_text(parse_contract(text.encode(), "a.yaml"), TODAY)
    assert "hidden-character" in {f.rule for f in found}


def test_letters_of_another_alphabet_in_one_word_are_a_warning(contract_yaml: str) -> None:
    text = contract_yaml.replace("London hate crime: ref", "L\u043endon hate crime: ref", 1)
    found = lint_text(parse_contract(text.encode(), "a.yaml"), TODAY)
    assert ("mixed-alphabets", "warning") in {(f.rule, f.severity) for f in found}


def test_accents_and_other_scripts_are_fine(contract_yaml: str) -> None:
    text = contract_yaml.replace("London hate crime: ref", "Café Łódź বাংলা العربية: ref", 1)
    assert lint_text(parse_contract(text.encode(), "a.yaml"), TODAY) == ()


def test_a_draft_without_parties_dates_and_keys_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    path.write_text(shipped_terms())
    found = lint_text(load_draft(path), TODAY)
    assert [f for f in found if f.severity == "error"] == []
    assert "draft-incomplete" in {f.rule for f in found}
    path.write_text(shipped_terms().replace('"uk-gdpr:6(1)(e)"', '"because we say so"'))
    assert "legal-code-unknown" in {f.rule for f in lint_text(load_draft(path), TODAY)}
