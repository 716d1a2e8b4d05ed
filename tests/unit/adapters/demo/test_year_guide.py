"""Guides of figures and of the directory, replayed with the year that they tell people to make."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from adapters.demo.samples.year import last_full_year, sample_year
from broker.clock import now_ms
from broker.directory.listing_file import FILE_NAME
from tests.support.founding import cheap_scrypt
from tests.support.guide_sessions import GUIDES, Typed, require_shown, sessions

SHOWN_PERIOD, UNIT = "2026-Q3", "csu-camden"
AGENCY_OF = {"figures.md": UNIT, "directory.md": "haven-support"}
"""Agency whose folder the guide calls DIR."""


@pytest.mark.parametrize("page", sorted(AGENCY_OF))
def test_the_commands_of_a_guide_do_what_it_shows(
    cli, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = f"trial/{AGENCY_OF[page]}"
    period = sample_year(last_full_year(now_ms()), cases=4).periods[-1]
    with cheap_scrypt():
        for typed in sessions(page):
            command = re.sub(r"\bDIR\b", folder, typed.command)
            if "directory publish" in command:
                Path(folder, FILE_NAME).write_text(file_of(page))
            one = Typed(
                command.replace(SHOWN_PERIOD, period),
                tuple(line.replace(SHOWN_PERIOD, period) for line in typed.shown),
            )
            done = cli(*shlex.split(one.command)[1:])
            assert done.code == 0, (one.command, done.err)
            if one.shown:
                require_shown(one, done.lines)


def file_of(page: str) -> str:
    """The file that a guide shows."""
    shown = re.search(r"```yaml\n(.*?)```", (GUIDES / page).read_text(), re.S)
    assert shown is not None
    return shown[1]


def test_the_guide_states_the_true_numbers_of_the_quarter() -> None:
    year = sample_year(last_full_year(now_ms()))
    known = [case.at(year.end_ms) for case in year.cases if case.period == year.periods[-1]]
    counted = sum(one is not None and one.counted for one in known)
    text = (GUIDES / "figures.md").read_text()
    assert f"recorded {len(known)} cases first" in text
    assert f"so {counted} are counted" in text
