"""Who runs a command, as the disclosure log names them: one short line, whatever it was given."""

from __future__ import annotations

import getpass
import re
from typing import Final

_NOT_LABEL: Final = re.compile(r"[^A-Za-z0-9 ._@()/:+-]")
_LABEL_CHARACTERS: Final = 64


def operator_label(named: str | None) -> str:
    """The name that was given, else the login name, in the characters that an entry may hold."""
    label = _NOT_LABEL.sub("-", named or _login()).lstrip(" ._@()/:+-")
    return label[:_LABEL_CHARACTERS] or "unknown"


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
