"""Patterns of a vocabulary: sequences of ASCII character classes with counts, nothing else.

Every implementation reads such a pattern alike, and no text takes long to check
(docs/spec/vocabularies.md, "Patterns"). `[A-Z]{1,2}[0-9] [0-9][A-Z]{2}` is one: a class or a single
character, then a count in braces, `?` for zero or one, or nothing for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LONGEST", "PatternError", "PatternStep", "parse_pattern", "regular_expression"]

LONGEST = 1_000
"""Most characters that a pattern may allow."""
_SOURCE_CHARACTERS = 200
_COUNT = re.compile(r"\{([0-9]{1,4})(?:,([0-9]{1,4}))?\}")
_SPECIAL = frozenset("[]{}?*+.^$|()\\")
"""Characters that have to stand in a class, so that none is mistaken for an operator."""


class PatternError(ValueError):
    """A pattern that is not a sequence of character classes with counts."""


@dataclass(frozen=True, slots=True)
class PatternStep:
    """One class of characters, repeated.

    Attributes:
        characters: printable ASCII.
        fewest: how often at least.
        most: how often at most.
    """

    characters: frozenset[str]
    fewest: int
    most: int


def parse_pattern(source: str) -> tuple[PatternStep, ...]:
    """Return the steps of a pattern.

    Raises:
        PatternError: it is empty, too long, or has another construct.
    """
    if len(source) > _SOURCE_CHARACTERS:
        raise PatternError(f"a pattern has at most {_SOURCE_CHARACTERS} characters")
    if not all(" " <= character <= "~" for character in source):
        raise PatternError("a pattern consists of printable ASCII characters")
    steps: list[PatternStep] = []
    at = 0
    while at < len(source):
        characters, at = _class(source, at) if source[at] == "[" else _single(source, at)
        fewest, most, at = _count(source, at)
        steps.append(PatternStep(characters, fewest, most))
    if not steps or not any(step.fewest for step in steps):
        raise PatternError("a pattern asks for at least one character")
    if sum(step.most for step in steps) > LONGEST:
        raise PatternError(f"a pattern allows at most {LONGEST} characters")
    return tuple(steps)


def regular_expression(steps: tuple[PatternStep, ...]) -> str:
    """Return the pattern as an anchored expression that Rust, Python and ECMA-262 read alike."""
    return "^" + "".join(_class_text(step.characters) + _count_text(step) for step in steps) + "$"


def _single(source: str, at: int) -> tuple[frozenset[str], int]:
    if source[at] in _SPECIAL:
        raise PatternError(
            f"{source[at]} has a special meaning; write it in a class: [{source[at]}]"
        )
    return frozenset(source[at]), at + 1


def _class(source: str, at: int) -> tuple[frozenset[str], int]:
    end = source.find("]", at + 1)
    inside = source[at + 1 : end]
    if end < 0 or not inside:
        raise PatternError("a class is written [...] and is not empty")
    if inside[0] == "^" or "[" in inside or "\\" in inside:
        raise PatternError("a class lists characters and ranges; it has no ^ first, [ or backslash")
    found: set[str] = set()
    place = 0
    while place < len(inside):
        first = inside[place]
        if inside[place + 1 : place + 2] == "-" and place + 2 < len(inside):
            last = inside[place + 2]
            if last < first:
                raise PatternError(f"the range {first}-{last} runs backwards")
            found.update(map(chr, range(ord(first), ord(last) + 1)))
            place += 3
        else:
            found.add(first)
            place += 1
    return frozenset(found), end + 1


def _count(source: str, at: int) -> tuple[int, int, int]:
    if source[at : at + 1] == "?":
        return 0, 1, at + 1
    if source[at : at + 1] != "{":
        return 1, 1, at
    match = _COUNT.match(source, at)
    if match is None:
        raise PatternError("a count is written {3} or {2,5}")
    fewest, most = int(match[1]), int(match[2] or match[1])
    if most < max(fewest, 1):
        raise PatternError(f"the count {match[0]} allows nothing")
    return fewest, most, match.end()


def _class_text(characters: frozenset[str]) -> str:
    ranges: list[tuple[str, str]] = []
    for character in sorted(characters):
        if ranges and ord(ranges[-1][1]) + 1 == ord(character):
            ranges[-1] = (ranges[-1][0], character)
        else:
            ranges.append((character, character))
    if len(characters) == 1 and next(iter(characters)).isalnum():
        return next(iter(characters))
    text = ""
    for first, last in ranges:
        between = "" if ord(last) - ord(first) < 2 else "-"
        text += _escaped(first) + between + ("" if first == last else _escaped(last))
    return f"[{text}]"


def _escaped(character: str) -> str:
    return f"\\{character}" if character in "\\]^[-" else character


def _count_text(step: PatternStep) -> str:
    if step.fewest == step.most:
        return "" if step.most == 1 else f"{{{step.most}}}"
    return f"{{{step.fewest},{step.most}}}"
