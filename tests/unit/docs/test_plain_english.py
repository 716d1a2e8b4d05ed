"""Mechanical part of the rule of plain English: first words of docstrings, and vague pronouns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = ("contracts", "broker", "adapters", "deploy", "bench")
QUESTION_WORDS = {"What", "Which", "How", "Whether", "Who", "When", "Where", "Why"}
PRONOUNS = re.compile(r"\b(?:nobody|somebody|whoever|anybody)\b", re.IGNORECASE)
ALLOWED = {
    "adapters/testing.py",  # NOBODY, a partner's code that no agency has
    "bench/event.py",  # the words of a fictitious victim
}


def modules(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {".venv", "build", "__pycache__"} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text()


def is_question(docstring: str) -> bool:
    first = docstring.split("\n\n", maxsplit=1)[0].strip()
    return first.split(maxsplit=1)[0].strip("`*:,.") in QUESTION_WORDS or first.endswith("?")


def docstrings(source: str, *kinds: type) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and (found := ast.get_docstring(node)):  # type: ignore[arg-type]
            yield found


def test_no_docstring_of_the_code_is_a_question() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        (name, docstring.split("\n")[0])
        for name, source in modules(*CODE)
        for docstring in docstrings(source, *kinds)
        if is_question(docstring)
    }
    assert found == set()


def test_no_module_docstring_of_the_tests_is_a_question() -> None:
    found = {
        name
        for name, source in modules("tests")
        for docstring in docstrings(source, ast.Module)
        if is_question(docstring)
    }
    assert found == set()


def test_code_and_pages_name_the_person_or_the_role() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    texts = [
        *modules(*CODE),
        *((str(page.relative_to(ROOT)), page.read_text()) for page in sorted(pages)),
    ]
    found = {
        (name, match[0])
        for name, text in texts
        if name not in ALLOWED
        for match in PRONOUNS.finditer(text)
    }
    assert found == set()


@pytest.mark.parametrize("docstring", ["What is kept.", "Whether it holds.", "Is it complete?"])
def test_the_check_finds_a_question(docstring: str) -> None:
    assert is_question(docstring)


def test_the_check_accepts_a_noun_phrase() -> None:
    assert not is_question("Retry loop of the relay.\n\nIt waits longer each time.")
