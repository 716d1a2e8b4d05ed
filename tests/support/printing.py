"""Pages as a browser prints them: Chromium without a window."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.promtool import REQUIRED

A4 = (595, 842)
"""Width and height of a sheet, in points."""


def chromium() -> str:
    """The browser; skip where it is missing, and fail where it has to be there."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "chromium is missing: apt-get install chromium"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def sheets(page: Path, out: Path) -> list[tuple[int, int]]:
    """Width and height of each sheet that a page takes.

    Args:
        page: an HTML file.
        out: a folder for the PDF file and the browser's own files.
    """
    pdf = out / f"{page.stem}.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    subprocess.run(
        [chromium(), *options, f"--user-data-dir={out / 'browser'}", f"--print-to-pdf={pdf}",
         page.as_uri()],
        capture_output=True,
        check=True,
        timeout=120,
    )  # fmt: skip
    raw = pdf.read_bytes()
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", raw)
    assert len(boxes) == len(re.findall(rb"/Type\s*/Page\b", raw))
    return [(round(float(width)), round(float(height))) for width, height in boxes]
