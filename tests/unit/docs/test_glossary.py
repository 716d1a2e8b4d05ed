"""Glossary: one entry for a term, in order, and one for each word that programs print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from broker.audit.entries import EntryKind

PAGE = Path(__file__).parents[3] / "docs" / "glossary.md"
PRINTED = {*get_args(EntryKind), "gap", "repeat", "withheld", "rollback", "equivocation"}


def terms() -> list[str]:
    found = re.findall(r"^\*\*([^*]+)\*\*", PAGE.read_text(), re.M)
    return [re.sub(r"[^a-z ]", "", term.lower()) for term in found]


def test_each_term_has_one_entry_and_they_are_in_order() -> None:
    assert terms() == sorted(set(terms()))


def test_words_that_the_log_and_the_commands_print_are_explained() -> None:
    assert set(PRINTED) - set(terms()) == set()


EMPHASIS = {"starts", "believes", "covers", "vouches", "counts", "given", "known"}
"""Words in italics that are a form of another term, or are only stressed."""


def test_terms_that_guides_and_specification_introduce_are_explained() -> None:
    found = set()
    docs = PAGE.parent
    for page in [*docs.glob("*.md"), *docs.glob("guides/*.md"), *docs.glob("spec/*.md")]:
        found |= set(re.findall(r"(?<![*\w])\*([a-z][a-z -]+)\*(?!\*)", page.read_text()))
    entries = set(terms())
    assert {word for word in found if not {word, word.removesuffix("s")} & entries} <= EMPHASIS
