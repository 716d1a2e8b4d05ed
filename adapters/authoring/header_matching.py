"""Likeness of a column's name and a field: words in common, after a dated list of synonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["likeness", "may_be_consent", "part_of", "words_of"]

_LIST: Final = Path(__file__).parent / "header_words.2026-11.json"
_STOP: Final = frozenset({
    "the", "a", "an", "of", "or", "and", "to", "for", "in", "on", "is", "are", "whether", "which",
    "how", "what", "if", "by", "with", "it", "its", "who", "that", "this", "at", "from", "each",
    "as", "be", "has", "have",
})  # fmt: skip
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@cache
def _list() -> Mapping[str, Any]:
    """Return the dated list: synonyms of words, of whole names, and words about consent."""
    found: Mapping[str, Any] = json.loads(_LIST.read_bytes())
    return found


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name: `IncidentDate`, `incident_date` and `Incident Date` are alike."""
    return tuple(re.findall(r"[a-z0-9]+", _CAMEL.sub(" ", name).lower()))


@cache
def _meant(name: str) -> frozenset[str]:
    """Return the words of a column's name, with those that the list gives for it."""
    words = words_of(name)
    found = {*words, *_list()["whole"].get(" ".join(words), "").split()}
    for first in range(len(words)):
        for last in range(first + 1, min(first + 4, len(words)) + 1):
            meant = _list()["words"].get(" ".join(words[first:last]))
            if meant is not None:
                found.update(meant.split())
    return frozenset(_stem(word) for word in found - _STOP)


def part_of(name: str) -> tuple[tuple[str, ...], int] | None:
    """Return what a column holds a part of, and which part: None for a column of something whole.

    `Victim forename` and `Victim surname` are parts 0 and 2 of the same.
    """
    words = words_of(name)
    for whole, parts in _list()["parts"].items():
        for at, names in enumerate(parts):
            for part in names:
                own = tuple(part.split())
                for first in range(len(words) - len(own) + 1):
                    if words[first : first + len(own)] == own:
                        return (whole, *words[:first], *words[first + len(own) :]), at
    return None


def may_be_consent(name: str, *, yes_or_no: bool) -> bool:
    """Return whether a column may hold an answer about consent, by the words of its name.

    Args:
        name: own name of the column.
        yes_or_no: whether its values are like answers: yes and no, or a few different texts.
    """
    words = set(words_of(name))
    if words.intersection(_list()["consent"]):
        return True
    return yes_or_no and not words.isdisjoint(_list()["consent_if_yes_or_no"])


def likeness(column: str, path: str, label: str) -> float:
    """Return how alike a column's name and a field are, from 0 (not at all) to 1 (the same words).

    Args:
        column: own name of the column.
        path: path of the field, for example `victim.date_of_birth`.
        label: the field in words.
    """
    meant = _meant(column)
    parts = path.split(".")
    own = {_stem(word) for word in words_of(parts[-1])} - _STOP
    above = {_stem(word) for part in parts[:-1] for word in words_of(part)}
    told = {_stem(word) for word in words_of(label)} - _STOP
    if not meant or not own:
        return 0.0
    hit = len(own & meant) / len(own)
    if hit == 0:
        return 0.5 * len(told & meant) / max(len(told | meant), 1)
    near = (0.1 if above & meant else 0.0) + 0.05 * len(told & meant)
    extra = len(meant - own - above - told) * 0.03
    return min(1.0, 0.85 * hit + near) - extra


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
