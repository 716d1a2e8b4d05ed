"""Mechanical part of the rule of plain English: first words of sentences, and vague pronouns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = ("contracts", "broker", "adapters", "deploy", "bench")
QUESTION_WORDS = {"What", "Which", "How", "Whether", "Who", "Whose", "When", "Where", "Why"}
PRONOUNS = re.compile(r"\b(?:nobody|somebody|whoever|anybody)\b", re.IGNORECASE)
VAGUE_NAME = re.compile(
    r"^test_(?:what|which|how|whether|who|whose|when|where|why)_"
    r"|_(?:nobody|somebody|whoever|anybody|everybody|no_one|someone|anyone|whatever)s?(?:_|$)"
)
ALLOWED = {
    "bench/sample_event.py",  # the words of a fictitious victim
}


def modules(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {".venv", "venv", "mutants", "build", "__pycache__"} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text()


def is_question(docstring: str) -> bool:
    first = docstring.split("\n\n", maxsplit=1)[0].strip()
    return first.split(maxsplit=1)[0].strip("`*:,.") in QUESTION_WORDS or first.endswith("?")


def docstrings(source: str, *kinds: type) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and (found := ast.get_docstring(node)):  # type: ignore[arg-type]
            yield found


def has_question(docstring: str) -> bool:
    """Return True for a question. Later sentences may begin with a condition: when, where."""
    later = re.split(r"(?<=[.;])\s+", docstring)[1:]
    conditions = ("When", "Where")
    return is_question(docstring) or any(
        is_question(one) for one in later if not one.startswith(conditions)
    )


def test_no_docstring_is_a_question() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {
        (name, docstring)
        for name, source in modules(*CODE, "tests", "docs")
        for docstring in docstrings(source, *kinds)
        if has_question(docstring)
    }
    assert found == set()


def test_no_test_has_a_question_word_or_a_vague_pronoun_as_its_subject() -> None:
    found = {
        (name, function)
        for name, source in modules(*CODE, "tests")
        for function in re.findall(r"def (test_\w+)", source)
        if VAGUE_NAME.search(function)
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
