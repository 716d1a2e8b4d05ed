"""Spreadsheets: text of the cells, limits, sheets, merged cells, and refused rows."""

from __future__ import annotations

import io
import re
import tracemalloc
import zipfile
from datetime import datetime, time
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import MappingError, Rejected, Row
from adapters.formats import Columns, FormatSettings, RecordFormat, detect, format_of
from adapters.formats.cells import column_index, column_letters, formatted, parse_format
from adapters.formats.ods_sheet import write_ods
from adapters.formats.spreadsheet_format import MAX_CELL
from adapters.limits import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_MEMORY_BYTES,
    MAX_NAMES,
    MAX_RECORD_BYTES,
    MAX_SHARED_STRINGS,
    MAX_SHEET_TEXT_BYTES,
    MAX_TOKEN_BYTES,
    MAX_UNPACKED_BYTES,
)
from adapters.sources.rejects import piece_bytes, rejected_pieces
from tests.unit.adapters.formats.spreadsheets import (
    XLSX_PARTS,
    ods,
    ods_cell,
    ods_row,
    packed,
    table,
    text_cell,
    xlsx,
)

ONE = Columns(known=("Ref",), needed=("Ref",))
TWO = Columns(known=("Ref", "Name"), needed=("Ref", "Name"))
REFUSED_BY_THE_MAPPING = "\ufffd"


def form(type_: str = "xlsx", **members: Any) -> RecordFormat:
    return format_of(FormatSettings.model_validate({"type": type_, **members}))


def texts(content: bytes, columns: Columns = ONE, type_: str = "xlsx") -> list[object]:
    found = list(form(type_).read(content, columns))
    assert all(isinstance(item, Row) for item in found), found
    return [item.values["Ref"] for item in found if isinstance(item, Row)]


def refused(content: bytes, type_: str = "xlsx", **members: Any) -> MappingError:
    with pytest.raises(MappingError) as error:
        form(type_, **members).read(content, ONE)
    return error.value


LINES = ["said:", "C-99,he is guilty", "end"]


@pytest.mark.parametrize("type_", ["xlsx", "ods"])
@pytest.mark.parametrize("lines", [LINES, [LINES[0], "Ref,Name", *LINES[1:]]])
@pytest.mark.parametrize("stray", [False, True])
def test_a_line_of_a_cell_never_becomes_a_record(type_: str, lines: list[str], stray: bool) -> None:
    rows = [["Ref", "Name"], ["C-1", "\n".join(lines), *(["stray"] if stray else [])], ["C-2", "x"]]
    content = write_ods(rows, "Cases") if type_ == "ods" else book_of(rows)
    first, second = form(type_).read(content, TWO)
    assert (first.line, second.line) == (2, 3)
    if stray:
        assert isinstance(first, Rejected)
        assert not first.torn
    else:
        assert isinstance(first, Row)
        assert first.values == {"Ref": "C-1", "Name": "\n".join(lines)}
    assert isinstance(second, Row)
    assert second.values == {"Ref": "C-2", "Name": "x"}


