"""Share of cases that several kinds of agency have seen, in words and as JSON."""

from __future__ import annotations

from broker.figures.unions.shares import UnionShare
from broker.releases.union_share_text import union_in_words, union_json, union_notes

ALL = UnionShare(18, ("council-camden", "csu-camden"), (), "data-observatory")
HIDDEN = UnionShare(None, ("csu-camden",), ("council-camden",), "data-observatory")


def test_a_share_is_a_percentage_and_a_hidden_one_has_no_number() -> None:
    assert "18 %" in union_in_words(ALL, "hidden")
    assert not any(char.isdigit() for char in union_in_words(HIDDEN, "hidden"))
    assert union_json(None) is None
    assert union_json(HIDDEN) == {
        "share_percent": None,
        "agencies": ["csu-camden"],
        "missing": ["council-camden"],
        "tallied_by": "data-observatory",
    }


def test_notes_name_the_party_that_tallied_and_who_is_missing() -> None:
    assert all("council-camden" in note for note in union_notes(ALL) if "tokens" in note)
    assert len(list(union_notes(ALL))) == 1
    notes = list(union_notes(HIDDEN))
    assert any("council-camden" in note for note in notes)
    assert any("data-observatory" in note for note in notes)
    assert len(notes) == 3
