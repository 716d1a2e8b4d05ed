"""The one form of JSON (docs/spec/envelope.md, "JSON inside groups"; RFC 8785 for strings).

Parsing accepts only text that serialises to the same bytes again, so two readers can never see
different values in the same bytes: repeated names, spare spaces, other escapes all fail.
"""

from __future__ import annotations

import json

from tests.conformance.refusals import MalformedError

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1


def serialise(value: object, depth: int = 1) -> str:
    """The one text of a value.

    Raises:
        MalformedError: the value has no such form (floats, null, too deep, names beyond ASCII).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise MalformedError("an integer beyond 2^53 - 1")
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if depth > MAX_DEPTH:
        raise MalformedError("nested too deep")
    if isinstance(value, list):
        return "[" + ",".join(serialise(item, depth + 1) for item in value) + "]"
    if isinstance(value, dict):
        if not all(name.isascii() for name in value):
            raise MalformedError("a name beyond ASCII")
        members = (
            _string(name) + ":" + serialise(value[name], depth + 1) for name in sorted(value)
        )
        return "{" + ",".join(members) + "}"
    raise MalformedError("neither object, list, text, integer nor boolean")


def _string(text: str) -> str:
    # Python's own escapes are those of RFC 8785, section 3.2.2.2, as long as nothing above ASCII
    # is escaped: \b \t \n \f \r \" \\ and lower-case \u00xx for the other controls.
    return json.dumps(text, ensure_ascii=False)


def parse(octets: bytes) -> object:
    """The value of bytes that are in the one form.

    Raises:
        MalformedError: they are not.
    """
    try:
        value = json.loads(octets.decode("utf-8"))
        again = serialise(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON in its one form") from error
    if again != octets:
        raise MalformedError("JSON in another form")
    return value
