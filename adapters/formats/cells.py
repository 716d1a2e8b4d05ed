"""Text of a spreadsheet's cell.

A date is ISO text: ``2026-11-02``, ``13:05`` or ``2026-11-02T13:05``, with seconds if there are
any. A number has no spurious decimals. A number whose format only has zeros and letters is the text
that the cell shows (``07700900123``, ``C-0042``); any other number is the number, without the signs
of its format. A number of 16 or more digits has all of them, so that a reference that the program
has rounded is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

from adapters.formats.office_archive import malformed
from adapters.limits import MAX_CELLS, MAX_COLUMNS

NO_STORED_VALUE: Final = "#VALUE!"
"""Text of a formula without a stored value, or of a number whose format has conditions: the mapping
refuses it as an error of a program.
"""
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_DAY_S: Final = 24 * 60 * 60
_EXACT: Final = 10**15
"""Programs keep 15 digits of a number."""
_MAX_DIGITS: Final = 40

Shape: TypeAlias = Literal["number", "date", "time", "moment", "digits"]


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """Format of a cell with a number.

    Attributes:
        shape: kind of text that the cell shows.
        pieces: for ``digits``, literal texts and runs of zeros, in order.
        unclear: numbers that are shown in another form of zeros and letters: the mapping refuses
            them.
    """

    shape: Shape = "number"
    pieces: tuple[str, ...] = ()
    unclear: Literal["", "zero", "all"] = ""


@dataclass(slots=True)
class SheetRow:
    """One row with a value.

    Attributes:
        number: its number as the program shows it.
        cells: index of the column -> text.
        merged: whether a cell of the row is merged with others.
    """

    number: int
    cells: dict[int, str] = field(default_factory=dict)
    merged: bool = False


@dataclass(slots=True)
class CellBudget:
    """Number of cells that a sheet may still have."""

    left: int = MAX_CELLS

    def spend(self, column: int, row: int, count: int = 1) -> None:
        """Count cells with a value. Raises MappingError(file_malformed) for too many."""
        self.repeat(count)
        if column + count > MAX_COLUMNS:
            raise malformed(
                f"a value stands right of column {MAX_COLUMNS}", fix=_FEWER, where=f"line {row}"
            )

    def repeat(self, count: int) -> None:
        """Count cells of repeated rows. Raises MappingError(file_malformed) for too many."""
        self.left -= count
        if self.left < 0:
            raise malformed(f"the sheet has more than {MAX_CELLS} cells", fix=_FEWER)


_FEWER: Final = "Export fewer rows and columns at a time."


def clean(text: str) -> str:
    """Return a text with U+FFFD for control characters, which the mapping refuses."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def number_text(text: str) -> str:
    """Return a number without spurious decimals; another text as it is."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or number.adjusted() > _MAX_DIGITS:
        return text
    if number == number.to_integral_value():
        return str(int(number))
    short = Decimal(f"{float(number):.15g}")
    return str(int(short)) if short == short.to_integral_value() else f"{float(short):.15g}"


def formatted(text: str, number_format: NumberFormat, *, from_1904: bool = False) -> str:
    """Return the text of a number with a format.

    Args:
        text: the stored number.
        number_format: format of its cell.
        from_1904: whether days are counted from 1904 instead of 1900.
    """
    if number_format.shape == "digits":
        unclear = number_format.unclear
        if unclear == "all" or (unclear and number_text(text) == "0"):
            return NO_STORED_VALUE
        return _digits(text, number_format.pieces)
    if number_format.shape == "number":
        return number_text(text)
    return _moment(text, number_format.shape, from_1904=from_1904) or number_text(text)


def _digits(text: str, pieces: tuple[str, ...]) -> str:
    plain = number_text(text)
    if not plain.isdecimal() or int(plain) >= _EXACT:
        return plain
    slots = sum(len(piece) for piece in pieces if piece.startswith("0"))
    digits = plain.zfill(slots)
    extra = len(digits) - slots
    result = ""
    for piece in pieces:
        if not piece.startswith("0"):
            result += piece.removeprefix('"')
            continue
        count = len(piece) + extra
        result, digits, extra = result + digits[:count], digits[count:], 0
    return result


def _moment(text: str, shape: Shape, *, from_1904: bool) -> str | None:
    try:
        serial = float(text)
    except ValueError:
        return None
    if not 0 <= serial < 2_958_466 or (60 <= serial < 61 and not from_1904):
        return None  # before 1900, after 9999, or 29 February 1900, which did not exist
    days, seconds = divmod(round(serial * _DAY_S), _DAY_S)
    clock = (datetime.min + timedelta(seconds=seconds)).time()
    if days == 0 and shape != "date" and not from_1904:
        return time_text(clock)
    if shape == "time":
        return None  # a duration of a day or more
    first = date(1904, 1, 1) if from_1904 else date(1899, 12, 31 if days < 60 else 30)
    if not from_1904 and days == 0:
        return None
    day = first + timedelta(days=days)
    return day.isoformat() if shape == "date" else f"{day.isoformat()}T{time_text(clock)}"


def time_text(clock: time) -> str:
    """Return a time of day, with seconds if it has any."""
    return f"{clock:%H:%M:%S}" if clock.second else f"{clock:%H:%M}"


_IN_FORMAT: Final = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|(0+)|(.)', re.DOTALL)


def parse_format(code: str) -> NumberFormat:
    """Return the meaning of a number format of a spreadsheet, for example ``dd/mm/yyyy``.

    Sections between semicolons are for positive numbers, negative numbers and zero, or for numbers
    that fulfil a condition, such as ``[>100]``.
    """
    sections = _sections(code)
    found = [_parse_section(section) for section in sections]
    digits = [one for one in found if one.shape == "digits"]
    if digits and any(map(_CONDITION.search, sections)):
        return replace(digits[0], unclear="all")
    zero = found[2] if len(found) > 2 else found[0]
    if zero != found[0] and found[0].shape == "digits":
        return replace(found[0], unclear="zero")
    return found[0]


_CONDITION: Final = re.compile(r"\[\s*[<>=]")


def _parse_section(section: str) -> NumberFormat:
    if "general" in section.lower() or section.strip() in ("@", ""):
        return NumberFormat()
    signs, pieces, only_digits = "", [], True
    for found in _IN_FORMAT.finditer(section):
        literal, escaped, bracket, zeros, other = found.groups()
        if literal is not None or escaped is not None:
            pieces.append('"' + (literal if literal is not None else escaped))
        elif bracket is not None:
            signs += "h" if bracket.lower() in ("h", "hh", "m", "mm", "s", "ss") else ""
        elif zeros is not None:
            pieces.append(zeros)
        elif other is not None and other in "- ()/":
            pieces.append('"' + other)
            signs += other
        elif other is not None:
            only_digits = False
            signs += other.lower()
    zeros_only = [piece for piece in pieces if piece.startswith("0")]
    is_number = bool(zeros_only or set(signs) & set("#?%"))
    has_day = any(sign in signs for sign in ("yd" if is_number else "ydmge"))
    has_clock = any(sign in signs for sign in "hs")
    if has_day or has_clock:
        if has_clock and any(sign in signs for sign in "yd"):
            return NumberFormat("moment")
        return NumberFormat("time" if has_clock else "date")
    literals = any(piece.startswith('"') and piece.strip('" ') for piece in pieces)
    if only_digits and zeros_only and (literals or len(zeros_only[0]) > 1):
        return NumberFormat("digits", tuple(pieces))
    return NumberFormat()


def _sections(code: str) -> list[str]:
    """Return the parts of a format between semicolons outside quotes."""
    sections, quoted, escaped = [""], False, False
    for sign in code:
        if sign == ";" and not quoted and not escaped:
            sections.append("")
            continue
        quoted ^= sign == '"' and not escaped
        escaped = sign == "\\" and not quoted and not escaped
        sections[-1] += sign
    return sections


def column_letters(index: int) -> str:
    """Return the letters of a column: A for 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_index(reference: str) -> int | None:
    """Return the index of the column of a reference such as ``AB12``; None if it is none."""
    index = 0
    for count, sign in enumerate(reference):
        if not ("A" <= sign <= "Z"):
            return index - 1 if count else None
        index = index * 26 + ord(sign) - ord("A") + 1
        if count > 3:
            return None
    return None
