"""Delimited files: what is broken is said, and nothing half-read passes for whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.base import MappingError, Rejected, Row
from adapters.formats.delimited import escape, split_escaped
from adapters.formats.encoding import Encoding, as_stream, check_encoding
from adapters.limits import MAX_FILE_BYTES, MAX_RECORD_BYTES
from adapters.mapping import Dialect, read_delimited, write_delimited
from adapters.sources.rejects import piece_bytes, rejected_pieces, rest_pieces

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


def test_rows_have_lines_values_and_a_place_in_the_file() -> None:
    content = b'A,B,C\r\n1,"x",3\r\n\r\n,,\r\n4,"two\nlines",6\r\n5,,\r\n'
    rows = read(content)
    assert [row.line for row in rows if isinstance(row, Row)] == [2, 5, 7]
    assert [dict(row.values) for row in rows if isinstance(row, Row)][1]["B"] == "two\nlines"
    assert isinstance(rows[1], Row)
    assert content[rows[1].start : rows[1].end] == b'4,"two\nlines",6\r\n'


@given(
    st.lists(st.sampled_from(["\n", " \n", "\r\n", "\t \r\n", "1,2,3\n", "  1,2,3\r\n"])),
    st.sampled_from([0, 1, 99, 100, 101, 70_000]),
)
def test_blank_lines_are_passed_over_and_counted(lines: list[str], many: int) -> None:
    """Also where so many follow each other that they are passed over in pieces."""
    lines = [*lines, *["\n"] * many, *lines, "4,5,6\n"]
    whole = "".join(["A,B,C\n", *lines])
    rows = [row for row in read(whole.encode()) if isinstance(row, Row)]
    assert [row.line for row in rows] == [at for at, line in enumerate(lines, 2) if "," in line]
    assert all(whole[row.start : row.end].strip() in ("1,2,3", "4,5,6") for row in rows)


@pytest.mark.parametrize("header", [b"C,B,A\n", b"\xef\xbb\xbfC,A,B\r\n", b"A,B,D\n", b'"B","C"\n'])
def test_rows_under_the_header_of_another_export_are_not_read_as_of_this_one(header: bytes) -> None:
    """Two exports put one behind the other: the values would come into the wrong columns."""
    content = b"A,B,C\n1,2,3\n" + header + b"4,5,6\n,,\n7,8,9\nA,B,C\n1,2,3\n"
    records = read_delimited(content, PLAIN, known=(*COLUMNS, "D"), needed=COLUMNS)
    found = list(records)
    assert [type(item) for item in found] == [Row, Rejected, Rejected, Rejected, Row]
    refused = [item for item in found if isinstance(item, Rejected)]
    again = b"".join(piece_bytes(rejected_pieces(records, refused), io.BytesIO(content)))
    assert all(isinstance(item, Rejected) for item in read(again))
    rest = b"".join(piece_bytes(rest_pieces(records, found[3], len(content)), io.BytesIO(content)))
    assert [type(item) for item in read(rest)] == [Rejected, Rejected, Rejected, Row]


@pytest.mark.parametrize("header", [b'"A","B","C"\n', b"\xef\xbb\xbfA,B,C\r\n", b" A , B,C\n"])
def test_this_header_written_otherwise_is_passed_over(header: bytes) -> None:
    content = b"A,B,C\n1,2,3\n" + header + b"4,5,6\n"
    assert [type(item) for item in read(content)] == [Row, Row]


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


@pytest.mark.parametrize("record", [b"1,2\n", b"1,2,3,4\n", b'1,"2"x,3\n', b'1,2"x,3\n', b"1,2,3"])
def test_a_broken_record_is_rejected_with_its_line(record: bytes) -> None:
    first, last = read(b"A,B,C\n7,8,9\n" + record)
    assert isinstance(first, Row)
    assert isinstance(last, Rejected)
    assert last.error.code == "row_malformed"
    assert (last.line, last.error.where) == (3, "line 3")


@pytest.mark.parametrize(
    ("size", "limit"), [(MAX_RECORD_BYTES, "512 KiB"), (MAX_RECORD_BYTES // 2, "128 KiB")]
)
def test_a_row_that_is_too_long_is_refused_by_its_limit_and_the_next_row_is_read(
    size: int, limit: str
) -> None:
    for quote in (b"", b'"'):
        first, second = read(b"A,B,C\n1,2," + quote + b"x" * size + quote + b"\n4,5,6\n")
        assert isinstance(first, Rejected)
        assert limit in first.error.detail
        assert isinstance(second, Row)


def outcomes(content: bytes) -> list[tuple[str, int, bytes]]:
    """Result for each record: its kind, its line and its bytes."""
    return [
        (type(item).__name__, item.line, content[item.start : item.end])
        for item in read_delimited(content, PLAIN, known=COLUMNS, needed=COLUMNS)
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b"6'2\" tall,2,3\n",
        b"1,6'2\" tall,3\n",
        b'1,"6\'2" tall",3\n',
        b'1,"never closed,3\n',
        b'1,2,"\n',
    ],
)
def test_a_broken_quote_holds_back_its_own_line_and_no_other(broken: bytes) -> None:
    content = b'A,B,C\n7,"eight",9\n' + broken + b'4,5,6\n4,"two\nlines",6\n1,2,3\n'
    assert outcomes(content) == [
        ("Row", 2, b'7,"eight",9\n'),
        ("Rejected", 3, broken),
        ("Row", 4, b"4,5,6\n"),
        ("Row", 5, b'4,"two\nlines",6\n'),
        ("Row", 7, b"1,2,3\n"),
    ]


def test_a_line_break_in_a_column_that_has_none_is_a_sign_of_a_broken_quote() -> None:
    content = b'A,B,C\n1,"six inches,3\n4,five",6\n1,2,3\n'
    found = read_delimited(content, PLAIN, known=COLUMNS, needed=COLUMNS, multiline=("C",))
    assert [(type(item), item.line) for item in found] == [(Rejected, 2), (Row, 4)]


HIDDEN = b"4,5,6\n"
"""A line of a value that looks like a row."""
OVER_LIMIT = b"x" * MAX_RECORD_BYTES


@pytest.mark.parametrize(
    "record",
    [
        b'1,2,"said:\n' + HIDDEN + b'end",stray\n',
        b'1,"said:\n' + HIDDEN + b'end"\n',
        b'1,"said:\n' + HIDDEN + b'end",3\n',
        b'1,2,"said:\nA,B,C\n' + HIDDEN + b'end"\n',
        b'1,2,"said:\n' + OVER_LIMIT + b"\n" + HIDDEN + b'end"\n',
        b'1,2,"' + OVER_LIMIT + b"\n" + HIDDEN + b'end"\n',
    ],
    ids=["too_many", "too_few", "one_line", "header", "long", "long_line"],
)
def test_a_line_of_a_quoted_value_never_becomes_a_record(record: bytes) -> None:
    content = b"A,B,C\n" + record + b"7,8,9\n"
    records = read_delimited(content, PLAIN, known=COLUMNS, needed=COLUMNS, multiline=("C",))
    *refused, last = records
    assert all(isinstance(item, Rejected) for item in refused)
    assert isinstance(last, Row)
    assert last.values == {"A": "7", "B": "8", "C": "9"}
    kept = b"".join(piece_bytes(rejected_pieces(records, refused), io.BytesIO(content)))
    again = read_delimited(kept, PLAIN, known=COLUMNS, needed=COLUMNS, multiline=("C",))
    assert all(isinstance(item, Rejected) for item in again)


PIECES = st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"x", b"1,2,3\n", b'1,"2\n3",4\n'])


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_each_byte_is_in_one_record_and_what_was_refused_is_refused_again(body: bytes) -> None:
    content = b"A,B,C\n" + body
    records = read_delimited(content, PLAIN, known=COLUMNS, needed=COLUMNS)
    items = list(records)
    end = len(records.head)
    for item in items:
        assert not content[end : item.start].replace(b",", b"").replace(b'"', b"").strip()
        end = item.end
    assert not content[end:].replace(b",", b"").replace(b'"', b"").strip()
    rejected = [item for item in items if isinstance(item, Rejected)]
    if rejected:
        pieces = rejected_pieces(records, rejected)
        kept = b"".join(piece_bytes(pieces, as_stream(content)))
        again = list(read_delimited(kept, PLAIN, known=COLUMNS, needed=COLUMNS))
        assert [type(item) for item in again] == [Rejected] * len(rejected)


def test_a_system_that_ends_its_file_without_a_line_end_can_say_so() -> None:
    (row,) = read(b"A,B,C\n1,2,3", Dialect(ends_with_line_end=False))
    assert isinstance(row, Row)


def encoding_of(content: bytes, legacy: str | None = "cp1252") -> Encoding:
    return check_encoding(as_stream(content), legacy=legacy)


def test_a_file_in_another_encoding_is_only_read_where_the_dialect_names_one() -> None:
    assert encoding_of("é".encode("cp1252")) == Encoding("cp1252")
    with pytest.raises(MappingError) as error:
        encoding_of(b"ok\nis\xe9\n", legacy=None)
    assert error.value.code == "file_encoding"
    assert error.value.where == "line 2"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"))


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1), st.sampled_from([",", ";", "|"]))
@example([("' =1", "\n=1", "''-1")], ",")
def test_written_values_are_read_again(rows: list[tuple[str, str, str]], delimiter: str) -> None:
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
