"""Checks of own references: values that a spreadsheet or a program has changed are refused.

If two people's cases both had ``#N/A`` or ``2.61E+12`` as a reference, they would become one case.
If one of two equal references held an invisible space, one person's case would become two. So a
reference has only printable ASCII, matches the pattern of the mapping file, and is none of the
values that programs write by themselves. Blanks around it, non-breaking ones included, are removed.
Nothing else is normalised.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.base import FilePlace

MAX_REFERENCE: Final = 64
"""Maximum number of characters of an own reference."""
DEFAULT_PATTERN: Final = "(?=.*[0-9])[A-Z0-9]+(?:[ ./_:-][A-Z0-9]+)*"
"""Default pattern: groups of capitals and digits, with at least one digit."""

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
    "Correct the record. If a spreadsheet changed the column, give it the format Text and fill "
    "it again from the source."
)


def check_reference(text: str, pattern: str, place: FilePlace) -> str:
    """Return a reference after all checks.

    Args:
        text: the reference without blanks around it; not empty.
        pattern: the pattern of the mapping file.
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
            "a reference holds an invisible character or one of another alphabet",
            fix="Type the reference again.",
        )
    if not re.fullmatch(pattern, text, re.ASCII):
        raise place.error(
            "invalid_value",
            f"a reference must have the form {pattern}, which the mapping file in "
            "adapters/mapping states",
            fix="Correct the reference, or the pattern in the next version of the mapping file.",
        )
    return text


def check_not_made(text: str, place: FilePlace) -> None:
    """Refuse a value that a program wrote instead of a reference.

    Raises:
        MappingError: invalid_value.
    """
    for made, words in _MADE_BY_SPREADSHEETS:
        if made.fullmatch(text):
            raise place.error(
                "invalid_value", f"a reference is expected, not {words}", fix=_EXPORT_AS_TEXT
            )


def check_uuid(text: str, place: FilePlace) -> None:
    """Refuse a UUID that databases use as a null value: all its digits are the same.

    If two people's cases both had ``00000000-0000-0000-0000-000000000000``, they would become one.

    Args:
        text: a UUID in lower case.
        place: for errors.

    Raises:
        MappingError: invalid_value.
    """
    if len(set(text.replace("-", ""))) == 1:
        raise place.error(
            "invalid_value",
            "this UUID stands for no value; a shared id is expected",
            fix="Leave the value empty, or use the id that was received.",
        )


def check_not_error(text: str, place: FilePlace) -> None:
    """Refuse a text that a program writes for an error or for no value.

    Raises:
        MappingError: invalid_value.
    """
    if _WRITTEN_BY_PROGRAMS.fullmatch(text):
        raise place.error(
            "invalid_value",
            "a program wrote an error, or its word for no value, instead of a text",
            fix="Leave the value empty, or fill it in.",
        )
