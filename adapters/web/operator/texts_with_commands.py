"""Texts of use cases for a page: commands apart from words, with the agency's own folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from broker.operations.agreement_state import shell_path
from broker.operations.runbook.runbook import parts
from contracts.phrases import N_

_COMMAND: Final = re.compile(r"(concordant [a-z](?:(?![.:;] )[^\n])*?--agency DIR)")
_RETRY: Final = "concordant quarantine retry ID --agency DIR"
_DISCARD: Final = ": concordant quarantine discard ID --reason TEXT --agency DIR"
_FOLDER: Final = re.compile(r"\bDIR\b")

Say: TypeAlias = Callable[[str], str]


def told(text: str, say: Say, folder: Path) -> list[tuple[str, bool]]:
    """Return a text in the language of the pages in parts, each with whether it is a command.

    Args:
        text: words, with commands between backticks; DIR in a command is the agency's folder.
        say: returns a text in the language of the pages.
        folder: the agency's folder.
    """
    own = shell_path(folder)
    return [
        (_FOLDER.sub(lambda _: own, part) if is_command else part, is_command)
        for part, is_command in parts(say(text))
    ]


def advice_parts(text: str, say: Say, folder: Path, item: str) -> list[tuple[str, bool]]:
    """Return the advice of a reason code in parts, each with whether it is a command.

    The two commands that the page has buttons for are left out.

    Args:
        text: the advice. A command in it begins with the program's name and ends with its folder.
        say: returns a text in the language of the pages.
        folder: the agency's folder, for DIR.
        item: id of the item, for ID.
    """
    own = shell_path(folder)
    choose = say(N_("choose Retry"))
    text = say(text).replace(f"then: {_RETRY}", f"then {choose}").replace(_RETRY, choose)
    text = text.replace(_DISCARD, f" {say(N_('below'))}")
    parted = enumerate(_COMMAND.split(text))
    return [
        (part.replace(" ID ", f" {item} ").removesuffix("DIR") + own, True)
        if number % 2
        else (part, False)
        for number, part in parted
        if part
    ]
