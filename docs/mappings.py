"""Write docs/mappings/ from the shipped mapping files: python docs/mappings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from adapters.authoring.begin import document_of
from adapters.authoring.columns_page import columns_page

FOLDER: Final = Path(__file__).with_name("mappings")
KINDS: Final = {
    "csu": "Files are CSV with commas, in UTF-8 or windows-1252. Each line ends with CR LF, the last "
    "one too: without it, the file counts as cut off.",
    "council": "Files are JSON lines: one object a line, in UTF-8. The kind `council-csv` has the same "
    "columns and writes CSV with commas. Both kinds read both forms.",
    "cps": "Files are XML. A column is the path of an element below a record.",
    "support": "Files are CSV with commas, as a spreadsheet program saves it: UTF-8 or windows-1252.",
}
"""Each shipped kind with a page, and the form of its files."""


def pages() -> dict[Path, str]:
    """Every page by its path."""
    return {
        FOLDER / f"{kind}.md": columns_page(document_of(None, kind), kind, file)
        for kind, file in KINDS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
