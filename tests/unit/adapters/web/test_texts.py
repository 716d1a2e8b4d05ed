"""Texts of the pages: all in one place, and each of them translatable."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator

import pytest
from jinja2 import Environment, nodes

from adapters.web.rendering import TEMPLATES
from tests.support.code_scan import ROOT

_TAG = re.compile(r"<[^>]*>", re.S)
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
"""Attribute that a macro writes without its tag."""
_READ_ALOUD = re.compile(
    r'\b(?:aria-label|alt|title|placeholder|value)="([^"{}]*[A-Za-z]{3}[^"{}]*)"'
)
_LETTERS = re.compile(r"[A-Za-z]{2}")
_NAMES = re.compile(r"\b(?:Concordant|DIR)\b|&\w+;")
"""Names, which are the same in every language, and characters by name."""
MARK = "\x00"


def test_the_file_of_all_texts_is_current() -> None:
    spec = importlib.util.spec_from_file_location("texts_page", ROOT / "docs/texts.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)

    assert made.FILE.read_text() == made.page()


def pieces_of(node: nodes.Node) -> Iterator[str]:
    """Texts of a template in their order, with a mark for each expression."""
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Expr):
        yield MARK
    else:
        for child in node.iter_child_nodes():
            yield from pieces_of(child)


def bare_texts(source: str) -> set[str]:
    """Texts of a template that are in no call of gettext."""
    tree = Environment(extensions=["jinja2.ext.i18n"]).parse(source)
    whole = "".join(pieces_of(tree))
    whole = re.sub(r"<(code|svg|style)\b.*?</\1>", "", whole, flags=re.S)
    texts = {one.strip() for one in re.split(MARK, _ATTRIBUTE.sub(MARK, _TAG.sub(MARK, whole)))}
    texts |= {found[1] for found in _READ_ALOUD.finditer(whole) if not found[0].startswith("value")}
    return {one for one in texts if _LETTERS.search(_NAMES.sub(" ", one))}


@pytest.mark.parametrize(
    "template", sorted(str(one.relative_to(TEMPLATES)) for one in TEMPLATES.rglob("*.html"))
)
def test_each_text_of_a_template_is_translatable(template: str) -> None:
    assert bare_texts((TEMPLATES / template).read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "<p>Bare text</p>",
        '<nav aria-label="Bare text"></nav>',
        "{% if a %}<p>Bare text {{ b }}</p>{% endif %}",
    ],
)
def test_a_bare_text_is_found(source: str) -> None:
    assert bare_texts(source) == {"Bare text"}
