"""Characters that hide text or change its appearance, and their visible replacement.

This module imports only the standard library, because every command that prints uses it.
"""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "blank", "one_line", "visible"]

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\u0334-\u0338\u0488\u0489\u20d0-\u20f0\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u2d7f"
    "\U0001107f\U000110bd\U000110cd\U00011a47\U00013430-\U00013440\U00016fe4\U0001d159"
    "\ue000-\uf8ff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""Control characters but tab and line feed; bidirectional and other format characters; characters
without a shape (fillers, joiners, variation selectors, tags); marks that strike text through or
enclose it; private use and noncharacters."""


def blank(text: str) -> bool:
    """Return whether a text has only white space and hidden characters, so that it says nothing."""
    return not HIDDEN.sub("", text).strip()


def visible(text: str) -> str:
    """Return `text` with each hidden character shown by its code point, as `<U+202E>`."""
    return HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def one_line(text: str) -> str:
    """Return `text` as `visible` does, with line feeds and tabs shown by their code points too.

    For names and values inside a line: a file's name may hold a line feed, and must not look like
    a line of our own.
    """
    return visible(text).replace("\n", "<U+000A>").replace("\t", "<U+0009>")
