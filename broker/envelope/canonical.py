"""The one JSON text of a value (docs/spec/envelope.md, "JSON inside groups").

Compact UTF-8, names ASCII and sorted, integers within +-(2^53-1), no floats, strings escaped as
RFC 8785 escapes them. A reader re-serialises what it read and requires the same bytes: that one
check refuses duplicate names, NaN, lone surrogates, whitespace, -0, 1e3 and every other spelling.
"""

from __future__ import annotations

from typing import Final

import orjson

MAX_DEPTH: Final = 16
"""Nesting of arrays and objects, the outermost included."""

_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


class CanonicalError(ValueError):
    """Not a value that this JSON can hold, or not the one text of it."""


def format_json(value: object) -> bytes:
    """The one text of ``value``.

    Raises:
        CanonicalError: a float, a null, an integer out of range, a name that is not ASCII, a
            lone surrogate, or nesting beyond ``MAX_DEPTH``.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError) as error:
        raise CanonicalError("not a value of this JSON") from error
    _require_plain(value, 1, ascii_names=text.isascii())
    return text


def parse_json(text: bytes) -> object:
    """The value of a text that is the one text of it.

    Raises:
        CanonicalError: as for ``format_json``, or any other spelling.
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
    """Refuse what this JSON does not hold.

    Args:
        value: what a canonical text says; orjson writes no name that is not a string.
        depth: of ``value``, from 1.
        ascii_names: the text is ASCII, and so are its names: what is not ASCII is never escaped.
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
        if type(item) is not str:
            _require_plain(item, depth + 1, ascii_names=ascii_names)
