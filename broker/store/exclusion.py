"""Process lock of an agency's state, which the kernel releases when its holder dies.

The lease in the database stops an old process that still runs. This lock gives a clear error to an
operator who starts a second adapter by mistake; otherwise the two adapters would take the lease
from each other again and again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.errors import StoreError
from broker.keys.durable import make_private_folder


@contextmanager
def exclusive(path: Path, *, wait: bool = False, shared: bool = False) -> Iterator[None]:
    """Hold the lock file at `path` (created with mode 0600) for the duration of the block.

    Args:
        path: the lock file.
        wait: wait until another process has released it, for work of a moment.
        shared: hold it together with other processes that share it.

    Raises:
        StoreError: `already_running` if another process holds it, without `wait`; `store_unusable`
            if the file cannot be created.
    """
    try:
        make_private_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"the lock file cannot be opened: {error.strerror}",
            code="store_unusable",
            where=str(path),
            fix="Let the account that runs the adapter write to its state folder.",
        ) from None
    try:
        try:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise StoreError(
                "another process uses this agency's state"
                + (f" (process {holder})" if holder.isdigit() else ""),
                code="already_running",
                where=str(path),
                fix="Stop the other adapter of this agency, or wait until it has ended.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        # closing releases the lock; the file stays, because removing it would allow a race of two
        # holders
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock file; nothing is created or changed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
