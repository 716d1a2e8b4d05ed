"""Tools of the operating system that tests of deploy/ ask."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = "CONCORDANT_REQUIRE_TOOLS"
"""Environment variable of `.ci/run`: a tool that is missing fails the test that needs it."""


def require_tool(name: str, package: str) -> str:
    """Return the path of a tool; skip where it is missing, and fail where it has to be there."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is missing: apt-get install {package}"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze`."""
    program = require_tool("systemd-analyze", "systemd")
    return subprocess.run([program, *words], check=False, capture_output=True, text=True)
