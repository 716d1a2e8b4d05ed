"""References: what tells one case from another must not be what a spreadsheet made of it.

Two people's cases become one when both have ``#N/A`` or ``2.61E+12`` for a reference, and one
person's case becomes two by a space that has no width. So a reference is of printable ASCII and of
the pattern that the mapping file states, and it is none of the values that programs write of
themselves. Blanks around it, non-breaking ones included, are no part of it. Nothing else is folded.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.mapping.place import Place

MAX_REFERENCE: Final = 64
"""Characters of an own reference."""
DEFAULT_PATTERN: Final = "(?=.*[0-9])[A-Z0-9]+(?:[ ./_:-][A-Z0-9]+)*"
"""For a mapping file without one: capitals and digits, at least one of them, in groups."""

_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_ERRORS: Final = (
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!"
    r"|UNKNOWN!|GETTING_DATA)|#+|Err:[0-9]+"
)
_NULLS: Final = r"NULL|\(null\)|<null>|\[NULL\]|\\N|NaN|nan|None|undefined"
_WRITTEN_BY_PROGRAMS: Final = re.compile(f"{_ERRORS}|{_NULLS}")
_MADE_BY_SPREADSHEETS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.ASCII), words)
    for pattern, words in (
        (_ERRORS, "an error value of a spreadsheet"),
        (
            f"{_NULLS}|nil|n/?a|tb[acd]|unknown|not known|not recorded|none|blank|empty|test"
            "|true|false|yes|no|[-.?*x]+|0+(?:[ ./_:-]+0+)*",
            "a word that stands for no value",
        ),
        (r"[0-9]+(?:[.,][0-9]+)?e[+-]?[0-9]+", "a number in scientific notation"),
        (r"[0-9]+[.,][0-9]+", "a number with a decimal point"),
        (r"[0-9]{16,}", "a number of more than 15 digits, which a spreadsheet rounds"),
        (
            r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{4}.*|[0-9]{4}([/.-])[0-9]{1,2}\2[0-9]{1,2}.*"
            f"|[0-9]{{1,2}}[ -]{_MONTH}(?:[ -][0-9]{{2,4}})?|{_MONTH}[ -][0-9]{{2,4}}",
            "a date",
        ),
    )
)
_EXPORT_AS_TEXT: Final = (
    "Correct the record; if a spreadsheet changed the column, give it the format Text and fill it "
    "again from the source."
)


def check_reference(text: str, pattern: str, place: Place) -> str:
    """A reference, checked.

    Args:
        text: without blanks around it; not empty.
        pattern: what the mapping file states for it.
        place: for errors.

    Raises:
        MappingError: invalid_value.
    """
    if len(text) > MAX_REFERENCE:
        raise place.error("invalid_value", f"a reference has at most {MAX_REFERENCE} characters")
    check_not_made(text, place)
    if not (text.isascii() and text.isprintable()):
        raise place.error(
            "invalid_value",
            "a reference holds a character that cannot be seen or is of another alphabet",
            fix="Type the reference again.",
        )
    if not re.fullmatch(pattern, text, re.ASCII):
        raise place.error(
            "invalid_value",
            f"a reference of the form {pattern} is expected (adapters/mapping, the mapping file)",
            fix="Correct the reference, or the pattern in the next version of the mapping file.",
        )
    return text


def check_not_made(text: str, place: Place) -> None:
    """Refuse what a program wrote in the place of a reference.

    Raises:
        MappingError: invalid_value.
    """
    for made, words in _MADE_BY_SPREADSHEETS:
        if made.fullmatch(text):
            raise place.error(
                "invalid_value", f"a reference is expected, not {words}", fix=_EXPORT_AS_TEXT
            )


def check_uuid(text: str, place: Place) -> None:
    """Refuse a shared id that databases write for none: all its digits are the same.

    Two people's cases become one when both have ``00000000-0000-0000-0000-000000000000``.

    Args:
        text: a UUID in lower case.
        place: for errors.

    Raises:
        MappingError: invalid_value.
    """
    if len(set(text.replace("-", ""))) == 1:
        raise place.error(
            "invalid_value",
            "a shared id is expected, not a UUID that stands for no value",
            fix="Leave the value empty, or fill in the id that was received.",
        )


def check_not_error(text: str, place: Place) -> None:
    """Refuse a text that is what a program writes for an error or for nothing.

    Raises:
        MappingError: invalid_value.
    """
    if _WRITTEN_BY_PROGRAMS.fullmatch(text):
        raise place.error(
            "invalid_value",
            "a program wrote an error, or its word for no value, in the place of a text",
            fix="Leave the value empty, or fill it in.",
        )
