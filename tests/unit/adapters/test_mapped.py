"""The adapter of an agency's own mapping file, in each format, and while the file changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.base import Context, MappingError, Row
from adapters.full_events import opened
from adapters.mapped import ADAPTER, OwnMapping
from adapters.mapping import MappingFileError, MemoryLinks
from contracts.vocabulary.known import no_documents

TEXT = """\
mapping: own
version: "1"
source: a test
vocabulary: hate-crime
format: {{type: {format}}}
style: {style}
roles: {{kind: Kind, recipients: To, case: Case, rest: Notes}}
kinds:
  update: {{type: case.updated}}
tables:
  state: {{list: case_status, codes: {{Charged: charged, Fined: fined}}}}
columns:
  - {{column: Status, paths: [case_status], kind: code, table: state}}
  - {{column: Forms, paths: [offences], kind: texts, optional: true}}
"""
STYLES = {
    "csv": "text", "xlsx": "text", "ods": "text", "json": "json", "jsonl": "json", "xml": "lists",
}  # fmt: skip
FLAT = {
    "case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
    "case_status": "charged",
    "offences": ["Harassment; section 2", "Criminal damage"],
    "next_hearing": "2025-05-06",
}


def write(folder: Path, text: str) -> None:
    file = folder / "mapping.yaml"
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))


def adapter(folder: Path, format_: str = "csv") -> OwnMapping:
    records = ", records: /Export/Case" if format_ == "xml" else ""
    write(folder, TEXT.format(format=f"{format_}{records}", style=STYLES[format_]))
    return ADAPTER.for_agency(folder, None, no_documents())


def context() -> Context:
    return Context("me", {"P": "partner-one"}, MemoryLinks())


@pytest.mark.parametrize("format_", STYLES)
def test_a_received_event_is_a_file_that_reads_back(format_: str, tmp_path: Path) -> None:
    own = adapter(tmp_path, format_)
    written = own.from_event(opened("case.updated", FLAT), context())
    (row,) = own.read_back(written)
    assert row["Status"] == "Charged"
    forms = row["Forms"]
    assert forms == (
        "Harassment\\; section 2;Criminal damage" if STYLES[format_] == "text" else FLAT["offences"]
    )
    notes = row["Notes"]
    assert isinstance(notes, str)
    assert "(next_hearing): 2025-05-06" in notes


@pytest.mark.parametrize("format_", [name for name in STYLES if name != "ods"])
def test_an_export_of_the_same_columns_becomes_events(format_: str, tmp_path: Path) -> None:
    own = adapter(tmp_path, format_)
    row = {"Kind": "update", "To": "P", "Case": "C-1", "Status": "Fined"}
    content = own.write([row], header=[*row, "Forms"])
    (item,) = own.read(content)
    assert isinstance(item, Row)
    outgoing = own.to_event(item, context())
    assert outgoing is not None
    assert outgoing.event.data["case_status"] == "fined"
    assert outgoing.event.recipients == ("partner-one",)


def test_a_changed_file_is_taken_at_the_next_use(tmp_path: Path) -> None:
    own = adapter(tmp_path)
    row = Row(2, {"Kind": "update", "To": "P", "Case": "C-1", "Status": "Caution"}, 0, 0)
    with pytest.raises(MappingError):
        own.to_event(row, context())
    text = (tmp_path / "mapping.yaml").read_text()
    write(tmp_path, text.replace("Fined: fined", "Fined: fined, Caution: cautioned"))
    with pytest.raises(MappingError):  # the rows of a file that was begun are mapped alike
        own.to_event(row, context())
    own.read(b"Kind,To,Case,Status\n")
    assert own.to_event(row, context()) is not None
    assert own.trouble() is None


@pytest.mark.parametrize("text", ["", "mapping: [\n", None])
def test_a_file_that_cannot_be_used_is_told_and_the_one_before_goes_on(
    text: str | None, tmp_path: Path
) -> None:
    own = adapter(tmp_path)
    good = (tmp_path / "mapping.yaml").read_text()
    row = Row(2, {"Kind": "update", "To": "P", "Case": "C-1", "Status": "Fined"}, 0, 0)
    if text is None:
        (tmp_path / "mapping.yaml").unlink()
    else:
        write(tmp_path, text)
    assert own.to_event(row, context()) is not None
    assert own.trouble() == "mapping_invalid"
    write(tmp_path, good)
    assert own.trouble() is None


@pytest.mark.parametrize("format_", ["json", "xml"])
@pytest.mark.parametrize("optional", [False, True])
def test_a_condition_over_a_member_that_a_record_lacks_is_no_answer(
    format_: str, optional: bool, tmp_path: Path
) -> None:
    own = adapter(tmp_path, format_)
    text = (
        (tmp_path / "mapping.yaml")
        .read_text()
        .replace("kinds:", 'only: row.Restricted != "Y"\nkinds:', 1)
    )
    write(tmp_path, text + ("may_lack: [Restricted]\n" if optional else ""))
    row = {"Kind": "update", "To": "P", "Case": "C-1", "Status": "Fined"}
    (item,) = own.read(own.write([row], header=[*row]))
    assert isinstance(item, Row)
    if optional:
        assert own.to_event(item, context()) is not None
        return
    with pytest.raises(MappingError) as refusal:
        own.to_event(item, context())
    assert refusal.value.code == "missing_value"
    assert "Restricted" in (refusal.value.where or "")


def test_an_adapter_does_not_start_with_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(MappingFileError):
        ADAPTER.for_agency(tmp_path, None, no_documents())
    write(tmp_path, TEXT.format(format="csv", style="text").replace("format:", "# format:"))
    with pytest.raises(MappingFileError) as refusal:
        ADAPTER.for_agency(tmp_path, None, no_documents())
    assert "format" in (refusal.value.where or "")
