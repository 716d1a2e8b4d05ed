"""Files that survive a crash: written beside, synced, renamed, and the folder synced.

A reader sees the old file or the new one, never half of either. Secrets are created with mode 0600
before a byte is written to them, so no moment exists at which others could read them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

PUBLIC_MODE: Final = 0o644
SECRET_MODE: Final = 0o600


def write_durably(path: Path, content: bytes, *, mode: int = PUBLIC_MODE) -> None:
    """Replaces the file in one step.

    Args:
        path: the file; its folder must exist.
        content: the whole new content.
        mode: permissions of the new file, whatever the umask says.

    Raises:
        OSError: the file system refuses; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