def test_a_row_longer_than_a_record_is_refused_whole() -> None:
    lines = ["said:", "x" * 30_000, "C-99,he is guilty"] * (MAX_RECORD_BYTES // 30_000 + 1)
    content = write_ods([["Ref", "Name"], ["C-1", "\n".join(lines)], ["C-2", "x"]], "Cases")
    assert [type(item) for item in form("ods").read(content, TWO)] == [Rejected, Row]


def book_of(rows: list[list[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                page.write_string(number, column, text)
    return out.getvalue()


# --- text of the cells ----------------------------------------------------------------------------


def test_cells_of_a_program_become_texts() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        page.write_string(0, 0, "Ref")
        cells: list[tuple[Any, str | None, str]] = [
            (5, None, "5"),
            (-5.5, None, "-5.5"),
            (0.1 + 0.2, None, "0.3"),
            (7700900271, None, "7700900271"),
            (7700900271, "00000000000", "07700900271"),
            (42, '"C-"0000', "C-0042"),
            (7512345678, "00000-000-000", "07512-345-678"),
            (1234567890123456789, None, "1234567890123457000"),
            (1e300, None, "1E+300"),
            (1234.5, '"£"#,##0.00', "1234.5"),
            (0.05, "0%", "0.05"),
            (datetime(2026, 11, 2), "dd/mm/yyyy", "2026-11-02"),
            (datetime(2026, 11, 2), "d mmm yy", "2026-11-02"),
            (datetime(1900, 3, 1), "dd/mm/yyyy", "1900-03-01"),
            (datetime(2026, 11, 2, 13, 5), "dd/mm/yyyy hh:mm", "2026-11-02T13:05"),
            (datetime(2026, 11, 2, 13, 5, 9), "dd/mm/yyyy hh:mm:ss", "2026-11-02T13:05:09"),
            (datetime(2026, 11, 2), "dd/mm/yyyy hh:mm", "2026-11-02T00:00"),
            (datetime(2026, 11, 2, 13, 5), "dd/mm/yyyy", "2026-11-02"),
            (time(13, 5), "hh:mm", "13:05"),
            (time(0, 0), "hh:mm", "00:00"),
            (True, None, "TRUE"),
            ("_x0041_ é", None, "_x0041_ é"),
            ("a\nb", None, "a\nb"),
            ("'=1+1", None, "'=1+1"),
        ]
        for number, (value, code, _) in enumerate(cells, 1):
            made = book.add_format({"num_format": code}) if code else None
            page.write(number, 0, value, made)
        page.write_formula(len(cells) + 1, 0, "=1/0", None, "#DIV/0!")
        page.write_formula(len(cells) + 2, 0, "=1+1", None, "2")
    found = texts(out.getvalue())
    assert found == [expected for _, _, expected in cells] + ["#DIV/0!", "2"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('<c r="A2" t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c r="A2"><f>1+1</f></c>', "#VALUE!"),
        ('<c r="A2" t="str"><f>B2</f><v>C-1</v></c>', "C-1"),
        ('<c r="A2" t="d"><v>2026-11-02</v></c>', "2026-11-02"),
        ('<c r="A2"><v>5.0</v></c>', "5"),
        ('<c r="A2"><v>2.61E+12</v></c>', "2610000000000"),
        ('<c r="A2"><v>NaN</v></c>', "NaN"),
        ('<c r="A2"><v>text</v></c>', "text"),
        (text_cell("A2", "a_x0001_b"), f"a{REFUSED_BY_THE_MAPPING}b"),
        (text_cell("A2", "_xD83D_"), REFUSED_BY_THE_MAPPING),
        (text_cell("A2", "_x005F_x0041_"), "_x0041_"),
        ('<c r="A2" t="inlineStr"><is><r><t>C-</t></r><r><t>1</t></r></is></c>', "C-1"),
        (
            '<c r="A2" t="inlineStr"><is><t>C-1</t><rPh sb="0" eb="1"><t>x</t></rPh></is></c>',
            "C-1",
        ),
        ('<c t="inlineStr"><is><t>C-1</t></is></c>', "C-1"),
    ],
)
def test_stored_values_become_texts_and_errors_are_not_hidden(cell: str, expected: str) -> None:
    assert texts(xlsx(table(cell))) == [expected]


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ('[>100]"H-"000;"L-"000', "42", "#VALUE!"),
        ('[>100]0;"L-"000', "42", "#VALUE!"),
        ('"C-"0000;;"none"', "0", "#VALUE!"),
        ('"C-"0000;;"none"', "7", "C-0007"),
        ("000;-000;000;@", "0", "000"),
        ('[Red]"C;"000', "7", "C;007"),
        ("C\\;000", "7", "7"),
        ('[>100]0.0;"low"', "42", "42"),
    ],
)
def test_a_number_with_a_format_of_several_forms_is_never_read_by_the_wrong_one(
    code: str, value: str, expected: str
) -> None:
    assert formatted(value, parse_format(code)) == expected


def test_days_can_be_counted_from_1904() -> None:
    book = XLSX_PARTS["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    styles = "<styleSheet><cellXfs><xf numFmtId='14'/></cellXfs></styleSheet>"
    rows = table('<c r="A2"><v>44866</v></c>')
    assert texts(xlsx(rows, workbook=book, styles=styles)) == ["2026-11-02"]
    assert texts(xlsx(rows, styles=styles)) == ["2022-11-01"]


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("General", "45000", "45000"),
        ("0.00E+00", "45000", "45000"),
        ("[$-809]dd mmmm yyyy;@", "45000", "2023-03-15"),
        ("[Red]0", "45000", "45000"),
        ("#,##0", "45000", "45000"),
        ('0" days"', "3", "3 days"),
        ("mmm-yy", "45000", "2023-03-15"),
        ("[h]:mm", "1.5", "1.5"),
        ("h:mm AM/PM", "0.5", "12:00"),
        ("mm:ss.0", "0.5", "12:00"),
        ("dd/mm/yyyy", "-1", "-1"),
        ("dd/mm/yyyy", "1", "1900-01-01"),
        ("dd/mm/yyyy", "59", "1900-02-28"),
        ("dd/mm/yyyy", "60", "60"),
        ("dd/mm/yyyy", "61", "1900-03-01"),
        ("dd/mm/yyyy", "9999999", "9999999"),
        ("dd/mm/yyyy", "0", "0"),
        ("000", "12345", "12345"),
        ("000", "-5", "-5"),
        ("000", "1.5", "1.5"),
    ],
)
def test_formats_of_numbers(code: str, value: str, expected: str) -> None:
    assert formatted(value, parse_format(code)) == expected


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet='dmyhs0#?.,;"\\[]_*@%EGx ', max_size=12), st.floats(0, 1e6))
def test_any_format_shows_a_number_as_a_text(code: str, value: float) -> None:
    assert formatted(repr(value), parse_format(code))


