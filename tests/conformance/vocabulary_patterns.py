"""Patterns of vocabularies (docs/spec/vocabularies.md, "Patterns")."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.conformance.refusals import MalformedError

STEP = re.compile(
    r"(?:\[(?P<inside>[^\[\]\\]+)\]|(?P<single>[^\[\]{}?*+.^$|()\\]))"
    r"(?:\{(?P<least>[0-9]{1,4})(?:,(?P<most>[0-9]{1,4}))?\}|(?P<maybe>\?))?"
)


def parse_pattern(source: str) -> Callable[[str], bool]:
    """A function that tells if a whole text matches.

    Raises:
        MalformedError: this is no pattern.
    """
    if len(source) > 200 or not all(" " <= letter <= "~" for letter in source):
        raise MalformedError("not a text of a pattern")
    at, least, most, steps = 0, 0, 0, ""
    while at < len(source):
        step = STEP.match(source, at)
        if step is None:
            raise MalformedError("not a step of a pattern")
        letters = step["single"] or _class(step["inside"])
        low = int(step["least"]) if step["least"] else 0 if step["maybe"] else 1
        high = int(step["most"] or step["least"]) if step["least"] else 1
        if high < max(low, 1):
            raise MalformedError("a count of nothing")
        steps += "[" + "".join(map(re.escape, sorted(letters))) + f"]{{{low},{high}}}"
        at, least, most = step.end(), least + low, most + high
    if not least or most > 1000:
        raise MalformedError("too short or too long")
    compiled = re.compile(steps)
    return lambda value: compiled.fullmatch(value) is not None


def _class(inside: str) -> set[str]:
    if inside.startswith("^"):
        raise MalformedError("a class of what is not in it")
    letters: set[str] = set()
    while inside:
        if len(inside) > 2 and inside[1] == "-":
            if inside[2] < inside[0]:
                raise MalformedError("a range that runs backwards")
            letters |= {chr(one) for one in range(ord(inside[0]), ord(inside[2]) + 1)}
            inside = inside[3:]
        else:
            letters.add(inside[0])
            inside = inside[1:]
    return letters
