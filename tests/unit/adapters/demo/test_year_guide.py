"""Guides of figures and of the directory, replayed with the year that they tell people to make."""

from __future__ import annotations

import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.demo.samples.year import last_full_year, sample_year
from broker import clock
from broker.directory.listing_file import FILE_NAME
from tests.support.founding import cheap_scrypt
from tests.support.guide_sessions import GUIDES, require_shown, sessions

NOW_MS = int(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()) * 1000
"""A day of the quarter in which the guides are read: they show figures of 2026-Q3."""
AGENCY_OF = {"figures.md": "csu-camden", "directory.md": "haven-support"}
"""Agency whose folder the guide calls DIR."""


@pytest.mark.parametrize("page", sorted(AGENCY_OF))
def test_the_commands_of_a_guide_do_what_it_shows(
    cli, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000, monotonic_ns=time.monotonic_ns)
    monkeypatch.setattr(clock, "time", fixed)
    folder = f"trial/{AGENCY_OF[page]}"
    with cheap_scrypt():
        for typed in sessions(page):
            command = re.sub(r"\bDIR\b", folder, typed.command)
            if "directory publish" in command:
                Path(folder, FILE_NAME).write_text(file_of(page))
            done = cli(*shlex.split(command)[1:])
            assert done.code == 0, (command, done.err)
            if typed.shown:
                require_shown(typed, done.lines)


def file_of(page: str) -> str:
    """The file that a guide shows."""
    shown = re.search(r"```yaml\n(.*?)```", (GUIDES / page).read_text(), re.S)
    assert shown is not None
    return shown[1]


def test_the_guide_states_the_true_numbers_of_the_quarter() -> None:
    year = sample_year(last_full_year(NOW_MS))
    known = [case.at(year.end_ms) for case in year.cases if case.period == year.periods[-1]]
    counted = sum(one is not None and one.counted for one in known)
    text = (GUIDES / "figures.md").read_text()
    assert f"recorded {len(known)} cases first" in text
    assert f"so {counted} are counted" in text
