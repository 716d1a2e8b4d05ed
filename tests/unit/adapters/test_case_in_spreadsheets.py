"""A case in a spreadsheet that was taken is found by its records."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import xlsxwriter

from adapters.base import Context, Export, Outgoing, Records, Row
from adapters.case_files import AdapterCaseFiles
from adapters.formats import Columns, FormatSettings, format_of
from broker.operations.erasure import CaseNames
from contracts.events import PlainEvent

SENDER = "csu-camden"
SHARED = "4b1c6a2e-7d1f-4c9a-9d6b-0f3a5c8e2d71"
OTHER = "9f0e8d7c-6b5a-4c3d-8e2f-1a0b9c8d7e6f"
FORMAT = format_of(FormatSettings(type="xlsx"))
NAMES = CaseNames(SHARED, "EK-0042", frozenset())


class Adapter:
    """Adapter of a workbook whose case numbers are numbers with a format."""

    name = "test"
    suffixes = FORMAT.suffixes

    def read(self, export: Export, encoding: str | None = None) -> Records:
        return FORMAT.read(export, Columns(known=("Case",)), encoding)

    def to_event(self, row: Row, _context: Context) -> Outgoing:
        case = SHARED if row.values["Case"] == NAMES.own_reference else OTHER
        event = PlainEvent(type="referral.made", recipients=("haven-support",), data={})
        event.data["case_id"] = case
        return Outgoing(event, b"key", row.line)


def workbook(*numbers: int) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        page.write_string(0, 0, "Case")
        shown = book.add_format({"num_format": '"EK-"0000'})
        for row, number in enumerate(numbers, 1):
            page.write_number(row, 0, number, shown)
    return out.getvalue()


@pytest.mark.parametrize(
    ("numbers", "whole_files", "expected"),
    [
        ((42,), False, [("remove", 1, "")]),
        ((42, 43), False, [("leave", 1, "file_packed")]),
        ((42, 43), True, [("remove", 1, "")]),
        ((43,), True, []),
    ],
)
def test_a_case_in_a_spreadsheet_is_found_by_its_records(
    world,
    numbers: tuple[int, ...],
    whole_files: bool,
    expected: list[tuple[str, int, str]],
) -> None:
    world.without_state(SENDER)
    participant = world.participant(SENDER)
    processed: Path = participant.path("processed")
    processed.mkdir(exist_ok=True)
    (processed / "cases.xlsx").write_bytes(workbook(*numbers))
    files = AdapterCaseFiles(participant, Adapter())  # type: ignore[arg-type]  # what the search uses
    store = world.store(SENDER)
    with store.transaction() as tx:
        found = files.find(tx, NAMES, whole_files=whole_files)
    store.close()
    assert [(one.step, one.records, one.why) for one in found] == expected
