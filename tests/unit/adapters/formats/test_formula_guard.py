"""Formula guard: a partner's text is no formula in a spreadsheet, and is read back unchanged."""

from __future__ import annotations

import pytest

from adapters.formats.delimited import guarded, unguarded


@pytest.mark.parametrize(
    "text",
    [
        *("=1", "+1", "-1", "@x", "\t=1", " =1", "'=1"),
        *("\uff1d1", "\uff0b1", "\uff20x", "\ufeff=1", "\u200b=1", "\x00=1"),
    ],
)
def test_a_formula_is_a_text(text: str) -> None:
    assert guarded(text) == "'" + text
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "'", "o'clock", "\u200ba"])
def test_other_texts_are_as_they_were(text: str) -> None:
    assert guarded(text) == text == unguarded(text)
