"""Findings of lint for an officer: the line of each, one line for what is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command_line import Cli

ROLES = (
    "--role", "council=public-authority,A council.",
    "--role", "police=competent-authority,A police force.",
)  # fmt: skip


@pytest.fixture
def terms(cli: Cli, tmp_path: Path) -> Path:
    """A first draft, without law, parties and keys."""
    path = tmp_path / "terms.yaml"
    done = cli("contract", "new", "--out", path, "--vocabulary", "victim-information",
               "--name", "asked", "--title", "Asked", "--summary", "Who asks whom.",
               *ROLES, "--purpose", "investigate=Investigate crime.")  # fmt: skip
    assert done.code == 0, done.err
    return path


def test_each_error_of_a_draft_names_the_line_that_holds_the_place(cli: Cli, terms: Path) -> None:
    lines = terms.read_text().splitlines()
    done = cli("contract", "lint", terms)
    for shown in done.lines:
        if ": error: placeholder: " in shown:
            found = re.match(rf"{re.escape(str(terms))}:(\d+): error: ", shown)
            assert found is not None, shown
            assert "TBC" in lines[int(found[1]) - 1], shown
    listed = cli("contract", "lint", terms, "--json").json[0]["findings"]
    assert {one["line"] is None for one in listed if one["severity"] == "error"} == {False}


def test_an_error_of_many_fields_takes_one_line_with_their_number(cli: Cli, terms: Path) -> None:
    done = cli("contract", "lint", terms)
    listed = cli("contract", "lint", terms, "--json").json[0]["findings"]
    gateways = [one for one in listed if one["rule"] == "gateway"]
    shown = [line for line in done.lines if ": gateway: " in line]
    assert len(gateways) > 20
    assert len(shown) == len({one["message"] for one in gateways})
    assert f"(and in {len(gateways) - 1} more places)" in shown[0]


def test_a_code_of_law_that_is_still_open_is_listed_once(cli: Cli, terms: Path) -> None:
    done = cli("contract", "lint", terms)
    assert not any("legal-code-unknown" in line for line in done.lines)
    assert sum("legal_bases[0].basis" in line for line in done.lines) == 1


def test_findings_are_in_the_order_of_the_file(cli: Cli, terms: Path) -> None:
    done = cli("contract", "lint", terms)
    found = [re.search(r"yaml:(\d+): error", line) for line in done.lines]
    numbers = [int(one[1]) for one in found if one is not None]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("purposes:\n", "purposes\n", "purposes"),
        ('title: "Asked"', 'title: Asked: twice', "title"),
        ("readers: [council, police]", "readers: [council, polize]", "case_id"),
        ("recipient_years: 6", "recipient_years: six", "retention"),
        ("relied_on_by: [council]", "relied_on_by: [councils]", "relied_on_by"),
    ],
)  # fmt: skip
def test_a_typing_error_is_named_with_its_line(
    cli: Cli, terms: Path, old: str, new: str, line: str
) -> None:
    text = terms.read_text().replace(old, new, 1)
    terms.write_text(text)
    done = cli("contract", "lint", terms)
    assert done.code == 1
    found = re.match(r".*?:(\d+): error: not-a-contract: ", done.lines[0])
    assert found is not None
    near = text.splitlines()[int(found[1]) - 3 : int(found[1])]
    assert any(line in each for each in near), (done.lines, near)
    assert "not YAML" not in done.text


def test_an_item_that_is_wrong_does_not_make_its_list_too_short(cli: Cli, terms: Path) -> None:
    terms.write_text(re.sub(r"date: 20\d\d-\d\d-\d\d", "date: 30.11.2026", terms.read_text()))
    done = cli("contract", "lint", terms)
    assert "a day is written YYYY-MM-DD" in done.text
    assert "a list of at least" not in done.text


def test_all_members_that_a_draft_lacks_are_one_finding_with_its_advice(
    cli: Cli, terms: Path
) -> None:
    done = cli("contract", "lint", terms)
    (shown,) = [line for line in done.lines if ": draft-incomplete: " in line]
    assert all(name in shown for name in ("deployment", "starts", "ends", "parties"))
    advice = done.text.partition("What to do:")[2]
    assert "draft-incomplete:  " not in advice
    assert "draft-incomplete: " in advice
