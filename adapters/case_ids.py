"""Search for the ids of a case in the bytes of a file, in any form and encoding."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

from broker.operations.erasure import CaseNames

ENCODINGS: Final = ("utf-8", "cp1252", "cp850")
_NO_WIDTH_BYTES: Final = re.compile(
    rb"\xc2\xad|\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf"
    rb"|\\u(?:00ad|200[b-f]|206[0-4]|feff)"
)
"""Invisible characters as UTF-8, or as JSON writes them."""
_WORD: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz_")
_JOINS: Final = frozenset(b"-/")
"""Characters that join the groups of a reference: EK/2025/1 does not match in EK/2025/1-B."""


class CaseIds:
    """Matches a case's ids in bytes: as whole words, in any capitals and any character width.

    It uses plain searches, because a file of 64 MiB is searched for several hundred ids.

    Args:
        names: ids of the case.
        encoding: encoding of the agency's exports, if it states one; others are tried as well.
    """

    def __init__(self, names: CaseNames, encoding: str | None = None) -> None:
        own: set[str] = set()
        if names.own_reference:
            own = {
                names.own_reference,
                html.escape(names.own_reference),
                html.escape(names.own_reference, quote=False),
                json.dumps(names.own_reference)[1:-1],
                names.own_reference.replace("/", "\\/"),
                names.own_reference.replace('"', '""'),
            }
        encodings = ENCODINGS if encoding is None else (*ENCODINGS, encoding)
        certain = {names.shared_id, *names.events}
        if not _is_common(names.own_reference or ""):
            certain |= own
        self._certain = _encoded(certain, encodings)
        self._all = _encoded(certain | own, encodings)

    def stand_in(self, content: bytes) -> bool:
        """Return whether one of the ids appears in the bytes."""
        return _any_word(self._all, content)

    def prove(self, content: bytes) -> bool:
        """Return whether an id appears that no file would hold for another reason."""
        return _any_word(self._certain, content)


def _is_common(reference: str) -> bool:
    """Return whether a reference is too common to prove anything: a short or plain number."""
    return len(reference) < 4 or (reference.isdigit() and len(reference) < 7)


def _encoded(texts: Iterable[str], encodings: Iterable[str]) -> list[bytes]:
    found: set[bytes] = set()
    for text, one in itertools.product(texts, encodings):
        with suppress(UnicodeEncodeError):
            found.add(text.encode(one).replace(b"\0", b"").lower())
    return sorted(found - {b""})


def _any_word(words: Sequence[bytes], content: bytes) -> bool:
    # With its zero bytes removed, ASCII text in UTF-16 or UTF-32 equals plain ASCII.
    plain = _NO_WIDTH_BYTES.sub(b"", content.replace(b"\0", b"").lower())
    return any(_is_word(plain, word) for word in words)


def _is_word(content: bytes, word: bytes) -> bool:
    at = content.find(word)
    while at >= 0:
        end = at + len(word)
        if not _joined(content[max(0, at - 2) : at][::-1]) and not _joined(content[end : end + 2]):
            return True
        at = content.find(word, at + 1)
    return False


def _joined(beside: bytes) -> bool:
    """Return whether a word continues in the two neighbouring bytes, the nearer one first."""
    if not beside:
        return False
    return beside[0] in _WORD or (
        len(beside) == 2 and beside[0] in _JOINS and beside[1] in _WORD - {ord("_")}
    )