@given(st.integers(0, 16_383))
def test_columns_have_letters(index: int) -> None:
    assert column_index(f"{column_letters(index)}7") == index


def test_rows_have_the_numbers_of_the_sheet() -> None:
    rows = (
        f'<row r="3">{text_cell("B3", "Ref")}</row>'
        f'<row r="4">{text_cell("B4", "one&#10;two")}</row><row r="5"/>'
        f'<row r="9">{text_cell("B9", "C-9")}</row>'
    )
    items = list(form().read(xlsx(rows), ONE))
    assert [item.line for item in items] == [4, 9]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (ods_cell("C-1"), "C-1"),
        (ods_cell("x", more='office:string-value="C-1"'), "C-1"),
        (ods_cell("5", "float", 'office:value="5"'), "5"),
        (ods_cell("07700900271", "float", 'office:value="7700900271"'), "07700900271"),
        (ods_cell("C-0042", "float", 'office:value="42"'), "C-0042"),
        (ods_cell("1,234", "float", 'office:value="1234"'), "1234"),
        (ods_cell("£5.00", "currency", 'office:value="5"'), "5"),
        (ods_cell("5%", "percentage", 'office:value="0.05"'), "0.05"),
        (ods_cell("02/11/26", "date", 'office:date-value="2026-11-02"'), "2026-11-02"),
        (ods_cell("x", "date", 'office:date-value="2026-11-02T13:05:00"'), "2026-11-02T13:05"),
        (ods_cell("x", "date", 'office:date-value="2026-11-02T13:05:09"'), "2026-11-02T13:05:09"),
        (ods_cell("x", "time", 'office:time-value="PT13H05M00S"'), "13:05"),
        (ods_cell("x", "boolean", 'office:boolean-value="true"'), "TRUE"),
        (ods_cell("#N/A", "string", 'calcext:value-type="error"'), "#N/A"),
        (ods_cell("Err:502", "string", 'calcext:value-type="error"'), "Err:502"),
        ('<table:table-cell table:formula="of:=1"/>', "#VALUE!"),
        (ods_cell('a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d'), "a   b\tc\nd"),
        (ods_cell("a</text:p><text:p>b"), "a\nb"),
        (ods_cell("a<text:span>b</text:span>\n  c"), "ab   c"),
        (
            '<table:table-cell office:value-type="string"><office:annotation><text:p>note</text:p>'
            "</office:annotation><text:p>C-1</text:p></table:table-cell>",
            "C-1",
        ),
        (
            '<table:table-cell office:value-type="string"><text:p>C-1</text:p><draw:frame>'
            "<text:p>picture</text:p></draw:frame></table:table-cell>",
            "C-1",
        ),
    ],
)
def test_cells_of_opendocument_become_texts(cell: str, expected: str) -> None:
    assert texts(ods(ods_row(ods_cell("Ref")) + ods_row(cell)), type_="ods") == [expected]


def test_repeated_rows_and_cells_of_opendocument() -> None:
    rows = (
        ods_row(ods_cell("Ref"), ods_cell("Name"))
        + ods_row("<table:table-cell/>", repeated=3)
        + ods_row(ods_cell("C", more='table:number-columns-repeated="2"'), repeated=2)
        + ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_048_000)
    )
    items = list(form("ods").read(ods(rows), TWO))
    assert [(item.line, item.values) for item in items if isinstance(item, Row)] == [
        (5, {"Ref": "C", "Name": "C"}),
        (6, {"Ref": "C", "Name": "C"}),
    ]


