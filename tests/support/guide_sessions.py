"""Sessions of the guides: the commands of their console blocks, and what they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
ANYTHING = "…"
"""In a line, any characters; alone on a line, one line or more."""


@dataclass(frozen=True)
class Typed:
    """One command of a guide, and the lines that it shows below it."""

    command: str
    shown: tuple[str, ...]


def sessions(page: str) -> list[Typed]:
    """The commands of a guide's console blocks, in their order."""
    return sessions_in((GUIDES / page).read_text())


def sessions_in(text: str) -> list[Typed]:
    """The commands of the console blocks of a text."""
    typed: list[Typed] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        for line in dedent(block).splitlines():
            if line.startswith("$ "):
                typed.append(Typed(line[2:], ()))
            else:
                last = typed.pop()
                typed.append(Typed(last.command, (*last.shown, line)))
    return typed


def require_shown(one: Typed, lines: Sequence[str]) -> None:
    """Check that a command printed the lines that a guide shows below it."""
    pattern = "".join(
        r"(?:[^\n]*\n)+?" if line == ANYTHING else f"{_of_line(line)}\n" for line in one.shown
    )
    text = "".join(f"{line}\n" for line in lines)
    assert re.fullmatch(pattern, text) is not None, (one.command, text)


def _of_line(line: str) -> str:
    return r"[^\n]*".join(map(re.escape, line.split(ANYTHING)))
