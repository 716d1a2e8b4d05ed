"""The vocabularies that come with the software, and what the loader refuses in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from contracts.errors import ContractError
from contracts.vocabulary import JSON, Vocabulary, parse_vocabulary
from contracts.vocabulary.comparison import compare_vocabularies
from contracts.vocabulary.known import (
    Documents,
    find_vocabulary,
    named_vocabulary,
    shipped_vocabulary_files,
)
from contracts.vocabulary.samples import sample_values
from tests.support.words import EVENT_TYPES, HATE_CRIME, codes

RAW = shipped_vocabulary_files()["hate-crime"].decode()
SHIPPED = [named_vocabulary(name) for name in shipped_vocabulary_files()]


@pytest.mark.parametrize("words", SHIPPED, ids=lambda words: words.form.vocabulary)
def test_a_sample_of_every_type_is_valid(words: Vocabulary) -> None:
    for name, of_type in words.event_types.items():
        flat = dict(sample_values(words, name))
        assert tuple(flat) == tuple(of_type.leaves)
        of_type.restricted(frozenset(flat)).check(flat)


@pytest.mark.parametrize("words", SHIPPED, ids=lambda words: words.form.vocabulary)
def test_every_field_has_a_label(words: Vocabulary) -> None:
    leaves = [leaf for each in words.event_types.values() for leaf in each.leaves.values()]
    assert [leaf.path for leaf in leaves if not leaf.form.label] == []


def test_boroughs_are_the_33_in_the_order_of_their_codes() -> None:
    boroughs = codes("borough")
    assert len(boroughs) == 33
    assert boroughs["E09000001"] == "City of London"
    assert boroughs["E09000033"] == "Westminster"
    assert list(boroughs) == sorted(boroughs)


def test_strands_are_the_five_monitored_ones_and_what_is_outside_the_return() -> None:
    assert set(codes("hate_strand")) == {
        "disability",
        "race",
        "religion",
        "sexual_orientation",
        "transgender",
        "other_non_monitored",
    }


def swapped(old: str, new: str) -> Callable[[], str]:
    def altered() -> str:
        assert old in RAW, old
        return RAW.replace(old, new, 1)

    return altered


FAULTS: dict[str, tuple[Callable[[], str], str]] = {
    "a kind that does not exist": (swapped("kind: uuid,", "kind: guid,"), "fields.case_id"),
    "a code list that does not exist": (
        swapped("code: urgency,", "code: haste,"),
        "event_types.referral.made.fields.urgency",
    ),
    "an object that does not exist": (
        swapped("{object: Victim}", "{object: Person}"),
        "event_types.referral.made.fields.victim",
    ),
    "two kinds of one field": (swapped("kind: uuid,", "kind: uuid, code: urgency,"), "case_id"),
    "a list without a longest": (swapped("longest: 24, ", ""), "fields.other_agencies"),
    "a field about an unknown group of people": (
        swapped("data_subject: victim}", "data_subject: x}"),
        "case_id",
    ),
    "a pattern with an alternative": (swapped('"E05[0-9]{6}"', '"E05|E06"'), "kinds.ward"),
    "a kind that is built in": (swapped("\n  count: {", "\n  uuid: {"), "kinds.uuid"),
    "a type of the protocol": (swapped("  case.updated:", "  concordant.report:"), "concordant"),
    "a type without the case": (
        swapped("  case: case_id", "  case: note"),
        "event_types",
    ),
    "an urgent type that does not exist": (
        swapped("urgent_types: [critical-incident.declared]", "urgent_types: [x.y]"),
        "parts.urgent_types",
    ),
    "a scope without an answer": (
        swapped("  identity: share_identity", "  identity: share_all"),
        "consent.identity",
    ),
    "a status that does not exist": (swapped("first: requested", "first: asked"), "first"),
    "a change from a terminal status": (
        swapped("      draft: [requested]", "      completed: [requested]"),
        "referrals.referrer",
    ),
    "a list newer than the file": (
        swapped("    dated: 2026-04-01", "    dated: 2027-01-01"),
        "dated",
    ),
    "an open list on which a rule depends": (
        swapped(
            "  referral_status:\n",
            '  referral_status:\n    others: "[a-z-]{1,20}"\n',
        ),
        "referrals",
    ),
    "a list with closed codes in an object of a list": (
        swapped(
            "  relationship:\n",
            "  relationship:\n    closed: {stranger: {competent-authority: 2026-04-01}}\n",
        ),
        "items",
    ),
    "a member that there is not": (
        swapped("\nparts:\n", "\nparts:\n  strand: x\n"),
        "parts.strand",
    ),
    "the same field twice": (
        swapped("      witnesses: {", "      urgency: {kind: count}\n      witnesses: {"),
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_its_line_and_field(fault: str) -> None:
    made, where = FAULTS[fault]
    with pytest.raises(ContractError) as caught:
        parse_vocabulary(made().encode(), "mine.yaml")
    assert caught.value.code == "vocabulary_invalid"
    place = caught.value.where or ""
    assert re.match(r"mine\.yaml:[0-9]+", place)
    assert where in f"{place} {caught.value.detail}"
    assert caught.value.fix


def test_an_open_list_takes_other_codes_of_its_pattern() -> None:
    text = RAW.replace(
        "  damage:\n    dated: 2026-04-01\n",
        '  damage:\n    dated: 2026-04-01\n    others: "[a-z_]{1,20}"\n',
    )
    assert text != RAW
    of_type = parse_vocabulary(text.encode(), "mine.yaml").type("referral.made")
    reader = of_type.restricted(frozenset({"incident.damage"}))
    reader.check({"incident.damage": "smashed_sign"})
    with pytest.raises(Exception, match=r"incident\.damage"):
        reader.check({"incident.damage": "Smashed sign"})
    assert of_type.unlisted({"incident.damage": "smashed_sign"}) == ("incident.damage",)
    assert of_type.unlisted({"incident.damage": "none", "urgency": "smashed_sign"}) == ()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("risk.factors", ["weapons", "stalking"], ()),
        ("risk.factors", ["weapons", "poison"], ("risk.factors",)),
        ("risk.factors", [], ()),
        ("requested_service", "marac", ()),
        ("requested_service", "refuge", ("requested_service",)),
    ],
)
def test_a_list_is_one_leaf_for_the_mark(path: str, value: JSON, expected: object) -> None:
    of_type = named_vocabulary("domestic-abuse").type("marac.referred")
    assert of_type.unlisted({path: value, "case_id": "x"}) == expected


OPEN_LISTS = {
    "a kind of record": "record_type",
    "a status": "referral_status",
    "a reason": "referral_reason",
    "a business status": "business_status",
    "the urgency": "urgency",
}


@pytest.mark.parametrize("name", OPEN_LISTS.values(), ids=OPEN_LISTS)
def test_a_list_on_which_a_rule_depends_is_not_extensible(name: str) -> None:
    others = f'  {name}:\n    others: "[A-Za-z0-9._/-]{{1,64}}"\n'
    with pytest.raises(ContractError) as caught:
        parse_vocabulary(RAW.replace(f"  {name}:\n", others).encode(), "mine.yaml")
    assert caught.value.code == "vocabulary_invalid"
    assert f"a rule depends on {name}" in f"{caught.value.where} {caught.value.detail}"


@pytest.mark.parametrize("member", ["status", "previous_status", "reason"])
def test_a_status_or_reason_uses_the_list_on_which_the_rules_depend(member: str) -> None:
    made = re.sub(rf"(      {member}: .*?)code: referral_\w+", r"\1code: perceived_by", RAW)
    assert made != RAW
    with pytest.raises(ContractError) as caught:
        parse_vocabulary(made.encode(), "mine.yaml")
    told = f"{caught.value.where} {caught.value.detail}"
    assert f"referrals.changed: {member} has" in told or f"referrals.changed {member} has" in told


def test_a_vocabulary_is_found_by_the_hash_of_its_file(tmp_path) -> None:
    other = RAW.replace("title:", "title:  ", 1).encode()
    words = parse_vocabulary(other, "other.yaml")
    assert words.hash != HATE_CRIME.hash
    with pytest.raises(ContractError) as caught:
        find_vocabulary(words.hash)
    assert caught.value.code == "document_missing"
    (tmp_path / "mine.vocabulary.yaml").write_bytes(other)
    beside = Documents({}, (tmp_path,))
    assert find_vocabulary(words.hash, beside).hash == words.hash
    assert named_vocabulary("mine", beside).hash == words.hash
    assert find_vocabulary(HATE_CRIME.hash, beside).hash == HATE_CRIME.hash


def test_a_file_under_the_name_of_another_hash_is_not_taken(tmp_path) -> None:
    (tmp_path / f"{'0' * 64}.txt").write_bytes(RAW.encode())
    with pytest.raises(ContractError) as caught:
        find_vocabulary("0" * 64, Documents({"1" * 64: b"x"}, (tmp_path,)))
    assert caught.value.code == "document_missing"


@pytest.mark.timeout(10)
def test_a_pipe_in_the_place_of_a_file_counts_as_absent(tmp_path) -> None:
    os.mkfifo(tmp_path / "mine.vocabulary.yaml")
    os.mkfifo(tmp_path / f"{'0' * 64}.txt")
    places = Documents({}, (tmp_path,))
    assert (places.by_name("mine"), places.by_hash("0" * 64)) == (None, None)


def test_the_words_of_hate_crime_name_what_exists() -> None:
    assert HATE_CRIME.urgent_types | HATE_CRIME.altering_types <= EVENT_TYPES.keys()
    assert set(HATE_CRIME.depersonalised_kinds) < set(codes("record_type"))


def test_a_closed_code_has_to_be_a_code_of_its_list() -> None:
    with pytest.raises(ContractError) as caught:
        parse_vocabulary(
            RAW.replace("hate_incident: {comp", "hate_thing: {comp").encode(), "mine.yaml"
        )
    assert caught.value.code == "vocabulary_invalid"
    assert "code_lists.record_type.closed" in (caught.value.where or "")


def test_a_code_is_closed_to_a_known_kind_of_sender_alone() -> None:
    text = RAW.replace("{competent-authority: 2027-04-01}", "{police: 2027-04-01}")
    with pytest.raises(ContractError) as caught:
        parse_vocabulary(text.encode(), "mine.yaml")
    assert caught.value.code == "vocabulary_invalid"


def test_another_day_of_closing_is_a_change_of_the_vocabulary() -> None:
    later = RAW.replace("{competent-authority: 2027-04-01}", "{competent-authority: 2027-05-01}")
    changes = compare_vocabularies(HATE_CRIME, parse_vocabulary(later.encode(), "mine.yaml"))
    assert [change.path for change in changes] == ["code_lists.record_type.closed"]