# --- header, sheets and merged cells --------------------------------------------------------------


def test_columns_without_name_and_value_are_left_out_and_others_refuse_the_row() -> None:
    rows = (
        f'<row r="1">{text_cell("B1", "Ref")}{text_cell("D1", "Name")}</row>'
        f'<row r="2">{text_cell("B2", "C-1")}{text_cell("D2", "Zoe")}</row>'
        f'<row r="3">{text_cell("B3", "C-2")}{text_cell("C3", "dead")}</row>'
    )
    records = form().read(xlsx(rows), TWO)
    good, bad = records
    assert isinstance(good, Row)
    assert good.values == {"Ref": "C-1", "Name": "Zoe"}
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.error.code, bad.error.where) == (3, "row_malformed", "line 3")
    assert records.source is not None
    again = b"".join(piece_bytes(rejected_pieces(records, [bad]), records.source))
    (still,) = form().read(again, TWO)
    assert isinstance(still, Rejected)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (("Ref", "Deleted"), "unknown_column"),
        (("Ref", "Ref"), "file_malformed"),
        (("Ref",), "missing_column"),
        (("a", "b"), "missing_column"),
        (("Ref", "Name&#10;x"), "file_malformed"),
    ],
)
def test_another_header_is_refused_with_the_row_of_the_sheet(
    header: tuple[str, ...], code: str
) -> None:
    cells = "".join(text_cell(f"{c}3", name) for c, name in zip("AB", header, strict=False))
    with pytest.raises(MappingError) as error:
        form().read(xlsx(f'<row r="3">{cells}</row><row r="4"/>'), TWO)
    assert (error.value.code, error.value.where) == (code, "line 3")


def test_a_sheet_without_a_header_is_refused() -> None:
    assert refused(xlsx("")).code == "file_empty"
    assert refused(ods(""), "ods").code == "file_empty"
    assert refused(xlsx(table(text_cell("A2", "C-1"))), header_line=7).code == "missing_column"
    beyond = f'<row r="9">{text_cell("A9", "Ref")}</row>'
    assert refused(xlsx(beyond), header_line=7).code == "missing_column"


@pytest.mark.parametrize("type_", ["xlsx", "ods"])
def test_one_of_several_sheets_must_be_named(type_: str) -> None:
    if type_ == "ods":
        rows = ods_row(ods_cell("Ref"), ods_cell("Name")) + ods_row(ods_cell("C-1"), ods_cell("Z"))
        content = ods(rows, sheets=("A", "B"))
    else:
        out = io.BytesIO()
        with xlsxwriter.Workbook(out) as book:
            for name in ("A", "B"):
                page = book.add_worksheet(name)
                page.write_column(0, 0, ["Ref", "C-1"])
                page.write_column(0, 1, ["Name", "Z"])
        content = out.getvalue()
    assert refused(content, type_).code == "file_malformed"
    assert refused(content, type_, sheet="C").code == "file_malformed"
    (row,) = form(type_, sheet="B").read(content, TWO)
    assert isinstance(row, Row)
    assert row.values == {"Ref": "C-1", "Name": "Z"}
    found = detect(content, f"x.{type_}")
    assert (found.settings.sheet, len(found.rows)) == ("A", 1)
    assert "2 sheets" in found.notes[1]


@pytest.mark.parametrize(
    ("cells", "accepted"), [("A1:F1", True), ("A4:A5", False), ("B3:C3", False)]
)
def test_merged_cells_below_the_header_refuse_the_file(cells: str, accepted: bool) -> None:
    rows = (
        f'<row r="1">{text_cell("A1", "Clients")}</row><row r="3">{text_cell("A3", "Ref")}</row>'
        f'<row r="4">{text_cell("A4", "C-1")}</row>'
    )
    after = f'<mergeCells count="1"><mergeCell ref="{cells}"/></mergeCells>'
    if accepted:
        (row,) = form(header_line=3).read(xlsx(rows, after=after), ONE)
        assert isinstance(row, Row)
    else:
        error = refused(xlsx(rows, after=after), header_line=3)
        assert (error.code, (error.where or "")[:4]) == ("file_malformed", "line")


