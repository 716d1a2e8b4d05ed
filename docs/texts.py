"""Write adapters/web/locale/messages.pot from the pages' texts: python docs/texts.py."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

WEB: Final = ROOT / "adapters" / "web"
FILE: Final = WEB / "locale" / "messages.pot"
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]
_KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS: Final = {"templates/**.html": {"trimmed": "true", "silent": "false"}}


def page() -> str:
    """The whole file, in the order of its texts: a line that moves in a page changes nothing."""
    catalog = Catalog(charset="utf-8")
    found = extract_from_dir(WEB, _METHODS, _OPTIONS, _KEYWORDS)  # type: ignore[arg-type]
    for name, _line, message, _comments, _context in found:
        catalog.add(message, locations=[(f"adapters/web/{name}", 0)])
    written = io.BytesIO()
    write_po(written, catalog, omit_header=True, sort_output=True, include_lineno=False)
    return written.getvalue().decode()


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page(), encoding="utf-8")
