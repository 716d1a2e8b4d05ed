"""Strict JSON reader for documents that another program or person wrote.

RFC 8259 does not define what a repeated member means, and Python's parsers keep the last one. Two
readers of one document could then read different contents, so a repeated member is refused at every
depth. NaN, Infinity, a byte order mark and half of a surrogate pair are refused too.
"""

from __future__ import annotations

import json


class StrictJsonError(ValueError):
    """The text is not one strict JSON document; the message names the fault, never a value."""


class RepeatedMemberError(StrictJsonError):
    """A member of an object appears twice, so its value is ambiguous."""


def parse_strict_json(data: bytes | str) -> object:
    """Parses one JSON document.

    Args:
        data: the document; bytes are UTF-8.

    Raises:
        StrictJsonError: it is not JSON, not UTF-8, nested too deeply, or repeats a member.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value: object = json.loads(
            text, object_pairs_hook=_distinct_members, parse_constant=_refuse_constant
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # detects half of a surrogate pair
    except RepeatedMemberError:
        raise
    except UnicodeDecodeError:
        raise StrictJsonError("it is not UTF-8") from None
    except UnicodeEncodeError:
        raise StrictJsonError("it holds half of a surrogate pair") from None
    except RecursionError:
        raise StrictJsonError("it is nested too deeply") from None
    except ValueError:
        raise StrictJsonError("it is not JSON") from None
    return value


def _distinct_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RepeatedMemberError("it repeats a member")
    return members


def _refuse_constant(_name: str) -> None:
    raise ValueError