def test_merged_cells_of_opendocument_refuse_the_file() -> None:
    title = ods_row(ods_cell("Clients", more='table:number-columns-spanned="3"'))
    good = title + ods_row(ods_cell("Ref")) + ods_row(ods_cell("C-1"))
    (row,) = form("ods", header_line=2).read(ods(good), ONE)
    assert isinstance(row, Row)
    for bad in (
        ods_row(ods_cell("C-1", more='table:number-rows-spanned="2"')),
        ods_row("<table:covered-table-cell/>"),
    ):
        assert refused(ods(good + bad), "ods", header_line=2).where == "line 4"


# --- refused rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["xlsx", "ods"])
def test_refused_rows_are_a_csv_file_that_the_same_format_reads(type_: str) -> None:
    rows = [{"Ref": "C-1", "Name": "=1+1"}, {"Ref": "C-2", "Name": 'Zoë, "x"\nb'}]
    records = form(type_).read(form(type_).write(rows, TWO), TWO)
    assert records.suffix == ".csv"
    assert records.source is not None
    for item, expected in zip(records, rows, strict=True):
        again = b"".join(piece_bytes(rejected_pieces(records, [item]), records.source))
        assert again.startswith(b"\xef\xbb\xbfRef,Name\r\n")
        (row,) = form(type_, header_line=3).read(again, TWO)
        assert isinstance(row, Row)
        assert row.values == expected


# --- limits and broken files ----------------------------------------------------------------------


BILLION = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 not a spreadsheet",
        packed({"a.txt": "x"}),
        packed({**XLSX_PARTS}),
        xlsx("<row>")[:-40],
        xlsx("<row"),
        xlsx(table('<c r="A2"/><c r="A2"/>')),
        xlsx(table('<c r="2"/>')),
        xlsx(table('<c r="AAAAA2"/>')),
        xlsx('<row r="2"/><row r="1"/>'),
        xlsx('<row r="x"/>'),
        xlsx(table('<c r="A2" t="s"><v>1</v></c>')),
        xlsx(table('<c r="A2" t="s"><v>x</v></c>')),
        xlsx(table('<c r="A2" s="-1"><v>1</v></c>')),
        xlsx(table(text_cell("ALM2", "x"))),
        xlsx("<a>" * 1_000),
        xlsx("<a " + "x" * (MAX_TOKEN_BYTES * 2) + "='1'/>"),
        xlsx("".join(f"<a{n}/>" for n in range(MAX_NAMES + 1))),
        xlsx("", sharedStrings="<sst>" + "<si/>" * (MAX_SHARED_STRINGS + 1) + "</sst>"),
        xlsx("", styles=f"{BILLION}<styleSheet>&c;</styleSheet>"),
        xlsx("", workbook=f"{BILLION}<workbook>&c;</workbook>"),
    ],
    ids=range(20),
)
def test_a_broken_workbook_is_refused(content: bytes) -> None:
    assert refused(content).code == "file_malformed"


CELL = ods_cell("x")


@pytest.mark.parametrize(
    "rows",
    [
        ods_row(ods_cell("x", more='table:number-columns-repeated="16384"')),
        ods_row(ods_cell("x", more='table:number-columns-repeated="0"')),
        ods_row(ods_cell("x", more='table:number-columns-repeated="-1"')),
        ods_row(ods_cell("x", more='table:number-columns-repeated="999999999999"')),
        ods_row(CELL, repeated=MAX_CELLS + 1),
        ods_row("", repeated=99_999_999),
        f"{ods_row(CELL)}<x>",
    ],
    ids=range(7),
)
def test_a_broken_opendocument_spreadsheet_is_refused(rows: str) -> None:
    assert refused(ods(rows), "ods").code == "file_malformed"
    assert refused(xlsx(""), "ods").code == "file_malformed"
    assert refused(ods(""), "xlsx").code == "file_malformed"


def test_an_encrypted_entry_is_refused() -> None:
    content = bytearray(xlsx(table(text_cell("A2", "C-1"))))
    for found in re.finditer(b"PK\x01\x02", bytes(content)):
        content[found.start() + 8] |= 1
    assert refused(bytes(content)).code == "file_malformed"


def test_an_unusual_form_of_compression_is_refused() -> None:
    content = packed({**XLSX_PARTS, "xl/worksheets/sheet1.xml": "<a/>"}, form=zipfile.ZIP_BZIP2)
    assert refused(content).code == "file_malformed"


