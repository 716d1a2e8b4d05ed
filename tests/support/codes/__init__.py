"""States of reason codes, and their next steps as a person carries them out."""

from __future__ import annotations

import sys

from tests.support.code_scan import ROOT

sys.path.insert(0, str(ROOT / "tests/vectors"))  # the vectors' own package `making`
