"""The folder of a try-out partnership, made once for a process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from adapters.trial_partnership import create_partnership
from broker.clock import now_ms


@cache
def trial_folder() -> Path:
    """Return a partnership that was made an hour ago; no test changes it."""
    parent = Path(tempfile.mkdtemp(prefix="trial-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    create_partnership(parent / "partnership", now_ms() - 3_600_000)
    return parent / "partnership"
