"""Detection of the format of a sample."""

from __future__ import annotations

import pytest

from adapters.base import MappingError
from adapters.formats import detect

ROWS = [
    ["Client no", "Name", "Born", "Notes"],
    ["C-1", "Zoë Testcase", "02/03/1985", "one, two"],
    ["C-2", "Dafydd Notreal", "03/04/1990", "a; b"],
    ["C-3", "Imran Exemplar", "", ""],
]


def delimited(delimiter: str, *, end: str = "\r\n", quoted: bool = False) -> str:
    lines = [
        delimiter.join(f'"{text}"' if quoted or delimiter in text else text for text in row)
        for row in ROWS
    ]
    return end.join(lines) + end


@pytest.mark.parametrize(
    ("delimiter", "words"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_the_dialect_is_detected_and_told(
    delimiter: str, words: str, quoted: bool, end: str
) -> None:
    found = detect(delimited(delimiter, quoted=quoted, end=end).encode(), "export.csv")
    assert found.settings.delimiter == delimiter
    assert found.settings.line_end == {"\r\n": "crlf", "\n": "lf"}[end]
    assert (found.settings.encoding, found.settings.bom) == ("utf-8", False)
    assert words in found.notes[0]
    assert found.header == tuple(ROWS[0])
    assert [list(row.values.values()) for row in found.rows] == ROWS[1:]


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_titles_above_the_header_are_skipped(delimiter: str) -> None:
    title = "Export of clients, all wards\r\nPrinted 30/11/2026; page 1\r\n\r\n"
    found = detect((title + delimited(delimiter)).encode(), "export.csv")
    assert (found.settings.delimiter, found.settings.header_line) == (delimiter, 4)
    assert found.header == tuple(ROWS[0])
    assert len(found.rows) == 3


def test_blank_lines_above_the_header_need_no_setting() -> None:
    found = detect(("\r\n\r\n" + delimited(",")).encode(), "export.csv")
    assert found.settings.header_line == 1
    assert len(found.rows) == 3


def test_a_file_that_is_not_utf_8_pins_its_encoding() -> None:
    found = detect(delimited(",").encode("cp1252"), "export.csv")
    assert found.settings.encoding == "windows-1252"
    assert found.rows[0].values["Name"] == "Zoë Testcase"


def test_ascii_does_not_pin_an_encoding() -> None:
    found = detect(delimited(",").replace("ë", "e").encode(), "export.csv")
    assert found.settings.encoding is None


def test_a_byte_order_mark_and_a_missing_line_end_are_kept() -> None:
    found = detect(delimited(";").rstrip().encode("utf-8-sig"), "export.csv")
    assert found.settings.bom
    assert not found.settings.ends_with_line_end
    assert len(found.rows) == 3


def test_records_that_cannot_be_read_are_told_and_the_others_taken() -> None:
    found = detect((delimited(",") + 'C-4,6\'2" "tall,,\r\n').encode(), "export.csv")
    assert len(found.rows) == 3
    assert "line 5" in found.notes[-1]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_refused_with_advice(encoding: str) -> None:
    with pytest.raises(MappingError) as error:
        detect(delimited(",").encode(encoding), "export.csv")
    assert error.value.code == "file_encoding"
    assert error.value.fix is not None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "file_empty"),
        ("Name\r\nZoe\r\n", "file_malformed"),
        ("a b c\r\nd e f\r\n", "file_malformed"),
        ("1,2,3\r\n4,5,6\r\n", "missing_column"),
        ("C-1,02/03/1985,x\r\nC-2,03/03/1985,y\r\n", "missing_column"),
        ("Name,Name,Born\r\na,b,c\r\n", "missing_column"),
        ("Name,,Born\r\na,b,c\r\n", "missing_column"),
        ("Name,Born\ra,b\r", "file_malformed"),
        ("\xd0\xcf\x11\xe0 old", "file_malformed"),
    ],
)
def test_a_sample_that_does_not_tell_its_format_is_refused_with_a_fix(
    content: str, code: str
) -> None:
    with pytest.raises(MappingError) as error:
        detect(content.encode("latin-1"), "export.csv")
    assert error.value.code == code
    assert error.value.fix is not None
