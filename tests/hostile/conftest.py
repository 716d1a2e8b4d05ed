"""Lets the tests of this folder import their world and the workshops of the unit tests."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (*(HERE.parent / "unit" / n for n in ("envelope", "judging", "publishing")), HERE):
    sys.path.insert(0, str(folder))
