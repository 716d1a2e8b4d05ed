"""Forms of the values of a sample's column: dates, times, yes or no, references, codes of a list.

Only the form is reported. No value of a person leaves these functions, except codes: short values
that repeat, which the author of a mapping has to see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.mapping.localtime import parse_strictly
from adapters.mapping.references import DEFAULT_PATTERN

__all__ = [
    "MAX_CODE",
    "ValueForm",
    "codes_of",
    "date_format",
    "form_of",
    "match_codes",
    "separator_of",
]

DATE_FORMATS: Final = (
    "%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y", "%d-%b-%Y",
    "%Y%m%d", "%m/%d/%Y",
    "%d/%m/%y", "%d-%m-%y", "%d.%m.%y",
)  # fmt: skip
TIME_FORMATS: Final = ("%H:%M", "%H:%M:%S", "%H.%M", "%H%M", "%I.%M%p", "%I:%M%p")
_LIKE_NUMBERS: Final = ("%H.%M",)
"""Forms that with one digit are also those of numbers."""
_MOMENTS: Final = tuple(
    f"{day}{between}{time}{zone}"
    for day in DATE_FORMATS
    for between in (" ", "T")
    for time in TIME_FORMATS[:2]
    for zone in ("", "Z")
)
_YES_NO: Final = (
    ("Y", "N"), ("Yes", "No"), ("YES", "NO"), ("yes", "no"), ("y", "n"), ("True", "False"),
    ("TRUE", "FALSE"), ("true", "false"), ("1", "0"), ("T", "F"),
)  # fmt: skip
_SEPARATORS: Final = (";", "|", ",", "/")
_SHAPES: Final = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    ("postcode", re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", re.IGNORECASE)),
    ("area", re.compile(r"[EWSN][0-9]{8}")),
    ("uprn", re.compile(r"[0-9]{9,12}")),
    ("phone", re.compile(r"\+?[0-9][0-9 ()-]{8,22}")),
)
MAX_CODES: Final = 60
"""A column with more different values is no list of codes."""
MAX_CODE: Final = 60
"""Longest code in characters."""


@dataclass(frozen=True, slots=True)
class ValueForm:
    """Form of a column's values.

    Attributes:
        filled: number of values that are not empty.
        distinct: number of different ones.
        kind: `date`, `time`, `datetime`, `flag`, `integer`, `reference`, one of the shapes (`uuid`,
            `email`, `postcode`, `area`, `uprn`, `phone`), `codes` (short values that repeat) or
            `text`; `empty` without a value.
        formats: strptime patterns of dates and times that fit every value.
        yes_no: the pair of own texts of a flag.
        longest: characters of the longest value.
        lines: whether a value has line breaks.
    """

    filled: int
    distinct: int
    kind: str
    formats: tuple[str, ...] = ()
    yes_no: tuple[str, str] | None = None
    longest: int = 0
    lines: bool = False


def form_of(values: Iterable[object]) -> ValueForm:
    """Return the form of a column's values."""
    texts = [text for value in values if (text := _text(value))]
    distinct = sorted(set(texts))
    if not texts:
        return ValueForm(0, 0, "empty")
    longest, lines = max(map(len, texts)), any("\n" in text for text in texts)
    kind, formats, yes_no = _kind(distinct, len(texts))
    return ValueForm(len(texts), len(distinct), kind, formats, yes_no, longest, lines)


def _kind(  # noqa: PLR0911 - one answer for each form
    distinct: Sequence[str], filled: int
) -> tuple[str, tuple[str, ...], tuple[str, str] | None]:
    for pair in _YES_NO:
        if set(distinct) <= set(pair):
            return "flag", (), pair
    for kind, patterns in (("date", DATE_FORMATS), ("datetime", _MOMENTS), ("time", TIME_FORMATS)):
        formats = date_format(distinct, patterns)
        if formats:
            return kind, formats, None
    for shape, pattern in _SHAPES:
        if all(pattern.fullmatch(text) for text in distinct):
            return shape, (), None
    if all(re.fullmatch(r"-?[0-9]{1,9}", text) for text in distinct):
        return "integer", (), None
    if all(re.fullmatch(DEFAULT_PATTERN, text) for text in distinct) and len(distinct) > 1:
        return "reference", (), None
    few = len(distinct) <= MAX_CODES and max(map(len, distinct)) <= MAX_CODE
    if few and (len(distinct) <= 12 or len(distinct) * 2 <= filled):
        return "codes", (), None
    return "text", (), None


def date_format(values: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that fit every value; the first is the likeliest in the UK."""
    return tuple(
        p
        for p in patterns
        if all(parse_strictly(text, p, one_digit=p not in _LIKE_NUMBERS) for text in values)
    )


def separator_of(values: Iterable[object], known: Mapping[str, str]) -> str | None:
    """Return the separator with which the most items of the values are known words, if any is."""
    texts = [text for value in values if (text := _text(value))]
    best: tuple[float, str] | None = None
    for separator in _SEPARATORS:
        items = [item.strip() for text in texts for item in text.split(separator) if item.strip()]
        if not any(separator in text for text in texts) or not items:
            continue
        share = sum(_plain(item) in known for item in items) / len(items)
        if best is None or share > best[0]:
            best = (share, separator)
    return None if best is None or best[0] == 0 else best[1]


def codes_of(values: Iterable[object], separator: str | None = None) -> Counter[str]:
    """Return each own code with the number of times that it stands in the column."""
    found: Counter[str] = Counter()
    for value in values:
        items = value if isinstance(value, list) else [_text(value)]
        for item in items:
            parts = str(item).split(separator) if separator else [str(item)]
            found.update(part.strip() for part in parts if part.strip())
    return found


def match_codes(own: Iterable[str], codes: Mapping[str, str]) -> dict[str, str]:
    """Return own code -> shared code, for those whose word or label is the same.

    Args:
        own: own codes.
        codes: shared code -> label.
    """
    words = known_words(codes)
    return {text: words[_plain(text)] for text in own if _plain(text) in words}


def known_words(codes: Mapping[str, str]) -> dict[str, str]:
    """Return the plain words of a code list with their codes: its labels, and its codes first."""
    labels = {_plain(codes[code]): code for code in reversed(list(codes))}
    return labels | {_plain(code): code for code in codes}


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))


def _text(value: object) -> str:
    if value is None or isinstance(value, (list, dict)):
        return ""
    return str(value).strip()
