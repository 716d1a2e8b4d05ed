"""Reader of a small file that decides who is trusted: pinned keys, tokens, secrets.

Another account that may write to such a file could put its own key or token into it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


class UnprotectedFileError(ValueError):
    """A file cannot be trusted or is too large; the text says why."""


def read_protected(path: Path, limit: int) -> bytes:
    """Return the bytes of a regular file to which only its owner may write.

    A pipe or a device is refused, because reading it could wait without end.

    Args:
        path: the file; a link to it counts.
        limit: the largest number of bytes.

    Raises:
        OSError: it cannot be read. `out_of_descriptors` tells a lack of file descriptors.
        UnprotectedFileError: other accounts may write to it, it is no plain file, or it is larger.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnprotectedFileError("it is not a plain file")
        if found.st_mode & 0o022:
            raise UnprotectedFileError("other accounts may write to it")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UnprotectedFileError("it is too large")
    return content
