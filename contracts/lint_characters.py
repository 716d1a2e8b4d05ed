"""Check for characters that hide text or change its appearance: control, bidirectional, invisible.

People read an agreement, and it is signed byte for byte, so both must show the same text
(spoofing).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from contracts.findings import Finding
from contracts.hidden_characters import HIDDEN, visible
from contracts.lint_rules import finding

__all__ = ["character_findings", "texts"]

_WORD = re.compile(r"\w+")
_LOOKALIKE = ("CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "COPTIC", "FULLWIDTH", "MATHEMATICAL")


def character_findings(source: str, content: BaseModel) -> Iterator[Finding]:
    """Yield a finding for each hidden character and each word that mixes alphabets.

    Args:
        source: the file as it is written, comments included; a position is line and column.
        content: what was read from it, where an escape may have become a character.
    """
    in_source = set()
    for number, line in enumerate(re.split("\r\n|\n", source), 1):
        for found in HIDDEN.finditer(line):
            in_source.add(found[0])
            at = f"line {number}, column {found.start() + 1}"
            yield finding("hidden-character", "hidden", at, character=_name(found[0]))
        for word in _WORD.findall(line):
            if _mixed(word):
                at = f"line {number}, column {line.index(word) + 1}"
                yield finding("mixed-alphabets", "alphabets", at, word=repr(visible(word)))
    for where, text in texts(content):
        for position, character in enumerate(text, 1):
            if HIDDEN.match(character) and character not in in_source:
                at = f"{visible(where)}, character {position}"
                yield finding("hidden-character", "hidden", at, character=_name(character))


def _name(character: str) -> str:
    return (
        f"U+{ord(character):04X} ({unicodedata.name(character, 'control or unassigned').lower()})"
    )


def _mixed(word: str) -> bool:
    if word.isascii():
        return False
    names = [unicodedata.name(character, "") for character in word if character.isalpha()]
    latin = any(name.startswith("LATIN") for name in names)
    return latin and any(name.startswith(_LOOKALIKE) for name in names)


def texts(
    value: object, where: str = "", skipped: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """Yield every text below a value with its place, keys of mappings included.

    Args:
        value: a model, mapping, list or text.
        where: the place of `value`.
        skipped: members of models that are passed over.
    """
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name not in skipped:
                yield from texts(getattr(value, name), f"{where}.{name}".lstrip("."), skipped)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{where}, a key", str(key)
            yield from texts(inner, f"{where}.{key}".lstrip("."), skipped)
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from texts(inner, f"{where}[{index}]", skipped)
