"""Characters that hide text or change how it reads: control, bidirectional and invisible ones.

An agreement is read by people and signed byte for byte, so what is read must be what is signed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from contracts.findings import Finding

__all__ = ["character_findings", "visible"]

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\ue000-\uf8ff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""Control characters but tab and line feed; bidirectional and other format characters; characters
without a shape (fillers, joiners, variation selectors, tags); private use and noncharacters."""
_WORD = re.compile(r"\w+")
_LOOKALIKE = ("CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "COPTIC", "FULLWIDTH", "MATHEMATICAL")


def visible(text: str) -> str:
    """Return `text` with each hidden character shown by its code point, as `<U+202E>`."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def character_findings(source: str, content: BaseModel) -> Iterator[Finding]:
    """Yield a finding for each hidden character and each word that mixes alphabets.

    Args:
        source: the file as it is written, comments included; a position is line and column.
        content: what was read from it, where an escape may have become a character.
    """
    in_source = set()
    for number, line in enumerate(re.split("\r\n|\n", source), 1):
        for found in _HIDDEN.finditer(line):
            in_source.add(found[0])
            yield Finding(
                "hidden-character", "error", f"line {number}, column {found.start() + 1}",
                f"{_name(found[0])} may not stand in an agreement",
            )  # fmt: skip
        for word in _WORD.findall(line):
            if _mixed(word):
                yield Finding(
                    "mixed-alphabets",
                    "warning",
                    f"line {number}, column {line.index(word) + 1}",
                    f"{visible(word)!r} mixes letters of several alphabets that look alike",
                )
    for where, text in _texts(content, ""):
        for position, character in enumerate(text, 1):
            if _HIDDEN.match(character) and character not in in_source:
                yield Finding(
                    "hidden-character", "error", f"{visible(where)}, character {position}",
                    f"{_name(character)} may not stand in an agreement",
                )  # fmt: skip


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


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), f"{where}.{name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{where}, a key", str(key)
            yield from _texts(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{index}]")
