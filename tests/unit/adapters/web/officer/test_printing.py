"""The agreement for a board prints on few sheets, with tables and without lists that open."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.web.app import STATIC
from tests.support.printing import A4, sheets
from tests.unit.adapters.web.officer.conftest import Person

MOST_SHEETS = 7


def test_the_agreement_prints_on_few_sheets_of_a4(
    person: Person, sha256: str, tmp_path: Path
) -> None:
    style = f"<style>{(STATIC / 'concordant.css').read_text()}</style>"
    text = person().get(f"/agreements/{sha256}").text
    page = tmp_path / "agreement.html"
    page.write_text(re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: style, text))

    found = sheets(page, tmp_path)

    assert len(found) <= MOST_SHEETS
    assert set(found) == {A4}
