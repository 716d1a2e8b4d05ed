"""Texts of use cases for a page: commands apart from words, with the agency's own folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from broker.operations.agreement_state import shell_path
from broker.operations.runbook.runbook import parts

_FOLDER: Final = re.compile(r"\bDIR\b")


def told(text: str, folder: Path) -> list[tuple[str, bool]]:
    """Return a text in parts, each with whether it is a command.

    Args:
        text: words, with commands between backticks; DIR in a command is the agency's folder.
        folder: the agency's folder.
    """
    own = shell_path(folder)
    return [
        (_FOLDER.sub(lambda _: own, part) if is_command else part, is_command)
        for part, is_command in parts(text)
    ]
