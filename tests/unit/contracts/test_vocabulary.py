from __future__ import annotations

import json
import re

import pytest

from contracts import vocabulary
from contracts.vocabulary import code_list, codes, list_names


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
    monkeypatch.setattr(vocabulary, "_FOLDER", tmp_path)
    vocabulary._files.cache_clear()
    vocabulary.code_list.cache_clear()
    try:
        assert codes("colour") == {"x": "new"}
    finally:
        monkeypatch.undo()
        vocabulary._files.cache_clear()
        vocabulary.code_list.cache_clear()


def test_a_list_that_does_not_exist_is_a_mistake_in_code() -> None:
    with pytest.raises(LookupError):
        code_list("favourite_colour")
