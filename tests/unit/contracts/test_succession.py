"""Versions that may be signed beside those that a party has signed before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.lint_rules import lint_rules
from contracts.loading import ContractText
from contracts.model import Contract
from contracts.succession import HeldVersion, succession_findings
from contracts.vocabulary import parse_vocabulary
from contracts.vocabulary.known import shipped_vocabulary_files

NOW_DAY = date(2026, 6, 1)


def text(contract: Contract, **update: Any) -> ContractText:
    changed = contract.model_copy(update={"starts": NOW_DAY, **update})
    return ContractText(changed, b"", hashlib.sha256(repr(changed).encode()).digest(), "a.yaml")


@pytest.fixture
def first(contract: Contract) -> ContractText:
    return text(contract)


def rules(new: ContractText, *held: HeldVersion) -> dict[str, str]:
    now = int(new.contract.starts_ms * 0) + _ms(NOW_DAY)
    return {found.rule: found.severity for found in succession_findings(new, held, now)}


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400_000


def after(contract: Contract, *before: ContractText, **update: Any) -> ContractText:
    previous = tuple(sorted(one.hash.hex() for one in before))
    return text(contract, **{"version": "1.1.0", "previous": previous, **update})


def test_the_first_version_and_one_that_names_the_one_before_are_fine(
    contract: Contract, first: ContractText
) -> None:
    assert rules(first) == {}
    assert rules(after(contract, first), HeldVersion(first, complete=True)) == {}


def test_a_version_before_that_is_not_held_is_a_warning_for_a_new_party_only(
    contract: Contract, first: ContractText
) -> None:
    new = after(contract, first)
    other = text(contract, version="0.9.0")
    assert rules(new) == {"previous-not-held": "warning"}
    assert rules(new, HeldVersion(other, complete=True)) == {
        "previous-not-held": "warning",
        "previous-missing": "error",
    }


def test_a_party_that_an_earlier_version_does_not_name_is_not_warned(
    contract: Contract, first: ContractText
) -> None:
    other = text(contract, version="0.9.0")
    new = after(contract, first, other)
    now = _ms(NOW_DAY)
    assert not succession_findings(new, (), now, {first.hash, other.hash})
    (found,) = succession_findings(new, (), now, {first.hash})
    assert (found.rule, found.severity) == ("previous-not-held", "warning")


def test_numbers_only_rise(contract: Contract, first: ContractText) -> None:
    held = HeldVersion(first, complete=True)
    assert rules(after(contract, first, version="0.9.9"), held) == {"version-not-newer": "error"}
    assert rules(after(contract, first, version="1.10.0"), held) == {}
    assert rules(after(contract, first, version="1.0.0"), held) == {"version-repeated": "error"}


@pytest.mark.parametrize("complete", [True, False])
def test_a_version_that_would_apply_beside_another_is_an_error(
    contract: Contract, first: ContractText, complete: bool
) -> None:
    """Complete or not: a draft that we have signed may become complete later."""
    second = after(contract, first)
    held = (HeldVersion(first, complete=True), HeldVersion(second, complete=complete))
    assert rules(after(contract, first, version="1.2.0"), *held) == {"previous-missing": "error"}
    assert rules(after(contract, second, version="1.2.0"), *held) == {"previous-missing": "error"}
    assert rules(after(contract, first, second, version="1.2.0"), *held) == {}


def test_a_version_that_started_long_ago_is_not_signed(
    contract: Contract, first: ContractText
) -> None:
    for days, found in ((30, {}), (31, {"signed-late": "error"})):
        assert rules(text(contract, starts=NOW_DAY - timedelta(days=days))) == found


def test_partitions_of_a_topic_never_change_even_after_a_version_without_it(
    contract: Contract, first: ContractText
) -> None:
    topics = dict(contract.topics)
    more = topics["a"].model_copy(update={"partitions": 7})
    assert rules(
        after(contract, first, topics={**topics, "a": more}), HeldVersion(first, True)
    ) == {"partitions-changed": "error"}
    second = after(contract, first, topics={"b": topics["b"]})
    third = after(contract, first, second, version="1.2.0", topics={**topics, "a": more})
    held = (HeldVersion(first, complete=True), HeldVersion(second, complete=True))
    assert rules(third, *held) == {"partitions-changed": "error"}
    assert (
        rules(after(contract, first, second, version="1.2.0", topics={**topics, "c": more}), *held)
        == {}
    )


def test_a_name_of_the_vocabulary_keeps_its_meaning_from_version_to_version(
    contract: Contract, first: ContractText
) -> None:
    raw = shipped_vocabulary_files()["hate-crime"]
    added = raw.replace(b"\nparts:", b"\n# a comment\nparts:")
    other = raw.replace(b"urgency: {label", b"urgency: {data_subject: victim, label", 1)
    other = other.replace(b"category: referral, sensitivity: none, data_subject: none}",
                          b"category: referral, sensitivity: none}", 1)  # fmt: skip
    for text_of, found in ((added, {}), (other, {"vocabulary-breaks": "error"})):
        words = parse_vocabulary(text_of, "v.yaml")
        new = after(
            contract, first, pins=contract.pins.model_copy(update={"vocabulary": words.hash})
        )
        new.contract.__dict__["vocabulary"] = words  # as the loader binds it
        assert rules(new, HeldVersion(first, complete=True)) == found


def test_a_gap_before_the_next_version_is_a_warning(
    contract: Contract, first: ContractText
) -> None:
    late = after(
        contract,
        first,
        starts=contract.ends + timedelta(days=2),
        ends=contract.ends + timedelta(days=400),
    )
    assert rules(late, HeldVersion(first, complete=True)) == {"gap": "warning"}


def test_an_event_type_is_in_one_agreement_at_a_time(
    contract: Contract, first: ContractText
) -> None:
    held = HeldVersion(first, complete=True)
    other = text(contract, name="another")
    assert rules(other, held) == {"type-in-two-agreements": "error"}
    later = text(
        contract,
        name="another",
        starts=contract.ends + timedelta(days=1),
        ends=contract.ends + timedelta(days=9),
    )
    assert rules(later, held) == {}


def test_a_type_of_two_boroughs_is_refused_only_if_two_parties_are_in_both(
    contract: Contract, first: ContractText
) -> None:
    """The police of both boroughs send each event under the agreement of its addressees."""
    held = HeldVersion(first, complete=True)

    def others_renamed(kept: Collection[str]) -> ContractText:
        parties = [
            party if party.id in kept else party.model_copy(update={"id": f"{party.id}-2"})
            for party in contract.parties
        ]
        keys = {
            party.id: contract.governance_keys[before.id]
            for before, party in zip(contract.parties, parties, strict=True)
        }
        reviewers = tuple(party.id for party in parties)
        return text(
            contract, name="another", parties=tuple(parties), governance_keys=keys,
            review_by=reviewers,
        )  # fmt: skip

    assert rules(others_renamed({"csu-camden"}), held) == {}
    both = others_renamed({"csu-camden", "council-camden"})
    assert rules(both, held) == {"type-in-two-agreements": "error"}


def test_a_draft_and_an_agreement_that_has_ended_are_errors(contract: Contract) -> None:
    assert rules(text(contract, status="drafted")) == {"status-draft": "error"}
    assert rules(text(contract, ends=NOW_DAY - timedelta(days=1))) == {"expired": "error"}


def test_a_version_that_names_none_before_is_an_error(
    contract: Contract, first: ContractText
) -> None:
    held = HeldVersion(first, complete=True)
    found = rules(text(contract, version="1.1.0"), held)
    assert found["previous-missing"] == "error"


def test_a_version_that_ends_before_the_one_that_it_replaces(
    contract: Contract, first: ContractText
) -> None:
    sooner = after(contract, first, ends=contract.ends - timedelta(days=1))
    found = rules(sooner, HeldVersion(first, complete=True))
    assert found == {"ends-before-previous": "warning"}


def test_every_rule_of_versions_is_in_a_test_of_this_file() -> None:
    asserted = re.findall(
        r'"([a-z-]+)"(?:: |\] == )"(?:error|warning)"', Path(__file__).read_text()
    )
    rules = {name for name, rule in lint_rules().items() if rule.about == "versions"}
    assert rules <= set(asserted)


def test_a_vocabulary_that_lowers_a_sensitivity_is_an_error(
    contract: Contract, first: ContractText
) -> None:
    raw = shipped_vocabulary_files()["hate-crime"]
    at = re.search(rb"ethnicity: \{[^}]*sensitivity: (special-category)", raw)
    assert at is not None
    for lower in (b"personal", b"none", b"criminal-offence"):
        words = parse_vocabulary(raw[: at.start(1)] + lower + raw[at.end(1) :], "v.yaml")
        pins = contract.pins.model_copy(update={"vocabulary": words.hash})
        new = after(contract, first, pins=pins)
        new.contract.__dict__["vocabulary"] = words
        found = rules(new, HeldVersion(first, complete=True))
        assert found["sensitivity-lowered"] == "error"


def test_a_version_that_lowers_a_sensitivity_to_that_of_the_vocabulary_is_a_warning(
    contract: Contract,
) -> None:
    terms = contract.event_types["referral.made"]
    stricter = terms.fields["victim.name"].model_copy(update={"sensitivity": "special-category"})
    held = text(
        contract,
        event_types={
            **contract.event_types,
            "referral.made": terms.model_copy(
                update={"fields": {**terms.fields, "victim.name": stricter}}
            ),
        },
    )
    found = rules(after(contract, held), HeldVersion(held, complete=True))
    assert found == {"sensitivity-lowered": "warning"}
