r"""Detection of text that was read in a wrong encoding.

``Signs`` checks the bytes of a file that is not UTF-8. It looks for characters that no word has,
such as ``Jos\u201a`` when cp850 is read as windows-1252. ``text_sign`` checks decoded text for the
errors of an earlier program: ``Jos\u00c3\u00a9``. They cannot find every wrong encoding: a byte
that makes a valid word in both encodings is accepted.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

_LETTER: Final = rb"A-Za-z\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff"
_LOWER: Final = rb"a-z\x9a\x9c\x9e\xdf-\xf6\xf8-\xff"
_UPPER: Final = rb"\x8a\x8c\x8e\x9f\xc0-\xd6\xd8-\xde"
_SIGNS: Final = re.compile(
    b"|".join(
        (
            rb"[\x81\x8d\x8f\x90\x9d]",  # windows-1252 has no such character
            # signs that never directly follow a letter
            rb"(?<=[" + _LETTER + rb"])[\x82-\x84\x86-\x89\x8b\x91\x93\x98\xa1\xa2\xa4-\xa6\xa8\xac"
            rb"\xaf\xb1\xb6\xb8\xb9\xbc-\xbf]",
            rb"(?<=[A-Za-ln-z])[\xb2\xb3]",  # m2 and m3 are units
            # signs that never stand between two letters
            rb"(?<=[" + _LETTER + rb"])[\x80\x94\x95\x99\x9b\xa3\xa7\xa9\xab\xae\xb0\xb5"
            rb"\xbb\xd7\xf7](?=[" + _LETTER + rb"])",
            # dashes and the non-breaking space stand between words, rarely inside one
            rb"(?<=[" + _LOWER + rb"])[\x96\x97\xa0](?=[" + _LOWER + rb"])",
            # two of any of these in a row
            rb"(?<=[A-Za-z])[\x80-\x84\x86-\x91\x95\x98-\xbf]{2,}(?=[A-Za-z])",
            # signs that never begin a word
            rb"(?<![" + _LETTER + rb"])[\x83\x86-\x89\x98\x99\xaf](?=[a-z])",
            rb"(?<![" + _LETTER + rb"])(?:\xa3(?=[a-z]{2})|\xb5(?=[a-z]{3}))",
            rb"(?<=[" + _LOWER + rb"])[" + _UPPER + rb"]",  # a capital inside a word
            rb"(?<=[A-Z])[" + _UPPER + rb"](?=[a-z])",
            # a small letter inside capitals
            rb"(?<=[A-Z])[\x9a\x9c\x9e\xe0-\xf6\xf8-\xfe](?=[A-Z])",
            rb"(?<![" + _LETTER + rb"])\x83(?=[A-Z])",
            rb"(?<![" + _LETTER + rb"0-9])[\xaa\xba](?=[a-z])",
            rb"(?<![" + _LETTER + rb"])[\x9a\x9c\x9e](?=[0-9])",  # a pound sign of cp850
            rb"[\xc0-\xff]{4}",  # a word of another alphabet
        )
    )
)
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")  # every sign begins with such a byte
_WORDS: Final = re.compile(
    rb"(?<![A-Za-z\x80-\xff])[A-Za-z]{0,32}+[\x80-\xff][A-Za-z0-9\x80-\xff]{0,64}"
)
OVERLAP_BYTES: Final = 128
"""Bytes of a piece that are checked again with the next one, so that no word is cut."""
_MAX_WORDS: Final = 500
_MIXED: Final = re.compile("^[A-Z][\u00c0-\u00de](?=[a-z])|[\u0080-\u017f]{4}")

_SUSPECTS: Final = (
    "cp850", "cp1250", "mac_roman", "cp1251", "koi8_r", "iso8859_2", "cp1253", "cp437",
)  # fmt: skip
_NAMES: Final = {
    "cp1250": "windows-1250",
    "cp1251": "windows-1251",
    "cp1253": "windows-1253",
    "iso8859_2": "ISO-8859-2",
    "koi8_r": "KOI8-R",
}


class Signs:
    """Collects the signs of one file, piece by piece.

    Attributes:
        line: line of the first sign; 0 without one.
    """

    def __init__(self) -> None:
        self.line = 0
        self._words: set[bytes] = set()

    def look(self, piece: bytes, line: int, *, begun: int = 0) -> None:
        """Check bytes beyond ASCII.

        Args:
            piece: part of the file.
            line: line of its first byte.
            begun: number of bytes at its beginning that were already checked and may begin inside a
                word.
        """
        if not self.line:
            places = (one.start() for one in _NOT_ASCII.finditer(piece, begun // 2))
            sign = next((at for at in places if _SIGNS.match(piece, at)), None)
            if sign is not None:
                self.line = line + piece.count(b"\n", 0, sign)
        if len(self._words) < _MAX_WORDS:
            for found in _WORDS.finditer(piece):
                self._words.add(found.group())
                if len(self._words) >= _MAX_WORDS:
                    break

    def suspect(self) -> str | None:
        """Return the encoding that fits best, or None without a sign against windows-1252."""
        if not self.line:
            return None
        fits = {codec: self._fit(codec) for codec in _SUSPECTS}
        best = max(fits.values())
        names = [_NAMES.get(codec, codec) for codec, fit in fits.items() if fit == best]
        return " or ".join(names[:2]) if best else "another 8-bit encoding"

    def _fit(self, codec: str) -> int:
        return sum(_fit(word.decode(codec, "replace")) for word in self._words)


def _fit(word: str) -> int:
    """Return how well a word with letters beyond ASCII fits; 0 if it is no word."""
    if re.fullmatch("[\u00a3\u20ac][0-9]+", word):
        return 1
    inside = any(a.islower() and b.isupper() for a, b in pairwise(word))
    scripts = {unicodedata.name(char, "").partition(" ")[0] for char in word}
    if not word.isalpha() or inside or len(scripts) != 1 or _MIXED.search(word):
        return 0
    return 1 if scripts == {"LATIN"} else 2


# How windows-1252 shows the bytes 0x80 to 0xBF. Every UTF-8 letter beyond ASCII has one of them.
_TRAIL: Final = "\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"  # noqa: E501 - one list of characters
_TRAIL_WITHOUT_QUOTES: Final = re.sub("[\u2018\u2019\u201c\u201d\u2013\u2014\u2026]", "", _TRAIL)
_TEXT_SIGNS: Final = (
    (
        "\ufffd",
        "a character was lost: other text, perhaps windows-1252 or cp850, was read as UTF-8",
    ),
    (
        f"\u00c3[{_TRAIL}]|[\u00c2\u00c4\u00c5][{_TRAIL_WITHOUT_QUOTES}]|\u00e2(?:\u20ac|\u201a|\u201e)[{_TRAIL}]"
        f"|\u00f0\u0178[{_TRAIL}]|(?:[\u00d0\u00d1\u00d8-\u00db][{_TRAIL}]){{2}}",
        "UTF-8 was read as windows-1252",
    ),
    ("[\u251c\u252c\u2500-\u257f](?=[^\\s\u2500-\u257f])|\u00d4\u00c7", "UTF-8 was read as cp850"),
    ("\u221a[^\\s\\w(]|\u201a\u00c4[^\\s]|\u00ac\u00a3", "UTF-8 was read as mac_roman"),
    (
        "(?<=[A-Za-z])[\u201a\u0192\u201e\u2021\u02c6\u2030]|(?<=[A-Za-z])[\u00a1\u00a2\u00a4\u00a5](?=[a-z])",
        "cp850 was read as windows-1252",
    ),
    ("(?<=[a-z]{2})[\u00c0-\u00d6\u00d8-\u00de](?![^\\W\\d_])", "windows-1252 was read as cp850"),
    (
        "(?:(?<=[a-z]{2})|(?<=[A-Z](?=.[a-z])))[\u0152\u0160\u0178\u017d](?![A-Z])",
        "mac_roman was read as windows-1252",
    ),
    (
        "(?<=[A-Z])[\u00e0-\u00f6\u00f8-\u00fe\u0153\u0161\u017e](?=[A-Z])",
        "cp850 or mac_roman was read as windows-1252",
    ),
    ("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]{5}", "another alphabet was read as windows-1252"),
    ("[\u0080-\u009f]", "windows-1252 or cp850 was read as ISO-8859-1"),
)
_ESCAPES: Final = re.compile(
    r"&(?:\#[0-9]{2,6}|\#[xX][0-9A-Fa-f]{2,5}|amp|lt|gt|quot|apos|nbsp|pound|euro|[lr][sd]quo|[mn]dash"
    r"|[A-Za-z]{1,2}(?:acute|grave|circ|uml|tilde|cedil|caron|slash|ring|lig));"
    r"|\\u[0-9A-Fa-f]{4}|\\x[89A-Fa-f][0-9A-Fa-f]"
    r"|(?:[=%][Cc][2-9A-Fa-f]|[=%][Ee][0-9A-Fa-f][=%][89ABab][0-9A-Fa-f])[=%][89ABab][0-9A-Fa-f]"
    r"|\+A[I-P][A-Za-z0-9+/]-"
)
"""A character as HTML, JSON, e-mail, a URL or UTF-7 writes it in ASCII."""

_ANY_TEXT_SIGN: Final = re.compile("|".join(pattern for pattern, _ in _TEXT_SIGNS))


def text_sign(text: str) -> str | None:
    """Return which wrong decoding changed a text, in words; None without a sign of one."""
    if text.isascii() or not _ANY_TEXT_SIGN.search(text):
        return None
    return next(words for pattern, words in _TEXT_SIGNS if re.search(pattern, text))


def has_escapes(text: str) -> bool:
    """Return whether a text has characters in the escapes of another format: ``O&#39;Brien``."""
    return _ESCAPES.search(text) is not None
