"""Account that runs a process, in the form of the disclosure log."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Final

_NOT_LABEL: Final = re.compile(r"[^\w ._@/:+\\$'-]")
LABEL_CHARACTERS: Final = 128
_LOGIN_ID: Final = Path("/proc/self/loginuid")
_NO_LOGIN: Final = 2**32 - 1


def login_name() -> str:
    """Return the login account, which Linux keeps through `sudo` and `su`; else the process's.

    The environment is not used, because a user can change it.
    """
    if not hasattr(os, "getuid"):  # Windows
        try:
            return os.getlogin()
        except OSError:
            return "unknown"
    login = _login_id()
    return _account(os.getuid() if login is None else login)


def label(text: str) -> str:
    """Return a name in the characters that an entry may hold; others are percent-encoded."""
    one_line = " ".join(unicodedata.normalize("NFC", text).split())
    kept = _NOT_LABEL.sub(_encoded, one_line)
    if kept and not (kept[0].isalnum() or kept[0] in "_%"):
        kept = "".join(f"%{byte:02X}" for byte in kept[0].encode()) + kept[1:]
    return kept[:LABEL_CHARACTERS] or "unknown"


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "replace"))


def _login_id() -> int | None:
    try:
        login = int(_LOGIN_ID.read_text())
    except (OSError, ValueError):
        return None
    return None if login == _NO_LOGIN else login


def _account(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
