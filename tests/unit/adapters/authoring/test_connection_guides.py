"""The guides that connect a spreadsheet and an XML export, typed and edited from top to bottom."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from tests.support.command_line import run
from tests.support.founding import cheap_scrypt
from tests.support.guide_sessions import GUIDES, require_shown, sessions_in

NEEDS_KAFKA = ("kafka up", "kafka apply", "adapter run", "status --agency")
"""See tests/integration/test_service_kafka.py and tests/unit/broker/cli/test_kafka.py."""


def shown_file(text: str, kind: str) -> str:
    """The export that a guide shows."""
    found = re.search(rf"```{kind}\n(.*?)```", text, re.S)
    assert found is not None
    return found[1]


def spreadsheet(text: str) -> None:
    book = xlsxwriter.Workbook("cases.xlsx")
    sheet = book.add_worksheet("Cases")
    for row, line in enumerate(shown_file(text, "text").splitlines()):
        for column, value in enumerate(line.split(" | ")):
            sheet.write(row, column, value)
    book.close()


def xml_export(text: str) -> None:
    Path("cases.xml").write_text(shown_file(text, "xml"))


EXPORTS: dict[str, Callable[[str], None]] = {
    "connecting-a-spreadsheet.md": spreadsheet,
    "connecting-an-xml-export.md": xml_export,
}


def edit(block: str) -> None:
    """Change a file as a block of `-` and `+` lines says; each old text is there once."""
    lines = block.splitlines()
    path = Path(lines[0].removeprefix("--- "))
    old = "".join(f"{line[1:]}\n" for line in lines[1:] if line.startswith("-"))
    new = "".join(f"{line[1:]}\n" for line in lines[1:] if line.startswith("+"))
    text = path.read_text()
    assert text.count(old) == 1, (str(path), old, text)
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("page", sorted(EXPORTS))
def test_a_guide_leads_from_nothing_to_rows_that_would_be_sent(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (GUIDES / page).read_text()
    EXPORTS[page](text)
    with cheap_scrypt():
        for kind, block in re.findall(r"```(console|diff)\n(.*?)```", text, re.S):
            if kind == "diff":
                edit(block)
                continue
            for one in sessions_in(f"```console\n{block}```"):
                words = shlex.split(one.command)[1:]
                if " ".join(words[:2]) in NEEDS_KAFKA:
                    continue
                done = run(*words)
                assert done.code == 0, (one.command, done.text, done.err)
                if one.shown:
                    require_shown(one, done.text.splitlines())
