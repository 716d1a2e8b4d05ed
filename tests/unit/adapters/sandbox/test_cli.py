"""The command `sandbox`: its options, its lines and its exit codes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from adapters.sandbox import rehearsal
from adapters.sandbox.behaviours import BEHAVIOURS, behaviours_of
from adapters.sandbox.happenings import Chronicle, Happening, Summary, What
from adapters.sandbox.rehearsal import RehearsalPlan, Shown
from tests.support.command_line import Cli
from tests.support.guide_sessions import GUIDES, sessions

GUIDE = "rehearsing.md"
Told = Callable[[Chronicle], None]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[RehearsalPlan]:
    """Plans of the rehearsals; each tells one sent and one put aside event."""
    found: list[RehearsalPlan] = []

    def told(plan: RehearsalPlan, shown: Shown) -> Summary:
        found.append(plan)
        chronicle = Chronicle(shown.tell)
        chronicle("sent", "x was sealed for haven-support: a", partner="haven-support")
        chronicle("put_aside", "your adapter put aside a file", fix="do this", code="file_empty")
        if plan.events == 4:
            chronicle("not_sent", "a row was not sent", code="unknown_value")
        return chronicle.summary

    monkeypatch.setattr(rehearsal, "rehearse", told)
    return found


def test_the_commands_of_the_guide_are_understood(cli: Cli, plans: list[RehearsalPlan]) -> None:
    typed = [one for one in sessions(GUIDE) if "concordant sandbox" in one.command]
    for one in typed:
        assert cli(*shlex.split(one.command)[1:]).code == 0, one.command
    assert len(plans) == len(typed) == 3
    assert {plan.exports for plan in plans} == {(Path("export.csv"),)}
    assert [plan.for_s for plan in plans] == [20.0, 90.0, 20.0]
    found = behaviours_of(plans[1].partners, ("haven-support", "council-camden"))
    assert {one.name for one in found.values()} == {"reject", "late"}
    assert plans[2].folder == Path("rehearsal")


def test_the_guide_explains_each_behaviour() -> None:
    text = (GUIDES / GUIDE).read_text()
    table = text[text.index("## 3.") : text.index("## 4.")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(BEHAVIOURS)


def test_the_guide_names_each_kind_of_line_and_member() -> None:
    text = (GUIDES / GUIDE).read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text[text.index("For scripts") :], re.M)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert named - {"what"} == set(get_args(What))


def test_lines_for_people_show_the_next_step(cli: Cli, plans: list[RehearsalPlan]) -> None:
    done = cli("sandbox", "--agency", "x", "--every", "0")
    assert done.code == 0
    assert any(line.strip() == "next: do this" for line in done.lines)
    assert "Summary" in done.lines
    assert plans[0].every_s == 0.0


def test_json_lines_end_with_the_summary(cli: Cli, plans: list[RehearsalPlan]) -> None:
    *lines, summary = cli("sandbox", "--agency", "x", "--json").jsonl
    assert [one["what"] for one in lines] == ["sent", "put_aside"]
    assert lines[0]["partner"] == "haven-support"
    assert (summary["what"], summary["counts"]) == ("summary", {"put_aside": 1, "sent": 1})
    assert json.dumps(summary["codes"]) == '{"file_empty": 1}'
    assert plans[0].kafka == "memory"


def test_a_refused_row_ends_with_4(cli: Cli, plans: list[RehearsalPlan]) -> None:
    assert cli("sandbox", "--agency", "x", "--events", 4).code == 4
    assert plans[0].events == 4


def test_so_many_done_events_are_enough_once() -> None:
    told: list[Happening] = []
    ends: list[int] = []
    chronicle = Chronicle(told.append, lambda: ends.append(len(told)), events=2)
    chronicle("sent", "x")
    chronicle("imported", "x")
    chronicle("delivered", "x")
    assert ends == [3]
