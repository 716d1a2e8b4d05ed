"""Texts of pages that begin with a capital letter."""

from __future__ import annotations

from adapters.web.rendering import TEMPLATES, capital


def test_only_the_first_letter_changes() -> None:
    assert capital("the UK GDPR names Haven Support") == "The UK GDPR names Haven Support"
    assert capital("") == ""


def test_no_template_writes_names_in_lower_case() -> None:
    for template in TEMPLATES.rglob("*.html"):
        assert "|capitalize" not in template.read_text(), template
