"""Lets the tests of this folder import its modules and those that make the vectors."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE.parent / "vectors", HERE):
    sys.path.insert(0, str(folder))
