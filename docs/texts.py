"""Write adapters/web/locale/messages.pot from the texts of pages and notices: python docs/texts.py.

Code marks a text with the functions of `contracts.phrases`, and a template with `_` and `ngettext`.
Tables of texts have no marks: all their texts are taken.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from broker.codes.meanings import CODES
from broker.operations.runbook.runbook import RUNBOOK
from contracts.legal_codes import KINDS, legal_codes
from contracts.lint_rules import lint_rules

WEB: Final = ROOT / "adapters" / "web"
FILE: Final = WEB / "locale" / "messages.pot"
_TEMPLATES: Final = [("templates/**.html", "jinja2.ext.babel_extract")]
_OF_TEMPLATES: Final = {"_": None, "ngettext": (1, 2)}
_OPTIONS: Final = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
_OF_CODE: Final = {"N_": 1, "phrase": 1, "phrases": 2}
"""Functions of `contracts.phrases`, with the number of their templates."""
_PACKAGES: Final = ("adapters", "broker", "contracts")


def page() -> str:
    """The whole file, in the order of its texts: a line that moves in a page changes nothing."""
    catalog = Catalog(charset="utf-8")
    for file, message in (*_of_templates(), *_of_code(), *_of_tables()):
        catalog.add(message, locations=[(file, 0)])
    written = io.BytesIO()
    write_po(written, catalog, omit_header=True, sort_output=True, include_lineno=False)
    return written.getvalue().decode()


def _of_templates() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    found = extract_from_dir(WEB, _TEMPLATES, _OPTIONS, _OF_TEMPLATES)  # type: ignore[arg-type]
    for name, _line, message, _comments, _context in found:
        yield f"adapters/web/{name}", message


def _of_code() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text()
            if "contracts.phrases import" in source or path.name == "phrases.py":
                for call in ast.walk(ast.parse(source)):
                    yield from ((str(path.relative_to(ROOT)), one) for one in _marked(call))


def _marked(call: ast.AST) -> Iterator[str | tuple[str, ...]]:
    """Yield the text of a call, or both forms of it; none if a variable holds it."""
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _OF_CODE:
        templates = call.args[: _OF_CODE[call.func.id]]
        texts = tuple(
            one.value
            for one in templates
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        )
        if len(texts) == len(templates):
            yield texts[0] if len(texts) == 1 else texts


def _of_tables() -> Iterator[tuple[str, str]]:
    for meaning in CODES.values():
        yield from (("broker/codes/meanings.py", one) for one in (meaning.means, meaning.to_do))
    for entry in RUNBOOK.values():
        for text in (entry.title, entry.means, entry.works, *entry.steps):
            yield "broker/operations/runbook", text
    for kind in KINDS:
        yield from (("contracts/data", one.label) for one in legal_codes(kind).values())
    for rule in lint_rules().values():
        yield from (
            ("contracts/data", text) for text in (rule.fix, *(c.message for c in rule.cases))
        )


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page(), encoding="utf-8")
