"""Codes of law as people cite them."""

from __future__ import annotations

import pytest

from contracts.legal_codes import KINDS, law_in_words, legal_codes


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("uk-gdpr:6(1)(e)", "UK GDPR Article 6(1)(e): "),
        ("dpa2018:35(2)(b)", "Data Protection Act 2018, section 35(2)(b): "),
        ("dpa2018:sch1:6", "Data Protection Act 2018, Schedule 1, paragraph 6: "),
        ("cda1998:s17", "Crime and Disorder Act 1998 s17"),
        ("dpa2018:s36(4)", "Data Protection Act 2018 s36(4): use"),
    ],
)
def test_a_known_code_is_cited_with_its_label(code: str, begins: str) -> None:
    assert law_in_words(code).startswith(begins)


def test_every_known_code_has_its_label() -> None:
    for kind in KINDS:
        for code, known in legal_codes(kind).items():
            assert law_in_words(code).endswith(known.label)


def test_an_unknown_code_stays_as_it_is() -> None:
    assert law_in_words("a code of our own") == "a code of our own"
