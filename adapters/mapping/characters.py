"""Characters that no text of an export may have: invisible ones, and signs of an encoding."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from adapters.base import FilePlace
from adapters.formats.signs import has_escapes, text_sign

_JOINERS: Final = "\u200c\u200d"
"""Zero-width joiners: Persian and Indic names need them."""
_BLANKS_WITHOUT_WIDTH: Final = "\u200b\u2060\ufeff\u00ad"
_MARKS_OF_DIRECTION: Final = "\u200e\u200f"


def check_characters(text: str, place: FilePlace, *, multiline: bool) -> None:
    """Refuse invisible characters, characters that hide others, and signs of a wrong encoding.

    Texts of several lines may hold the invisible marks that other programs leave in them.

    Raises:
        MappingError: `text_encoding`, `invalid_value`.
    """
    sign = text_sign(text)
    if sign is not None:
        raise place.error(
            "text_encoding",
            f"the text has signs of a wrong encoding: {sign}",
            fix="Correct the text at its source, and export as UTF-8.",
        )
    if not multiline and re.search("[^\\W\\d_][?][^\\W\\d_]", text):
        raise place.error(
            "text_encoding",
            "a question mark stands inside a word: an earlier program lost a character there",
            fix="Correct the text at its source, and export as UTF-8.",
        )
    if not multiline and has_escapes(text):
        raise place.error(
            "text_encoding",
            "a character is written as an escape of HTML, JSON, e-mail, a URL or UTF-7",
            fix="Export the plain characters, as UTF-8.",
        )
    kept = _JOINERS + ("\n\t" + _BLANKS_WITHOUT_WIDTH + _MARKS_OF_DIRECTION if multiline else "")
    for char in text:
        kind = unicodedata.category(char)
        if kind == "Cc" and char not in kept:
            raise place.error(
                "invalid_value", "a control character or line break is not allowed here"
            )
        if kind in ("Cf", "Co", "Cn", "Cs", "Zl", "Zp") and char not in kept:
            raise place.error(
                "invalid_value",
                f"an invisible character (U+{ord(char):04X}) is not allowed here",
                fix="Type the value again.",
            )
