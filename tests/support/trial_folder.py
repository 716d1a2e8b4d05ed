"""Try-out partnerships on disk, each made once for a process.

A session fixture that several files import is made once for each of them; these functions are not.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from adapters.trial_partnership import TrialPartnership, create_partnership
from broker.clock import now_ms

_STARTED = now_ms()


@cache
def trial_partnership(now: int, keys: str = "") -> TrialPartnership:
    """Return a partnership that no test changes.

    Args:
        now: time of its founding.
        keys: any text; another text gives a partnership of the same names with other keys.
    """
    folder = Path(tempfile.mkdtemp(prefix="trial-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return create_partnership(folder / "partnership", now)


def trial_folder(keys: str = "") -> Path:
    """Return the folder of a partnership that was made an hour before the process began."""
    return trial_partnership(_STARTED - 3_600_000, keys).root
