"""A case whose reference the mapping computes is found in files, or the file is named."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xlsxwriter

from adapters.base import Context, MappingError, Row
from adapters.case_files import AdapterCaseFiles
from adapters.mapped import ADAPTER
from adapters.mapping import MemoryLinks
from broker.operations.erasure import CaseNames
from contracts.vocabulary.known import no_documents

MAPPING = """\
mapping: own
version: "1"
source: a test
vocabulary: hate-crime
format: {type: FORMAT}
roles: {kind: Kind, recipients: To, case: ref, rest: Rest}
derived:
  level: 'int(row.Level) > 3 ? "a" : "b"'
  ref: '"HS-" + row.Team + "-" + row.No'
kinds:
  update: {type: case.updated}
tables:
  state: {list: case_status, codes: {Fined: fined}}
columns:
  - {column: Status, paths: [case_status], kind: code, table: state}
"""
HEADER = ("Kind", "To", "Team", "No", "Status", "Level")
OURS = ("update", "P", "N", "4711", "Fined", "5")
OTHER = ("update", "P", "N", "4712", "Fined", "1")
FAILING = ("update", "P", "N", "4713", "Fined", "many")
REFERENCE = "HS-N-4711"
FOLDERS = ("import", "processed", "quarantine", "inbox")


def csv(*rows: tuple[str, ...]) -> bytes:
    return "".join(",".join(row) + "\n" for row in (HEADER, *rows)).encode()


def xlsx(*rows: tuple[str, ...]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        for number, row in enumerate((HEADER, *rows)):
            for column, text in enumerate(row):
                page.write_string(number, column, text)
    return out.getvalue()


def search(
    root: Path, file: str, content: bytes, *, changed: str = MAPPING, whole_files: bool = False
) -> list[tuple[str, int, str]]:
    """Take a file under one mapping, and search it under another one."""
    format_ = "xlsx" if file.endswith("xlsx") else "csv"
    (root / "mapping.yaml").write_text(MAPPING.replace("FORMAT", format_))
    for name in FOLDERS:
        (root / name).mkdir()
    (root / file).write_bytes(content)
    links = MemoryLinks()
    before = ADAPTER.for_agency(root, None, no_documents())
    for row in before.read(content):
        if isinstance(row, Row):
            try:
                before.to_event(row, Context("me", {"P": "partner-one"}, links))
            except MappingError:
                continue
    (root / "mapping.yaml").write_text(changed.replace("FORMAT", format_))
    config = SimpleNamespace(
        adapter=SimpleNamespace(encoding=None),
        partners={"P": "partner-one"},
        folders=SimpleNamespace(import_="import", **{name: name for name in FOLDERS[1:]}),
    )
    participant: Any = SimpleNamespace(agency="me", config=config, path=root.joinpath)
    files = AdapterCaseFiles(participant, ADAPTER.for_agency(root, None, no_documents()))
    known = SimpleNamespace(
        case_for=lambda own, kind: links.find_shared(kind, own),
        own_for=lambda shared, kind: links.own(kind, shared),
    )
    tx: Any = SimpleNamespace(links=known)
    shared = links.find_shared("case", REFERENCE)
    names = CaseNames(shared or "4b1c6a2e-7d1f-4c9a-9d6b-0f3a5c8e2d71", REFERENCE, frozenset())
    found = files.find(tx, names, whole_files=whole_files)
    return [(one.step, one.records, one.why) for one in found]


@pytest.mark.parametrize(
    ("file", "rows", "expected"),
    [
        ("processed/a.csv", (OURS, OTHER), [("cut", 1, "")]),
        ("processed/a.csv", (OURS,), [("remove", 1, "")]),
        ("processed/a.csv", (OTHER,), []),
        ("processed/a.csv", (OURS, FAILING), [("leave", 1, "file_shared")]),
        ("processed/a.csv", (OTHER, FAILING), [("leave", 0, "file_unsearched")]),
        ("quarantine/a.csv", (OURS, OTHER), [("cut", 1, "")]),
        ("quarantine/a.csv", (OTHER, ("update", "P")), [("leave", 0, "file_unsearched")]),
        ("import/a.csv", (OURS, OTHER), [("leave", 1, "not_taken")]),
        ("import/a.csv", (OTHER,), []),
        ("processed/old.json", (OTHER,), [("leave", 0, "file_unsearched")]),
        ("processed/a.xlsx", (OURS, OTHER), [("leave", 1, "file_packed")]),
        ("processed/a.xlsx", (OURS,), [("remove", 1, "")]),
        ("processed/a.xlsx", (OURS, FAILING), [("leave", 1, "file_packed")]),
        ("processed/a.xlsx", (OTHER, FAILING), [("leave", 0, "file_unsearched")]),
        ("import/a.xlsx", (OURS, OTHER), [("leave", 1, "not_taken")]),
    ],
)
def test_a_case_with_a_computed_reference_is_found_or_the_file_is_named(
    tmp_path: Path, file: str, rows: tuple[tuple[str, ...], ...], expected: list[object]
) -> None:
    content = xlsx(*rows) if file.endswith("xlsx") else csv(*rows)
    assert search(tmp_path, file, content) == expected


@pytest.mark.parametrize("file", ["processed/a.csv", "processed/a.xlsx"])
@pytest.mark.parametrize(
    "changed",
    [
        MAPPING.replace("row.No'", "row.Number'"),
        MAPPING.replace('"HS-"', '"NEW-"'),
    ],
    ids=["column", "prefix"],
)
@pytest.mark.parametrize("whole_files", [False, True])
def test_a_file_taken_under_another_mapping_is_named(
    tmp_path: Path, file: str, changed: str, whole_files: bool
) -> None:
    content = xlsx(OURS, OTHER) if file.endswith("xlsx") else csv(OURS, OTHER)
    found = search(tmp_path, file, content, changed=changed, whole_files=whole_files)
    assert found == [("leave", 0, "file_unsearched")]


def test_a_spreadsheet_that_the_mapping_no_longer_reads_is_named(tmp_path: Path) -> None:
    plain = MAPPING.replace("case: ref", "case: Case").replace("type: FORMAT", "type: csv")
    plain = plain[: plain.index("derived:")] + plain[plain.index("kinds:") :]
    found = search(tmp_path, "processed/a.xlsx", xlsx(OURS), changed=plain)
    assert found == [("leave", 0, "file_unsearched")]
