"""Report of a comparison of vocabularies, and the changes that break a meaning."""

from __future__ import annotations

import pytest

from contracts.vocabulary import parse_vocabulary
from contracts.vocabulary.comparison import compare_vocabularies
from contracts.vocabulary.known import shipped_vocabulary_files

RAW = shipped_vocabulary_files()["hate-crime"].decode()
CHANGES = {
    "a value of an item of another kind": (
        ('known_to_victim: {label: "whether the victim knows them", kind: boolean}',
         'known_to_victim: {label: "whether the victim knows them", kind: short_text}'),
        "items.AllegedPerpetrator.known_to_victim",
        True,
    ),
    "another pattern": (
        ('postcode: {pattern: "[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}"}',
         'postcode: {pattern: "[0-9]{6}"}'),
        "kinds.postcode.pattern",
        False,
    ),
    "other limits": (
        ("count: {integer: {lowest: 0, highest: 999}}",
         "count: {integer: {lowest: 0, highest: 9}}"),
        "kinds.count",
        False,
    ),
    "a list that takes further codes": (
        ("  damage:\n", '  damage:\n    others: "[a-z_]{1,40}"\n'),
        "code_lists.damage.others",
        False,
    ),
    "another category": (
        ("label: how urgent the referral is, code: urgency, category: referral",
         "label: how urgent the referral is, code: urgency, category: case"),
        "event_types.referral.made.urgency",
        False,
    ),
    "a field about other people": (
        ("code: urgency, category: referral, sensitivity: none, data_subject: none",
         "code: urgency, category: referral, sensitivity: none, data_subject: victim"),
        "event_types.referral.made.urgency",
        True,
    ),
    "less protection": (
        ("code: requested_service, required: true, category: referral, sensitivity: personal",
         "code: requested_service, required: true, category: referral, sensitivity: none"),
        "event_types.referral.made.requested_service",
        True,
    ),
}  # fmt: skip


def changed(old: str, new: str) -> str:
    plain = RAW.replace('label: "how urgent the referral is"', "label: how urgent the referral is")
    assert plain.count(old) >= 1, old
    return plain.replace(old, new, 1)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_reported_at_its_place(name: str) -> None:
    (old, new), path, breaks = CHANGES[name]
    before = parse_vocabulary(RAW.encode(), "old.yaml")
    after = parse_vocabulary(changed(old, new).encode(), "new.yaml")
    found = [(one.path, one.breaks) for one in compare_vocabularies(before, after)]
    assert found == [(path, breaks)]


def test_the_same_file_has_no_changes() -> None:
    words = parse_vocabulary(RAW.encode(), "v.yaml")
    again = parse_vocabulary((RAW + "# a comment\n").encode(), "v.yaml")
    assert compare_vocabularies(words, again) == ()
