from __future__ import annotations

import json
import re

import pytest

from contracts import vocabulary as vocabulary_module
from contracts.consent_needs import given
from contracts.events import EVENT_TYPES
from contracts.schema import leaves, required_leaves
from contracts.vocabulary import code_list, codes, dated_data, list_names, vocabulary


@pytest.mark.parametrize("name", list_names())
def test_every_list_is_dated_named_as_its_file_and_gives_its_source(name: str) -> None:
    found = code_list(name)
    assert found.name == name
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", found.dated)
    assert found.source
    assert all(code and label for code, label in found.codes.items())


def test_boroughs_are_the_33_in_the_order_of_their_codes() -> None:
    boroughs = codes("borough")
    assert len(boroughs) == 33
    assert boroughs["E09000001"] == "City of London"
    assert boroughs["E09000007"] == "Camden"
    assert boroughs["E09000023"] == "Lewisham"
    assert boroughs["E09000033"] == "Westminster"


def test_strands_are_the_five_monitored_ones_and_what_is_outside_the_return() -> None:
    assert set(codes("hate_strand")) == {
        "disability",
        "race",
        "religion",
        "sexual_orientation",
        "transgender",
        "other_non_monitored",
    }


def test_the_newest_dated_file_wins(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    for dated, label in (("2026-01-01", "old"), ("2027-02-01", "new"), ("2026-12-31", "older")):
        (tmp_path / f"colour.{dated}.json").write_text(
            json.dumps({"list": "colour", "dated": dated, "source": "s", "codes": {"x": label}})
        )
    monkeypatch.setattr(vocabulary_module, "_FOLDER", tmp_path)
    vocabulary_module._files.cache_clear()
    code_list.cache_clear()
    try:
        assert codes("colour") == {"x": "new"}
    finally:
        monkeypatch.undo()
        vocabulary_module._files.cache_clear()
        code_list.cache_clear()


def test_a_list_that_does_not_exist_is_a_mistake_in_code() -> None:
    with pytest.raises(LookupError):
        code_list("favourite_colour")


def test_the_tasks_name_fields_types_and_codes_that_exist() -> None:
    words = vocabulary()
    paths = {path for event_type in EVENT_TYPES for path in leaves(event_type)}
    assert words.urgent_types | words.altering_types <= EVENT_TYPES.keys()
    assert {words.case, *words.answers, *words.record_kinds} <= paths
    assert all(words.case in required_leaves(event_type) for event_type in EVENT_TYPES)
    assert set(words.answers.values()) == set(words.scopes) == set(codes("consent_scope"))
    assert {words.answers[path] for path in words.answer_to.values()} == set(words.scopes)
    assert words.identity_scope in words.scopes
    assert set(words.depersonalised_kinds) < set(codes("record_type"))


def test_every_object_of_answers_is_an_answer() -> None:
    """A leaf beside the answers about consent that had no scope would be consent for nothing."""
    objects = {path.partition(".")[0] for path in vocabulary().answers}
    beside = {
        path
        for event_type in EVENT_TYPES
        for path in leaves(event_type)
        if path.partition(".")[0] in objects
    }
    assert beside == set(vocabulary().answers)


def test_another_subject_brings_other_words(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = dated_data("vocabulary") | {
        "dated": "2027-01-01",
        "case": "file_number",
        "answers": {"agreed.referral": "share_identity"},
        "depersonalised_kinds": ["concern"],
    }
    for path in vocabulary_module._FOLDER.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vocabulary.2027-01-01.json").write_text(json.dumps(content))
    monkeypatch.setattr(vocabulary_module, "_FOLDER", tmp_path)
    caches = (vocabulary_module._files, code_list, vocabulary)
    for cache in caches:
        cache.cache_clear()
    try:
        words = vocabulary()
        assert (words.case, words.depersonalised_kinds) == ("file_number", ("concern",))
        assert given("share_identity", {"agreed.referral": True})
        assert not given("share_identity", {"consent.share_identity": True})
    finally:
        monkeypatch.undo()
        for cache in caches:
            cache.cache_clear()
