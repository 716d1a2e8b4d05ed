"""Canonical JSON: exactly one text for each value (docs/spec/envelope.md, "JSON inside groups").

It is compact UTF-8 with sorted ASCII names, integers within +-(2^53-1), no floats, and strings
escaped as in RFC 8785. A reader serialises the parsed value again and requires the same bytes. This
one check refuses duplicate names, NaN, lone surrogates, whitespace, -0, 1e3 and every other form.
"""

from __future__ import annotations

from typing import Final

import orjson

MAX_DEPTH: Final = 16
"""Nesting depth of arrays and objects, including the outermost."""

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class CanonicalError(ValueError):
    """The value is not allowed in this JSON, or the text is not canonical."""


def format_json(value: object) -> bytes:
    """Return the canonical text of ``value``.

    Raises:
        CanonicalError: a float, a null, an integer out of range, a name that is not ASCII, a lone
            surrogate, or nesting beyond ``MAX_DEPTH``.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError) as error:
        raise CanonicalError("not a value that this JSON allows") from error
    _require_plain(value, 1, ascii_names=text.isascii())
    return text


def parse_json(text: bytes) -> object:
    """Parse a canonical text.

    Raises:
        CanonicalError: as for ``format_json``, or any other form of the text.
    """
    try:
        value: object = orjson.loads(text)
        again = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError) as error:
        raise CanonicalError("not JSON") from error
    if again != text:
        raise CanonicalError("not the canonical text")
    _require_plain(value, 1, ascii_names=text.isascii())
    return value


def _require_plain(value: object, depth: int, *, ascii_names: bool) -> None:
    """Refuse values that this JSON does not allow.

    Args:
        value: parsed from a canonical text; orjson writes only names that are strings.
        depth: nesting depth of ``value``, from 1.
        ascii_names: True if the whole text is ASCII; its names are then ASCII too, because
            canonical text never escapes other characters.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return
    if depth > MAX_DEPTH:
        raise CanonicalError("nested too deeply")
    if kind is dict:
        if not ascii_names and not "".join(value).isascii():  # type: ignore[arg-type]  # kind is dict
            raise CanonicalError("a name is not ASCII")
        items = value.values()  # type: ignore[attr-defined]  # kind is dict
    elif kind is list:
        items = value
    else:
        raise CanonicalError("a float, a null or another type")
    for item in items:
        kind = type(item)  # tested here too: a call for each value costs more than the rest
        if kind is not str and kind is not int and kind is not bool:
            _require_plain(item, depth + 1, ascii_names=ascii_names)
