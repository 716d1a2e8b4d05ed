"""Lets the tests here import the campaign, and the office and workshop of the unit tests."""

from __future__ import annotations

import sys
from pathlib import Path

_UNIT = Path(__file__).parents[1] / "unit"
sys.path.insert(0, str(_UNIT / "judging"))
sys.path.insert(0, str(_UNIT / "publishing"))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).parent))
