"""Reader of a file up to a limit, with an error that names the file and the next step."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from contracts.errors import ConcordantError

__all__ = ["READABLE_FIX", "read_bounded"]

READABLE_FIX = "Check that it is there, who owns it and its permissions."


def read_bounded(
    path: Path,
    limit: int,
    error: type[ConcordantError],
    *,
    code: str,
    what: str = "file",
    fix: str = READABLE_FIX,
) -> bytes:
    """Return the bytes of a regular file, at most one more than the limit.

    The parser of the bytes refuses that excess. A pipe or a device is refused, because reading it
    could wait without end.

    Args:
        path: the file; a link to it counts.
        limit: the largest number of bytes that its parser accepts.
        error: class of the error.
        code: its code.
        what: what the file is, for "The ... cannot be read".
        fix: the next step.

    Raises:
        ConcordantError: of the class `error`, if the file cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            return file.read(limit + 1)
    except OSError as problem:
        raise error(
            f"The {what} cannot be read ({problem.strerror}).",
            code=code,
            where=str(path),
            fix=fix,
        ) from None