def test_a_sheet_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    content = xlsx(" " * (MAX_UNPACKED_BYTES + 1))
    assert len(content) < 200_000
    tracemalloc.start()
    try:
        assert refused(content).code == "file_too_large"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_sheet_with_too_much_text_is_refused() -> None:
    row = ods_row(ods_cell("x" * 1_000), repeated=MAX_SHEET_TEXT_BYTES // 1_000 + 1)
    assert refused(ods(ods_row(ods_cell("Ref")) + row), "ods").code == "file_too_large"


SCALE = 20
"""The limits are proportional to the memory: a part of each shows the whole."""
REF = ods_row(ods_cell("Ref"))
WIDE = ods_cell("x", more=f'table:number-columns-repeated="{MAX_COLUMNS}"')
STRINGS = "<sst>" + "<si><t>ab</t></si>" * (MAX_SHARED_STRINGS // SCALE) + "</sst>"
WORST = {
    "short rows": ("ods", ods(REF + ods_row(ods_cell("x"), repeated=MAX_CELLS // SCALE))),
    "wide rows": ("ods", ods(REF + ods_row(WIDE, repeated=MAX_CELLS // MAX_COLUMNS // SCALE))),
    "texts": ("xlsx", xlsx(table('<c r="A2" t="s"><v>0</v></c>'), sharedStrings=STRINGS)),
    "blanks": ("ods", ods(REF + ods_row(ods_cell('<text:s text:c="99999999"/>' * 99)))),
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_sheets_take_less_memory_than_is_stated(name: str) -> None:
    type_, content = WORST[name]
    tracemalloc.start()
    try:
        records = form(type_).read(content, ONE)
        next(iter(records), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MAX_MEMORY_BYTES // (1 if name == "blanks" else SCALE)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=30), st.integers(0, 2_000), st.sampled_from(["xlsx", "ods"]))
def test_a_damaged_file_is_read_or_refused(damage: bytes, at: int, type_: str) -> None:
    rows = [{"Ref": "C-1", "Name": "Zoë"}]
    content = ods(ods_row(ods_cell("Ref"), ods_cell("Name")) + ods_row(ods_cell("C-1")))
    if type_ == "xlsx":
        content = xlsx(table(text_cell("A2", "C-1")))
    damaged = content[:at] + damage + content[at + len(damage) :]
    try:
        items = list(form(type_).read(damaged, ONE))
    except MappingError:
        return
    assert all(isinstance(item, Row | Rejected) for item in items), rows


def test_a_text_that_no_cell_holds_is_not_written() -> None:
    with pytest.raises(MappingError) as error:
        form().write([{"Ref": "x" * (MAX_CELL + 1)}], ONE)
    assert (error.value.code, error.value.where) == ("text_too_long", "column Ref")


def test_written_texts_are_not_run_as_formulas() -> None:
    content = form().write([{"Ref": "=1+1"}], ONE)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert 'quotePrefix="1"' in styles


# --- detection ------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["xlsx", "ods"])
def test_the_header_of_a_sheet_is_detected_below_a_title(type_: str) -> None:
    columns = Columns(known=("Ref", "Name", "Born"))
    rows = [{"Ref": f"C-{n}", "Name": "Zoë", "Born": "2026-11-02"} for n in range(300)]
    content = form(type_).write(rows, columns)
    found = detect(content, f"x.{type_}")
    assert (found.settings.type, found.settings.header_line) == (type_, 1)
    assert (found.header, len(found.rows)) == (columns.known, 200)
    assert not [note for note in found.notes if "ending" in note or "names end" in note]
    titled = xlsx(
        f'<row r="2">{text_cell("A2", "Clients")}</row>'
        f'<row r="4">{text_cell("A4", "Ref")}{text_cell("B4", "Name")}</row>'
        f'<row r="5">{text_cell("A5", "C-1")}{text_cell("B5", "Zoe")}</row>'
    )
    found = detect(titled, "export.csv")
    assert (found.settings.header_line, found.header) == (4, ("Ref", "Name"))
    assert len(detect(titled, "export.zip").notes) == len(found.notes) + 1


@pytest.mark.parametrize(
    "content",
    [
        packed({"a.txt": "x"}),
        xlsx(""),
        xlsx(table()),
        ods(""),
        xlsx(table(text_cell("A2", "C-1"))),
        b"PK\x03\x04",
    ],
    ids=range(6),
)
def test_a_sample_without_a_header_is_refused_with_a_fix(content: bytes) -> None:
    with pytest.raises(MappingError) as error:
        detect(content, "export.xlsx")
    assert error.value.code in ("file_malformed", "missing_column")
    assert error.value.fix is not None
