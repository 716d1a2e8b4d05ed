"""Delimited files: what is broken is said, and nothing half-read passes for whole."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.base import MappingError, Rejected, Row
from adapters.mapping import Dialect, decode_text, read_delimited, write_delimited
from adapters.mapping.encoding import MAX_FILE_BYTES
from adapters.mapping.lists import escape, split_escaped

COLUMNS = ("A", "B", "C")
PLAIN = Dialect()


def read(
    content: bytes, dialect: Dialect = PLAIN, needed: tuple[str, ...] = COLUMNS
) -> list[object]:
    return list(read_delimited(content, dialect, known=(*COLUMNS, "D"), needed=needed))


def refused(content: bytes) -> MappingError:
    with pytest.raises(MappingError) as error:
        read(content)
    return error.value


def test_rows_have_lines_values_and_a_raw_that_can_be_dropped_again() -> None:
    rows = read(b'A,B,C\r\n1,"x",3\r\n\r\n,,\r\n4,"two\nlines",6\r\n5,,\r\n')
    assert [row.line for row in rows if isinstance(row, Row)] == [2, 5, 7]
    assert [dict(row.values) for row in rows if isinstance(row, Row)][1]["B"] == "two\nlines"
    assert isinstance(rows[1], Row)
    assert rows[1].raw == 'A,B,C\r\n4,"two\nlines",6\r\n'


def test_columns_may_stand_in_another_order_and_optional_ones_be_there() -> None:
    (row,) = read(b"C,D,A,B\n3,d,1,2\n")
    assert isinstance(row, Row)
    assert row.values == {"A": "1", "B": "2", "C": "3", "D": "d"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\xef\xbb\xbf\r\n", "file_empty"),
        (b"\xff\xfeA\x00", "file_encoding"),
        (b"A,B,C\n1,2,\x00\n", "file_encoding"),
        (b"A,B,C\n1,2,\x81\n", "file_encoding"),
        (b"A,B,C\n1,\xc3\xa9,\xe9\n", "file_encoding"),
        (b'A,B,"C\n', "file_malformed"),
        (b"A,B,C,A\n1,2,3,4\n", "file_malformed"),
        (b"A,B,C,E\n1,2,3,4\n", "unknown_column"),
        (b"A,B\n1,2\n", "missing_column"),
        (b"Secret,Person,here\n", "missing_column"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(content: bytes, code: str) -> None:
    error = refused(content)
    assert error.code == code
    assert "Secret" not in error.diagnostics()


def test_a_huge_file_is_refused_before_it_is_decoded() -> None:
    assert refused(b"A" * (MAX_FILE_BYTES + 1)).code == "file_too_large"


@pytest.mark.parametrize(
    "record", [b"1,2\n", b"1,2,3,4\n", b'1,"2"x,3\n', b'1,"never closed,3\n4,5,6\n', b"1,2,3"]
)
def test_a_broken_record_is_rejected_with_its_line(record: bytes) -> None:
    first, last = read(b"A,B,C\n7,8,9\n" + record)
    assert isinstance(first, Row)
    assert isinstance(last, Rejected)
    assert last.error.code == "row_malformed"
    assert (last.line, last.error.where) == (3, "line 3")
    assert "never closed" not in last.error.diagnostics()


def test_a_system_that_ends_its_file_without_a_line_end_can_say_so() -> None:
    (row,) = read(b"A,B,C\n1,2,3", Dialect(ends_with_line_end=False))
    assert isinstance(row, Row)


def test_a_file_in_another_encoding_is_only_read_where_the_dialect_names_one() -> None:
    assert decode_text("é".encode("cp1252")) == "é"
    with pytest.raises(MappingError) as error:
        decode_text(b"ok\nis\xe9\n", legacy=None)
    assert error.value.code == "file_encoding"
    assert error.value.where == "line 2"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"))


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1), st.sampled_from([",", ";", "|"]))
@example([("' =1", "\n=1", "''-1")], ",")
def test_what_is_written_is_read(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    dialect = Dialect(delimiter=delimiter, bom=True)
    written = write_delimited(
        [dict(zip(COLUMNS, row, strict=True)) for row in rows], dialect, header=COLUMNS
    )
    stripped = [[text.strip() for text in row] for row in rows]
    back = [list(row.values.values()) for row in read(written, dialect) if isinstance(row, Row)]
    assert [row for row in stripped if any(row)] == back


@given(TEXT)
@example("\n =1+1")
@example("'=1+1")
def test_no_cell_starts_with_what_a_spreadsheet_would_run(text: str) -> None:
    written = write_delimited([{"A": text}], PLAIN, header=("A",)).decode()
    cell = written.split("\r\n", 1)[1].lstrip('"').lstrip()
    assert not cell.startswith(("=", "+", "-", "@"))


@given(st.lists(TEXT, min_size=1))
def test_items_of_a_list_survive_any_separator_inside_them(items: list[str]) -> None:
    for separator in (";", "|", "/"):
        joined = separator.join(escape(item, separator) for item in items)
        assert split_escaped(joined, separator) == items
