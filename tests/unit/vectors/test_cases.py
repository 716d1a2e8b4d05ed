"""Every case passes with our reader, and together they reach every code that a file can reach."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from broker.operations.vector_cases import Case, fault, load_cases, this_reader

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors"
CASES = load_cases(VECTORS, [])

NOT_IN_A_FILE = {
    "wrap_budget": "files have no limit of new wraps (docs/spec/opening.md, step 5)",
    "gaps_many": "needs 1,026 records, a megabyte of case; tests/unit/broker/judging meets it",
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_our_reader_answers_as_expected(case: Case) -> None:
    assert fault(case, this_reader) is None


def codes_of_the_specification() -> set[tuple[int, str]]:
    """(step, code) of the table in opening.md, steps 0 to 10."""
    text = (ROOT / "docs" / "spec" / "opening.md").read_text("utf-8")
    found: set[tuple[int, str]] = set()
    for steps, codes in re.findall(r"^\| ([0-9, ]+) \| (`[^|]+`) \|", text, re.MULTILINE):
        for step in steps.split(","):
            found |= {(int(step), code) for code in re.findall(r"`(\w+)`", codes)}
    return {(step, code) for step, code in found if step <= 10}


def codes_of_the_cases() -> set[tuple[int, str]]:
    return {
        (int(str(answer["step"])), str(answer["refused"]))
        for case in CASES
        for answer in case.expect
        if "refused" in answer
    }


def test_every_code_that_a_file_can_reach_has_a_case() -> None:
    specified = codes_of_the_specification()
    assert len(specified) > 50
    missing = {code for _, code in specified - codes_of_the_cases()}
    assert missing == NOT_IN_A_FILE.keys()


def test_no_case_expects_what_the_specification_does_not_know() -> None:
    assert codes_of_the_cases() <= codes_of_the_specification()


def test_every_kind_of_answer_is_there() -> None:
    kinds = {frozenset(answer) - {"gap"} for case in CASES for answer in case.expect}
    opened = frozenset({"id", "type", "source", "time", "data", "withheld"})
    assert kinds == {
        opened,
        opened | {"unlisted"},
        frozenset({"not_addressed"}),
        frozenset({"repeat"}),
        frozenset({"refused", "step"}),
    }
    types = {answer["type"] for case in CASES for answer in case.expect if "type" in answer}
    assert len(types) == 10  # five, three and two, of three vocabularies


def test_a_case_is_named_by_the_step_and_the_outcome_that_it_is_about() -> None:
    for case in CASES:
        step, what = case.name.split("-")[:2]
        answers = [
            "opened" if "data" in answer else str(answer.get("refused", next(iter(answer))))
            for answer in case.expect
        ]
        gaps = ["gap"] * any("gap" in answer for answer in case.expect)
        assert what in [*answers, *gaps], case.name
        steps = {answer.get("step") for answer in case.expect if answer.get("refused") == what}
        assert steps <= {int(step)}, case.name


def test_every_setting_is_used_and_every_text_is_there() -> None:
    used = {case.folder.name for case in CASES}
    assert used == {path.name for path in (VECTORS / "settings").iterdir()}
    for path in (VECTORS / "cases").iterdir():
        content = json.loads(path.read_text("utf-8"))
        assert content["about"].endswith((".", "!")), path.name
        page = content["spec"].partition(",")[0].partition(";")[0]
        assert (ROOT / "docs" / "spec" / page).exists(), path.name
