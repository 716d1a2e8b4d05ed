"""Behaviour that every file format shares."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import MappingError, Records, Rejected, Row
from adapters.formats import Columns, FormatSettings, RecordFormat, detect, format_of
from adapters.limits import MAX_RECORD_BYTES
from adapters.sources.rejects import piece_bytes, rejected_pieces, rest_pieces

TABLE = Columns(
    known=("Ref", "Name", "Notes", "Born"),
    needed=("Ref", "Name"),
    multiline=frozenset({"Notes"}),
)


TREE = Columns(
    known=("Ref", "Person.Name", "Person.Notes", "Born", "Flags", "Linked"),
    lists=frozenset({"Flags", "Linked"}),
)
TREE_ROWS: Sequence[Mapping[str, object]] = (
    {
        "Ref": "A-1",
        "Person.Name": "Zoë Testcase",
        "Person.Notes": "one\ntwo",
        "Flags": ["R", "D"],
        "Linked": [{"Name": "Imran", "Age": "35"}, {"Name": "Håkon"}],
    },
    {"Ref": "A-2", "Person.Name": "6'2\" =tall", "Flags": ["R"]},
    {"Ref": "A-3", "Person.Notes": "a,b;c\td|e <&>]]>", "Born": "02/03/1985"},
)


@dataclass(frozen=True)
class Case:
    """One format with settings, and the columns of its records.

    Attributes:
        spoilt: what stands for the reference ``A-2`` and what replaces it, so that the record is
            refused.
    """

    settings: FormatSettings
    spoilt: tuple[bytes, bytes]
    columns: Columns = TABLE
    rows: Sequence[Mapping[str, object]] = field(
        default=(
            {"Ref": "A-1", "Name": "Zoë Testcase", "Notes": "one\ntwo", "Born": "02/03/1985"},
            {"Ref": "A-2", "Name": "6'2\" =tall", "Notes": "", "Born": ""},
            {"Ref": "=A-3", "Name": "a,b;c\td|e", "Notes": "-1", "Born": "'x"},
        )
    )

    @property
    def format(self) -> RecordFormat:
        return format_of(self.settings)


def csv(**settings: object) -> Case:
    return Case(FormatSettings.model_validate({"type": "csv", **settings}), (b"A-2", b'A-2"x'))


def json(**settings: object) -> Case:
    made = FormatSettings.model_validate(settings)
    return Case(made, (b'"A-2"', b"tru"), TREE, TREE_ROWS)


XML_TREE = Columns(
    known=("@id", "Ref", "Person/Name", "Person/@age", "Person/Notes", "Flags/Flag", "Linked"),
    lists=frozenset({"Flags/Flag", "Linked"}),
)
XML_ROWS: Sequence[Mapping[str, object]] = (
    {
        "@id": "7 <&\n\t'\"",
        "Ref": "A-1",
        "Person/Name": "Zoë Testcase",
        "Person/Notes": "one\r\ntwo",
        "Flags/Flag": ["R", "D"],
        "Linked": [{"Name": "Imran", "@age": "35"}, "Håkon", {".": "x", "@b": "y"}, {"A/B": "c"}],
    },
    {"@id": "8", "Ref": "A-2", "Person/Name": "6'2\" =tall", "Linked": ["R"]},
    {"@id": "9", "Ref": "A-3", "Person/@age": "3", "Person/Notes": "a,b;c\td|e <&>]]>"},
)


def xml(records: str, **settings: object) -> Case:
    made = FormatSettings.model_validate({"type": "xml", "records": records, **settings})
    return Case(made, (b"A-2", b"A-2<Deleted/>"), XML_TREE, XML_ROWS)


def sheet(**settings: object) -> Case:
    return Case(FormatSettings.model_validate(settings), (b"", b""))


CASES = {
    "csv": csv(),
    "csv semicolon": csv(delimiter=";", bom=True),
    "csv tab": csv(delimiter="\t", line_end="lf"),
    "csv bar": csv(delimiter="|", header_line=3),
    "json lines": json(type="jsonl"),
    "json lines with mark": json(type="jsonl", bom=True),
    "json": json(type="json"),
    "json below": json(type="json", records="data.cases", bom=True),
    "xml": xml("/Export/Case"),
    "xml deep": xml("/Export/Body/Cases/Case"),
    "xml with namespace": xml("/{http://example.org/a/b}Export/Case"),
}
SHEETS = {
    "xlsx": sheet(type="xlsx"),
    "xlsx with sheet and title": sheet(type="xlsx", sheet="Cases <&>", header_line=4),
    "ods": sheet(type="ods"),
    "ods with sheet and title": sheet(type="ods", sheet="Cases <&>", header_line=4),
}
TABLES = [name for name, one in CASES.items() if one.columns is TABLE]


ALL = {**CASES, **SHEETS}


@pytest.fixture(params=list(ALL.values()), ids=list(ALL))
def case(request: pytest.FixtureRequest) -> Case:
    """Each format."""
    found = request.param
    assert isinstance(found, Case)
    return found


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def text(request: pytest.FixtureRequest) -> Case:
    """Each format of text, whose bytes can be cut."""
    found = request.param
    assert isinstance(found, Case)
    return found


def values(records: Records) -> list[dict[str, object]]:
    found = []
    for item in records:
        assert isinstance(item, Row), item
        found.append({name: value for name, value in item.values.items() if value not in ("", [])})
    return found


def without_empty(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if value not in ("", [])} for row in rows]


def test_reading_is_the_inverse_of_writing(case: Case) -> None:
    content = case.format.write(case.rows, case.columns)
    assert values(case.format.read(content, case.columns)) == without_empty(case.rows)


def test_a_stream_is_read_as_bytes_are(case: Case) -> None:
    content = case.format.write(case.rows, case.columns)
    stream = io.BytesIO(content)
    assert values(case.format.read(stream, case.columns)) == without_empty(case.rows)


def test_records_can_be_read_again_from_the_first(case: Case) -> None:
    records = case.format.read(case.format.write(case.rows, case.columns), case.columns)
    assert values(records) == values(records)


@pytest.mark.parametrize("content", [b"", b" \r\n ", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(case: Case, content: bytes) -> None:
    with pytest.raises(MappingError) as error:
        case.format.read(content, case.columns)
    assert error.value.code in ("file_empty", "file_malformed")


def test_the_sample_of_a_written_file_is_detected(case: Case) -> None:
    content = case.format.write(case.rows, case.columns)
    found = detect(content, "sample" + case.format.suffixes[0])
    assert set(found.header) == set(case.columns.known)
    assert values(format_of(found.settings).read(content, case.columns)) == without_empty(case.rows)
    assert without_empty([row.values for row in found.rows]) == without_empty(case.rows)


# --- hostile texts --------------------------------------------------------------------------------

HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\"'=+-@,;\t|\\<>&]{}[]_x005F\u200b\ufeff\u2028\x85é\U0001f600"),
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    max_size=12,
).map(str.strip)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ALL)
def test_hostile_texts_come_back_as_they_were(name: str, data: st.DataObject) -> None:
    case = ALL[name]
    text = HOSTILE.filter(lambda text: text not in TABLE.known)
    some = st.lists(text.filter(bool), max_size=3)
    parts = st.lists(st.dictionaries(st.sampled_from("ABC"), text.filter(bool), min_size=1))
    kinds: dict[str, st.SearchStrategy[object]] = {
        "Flags": some,
        "Flags/Flag": some,
        "Linked": parts,
    }
    row = st.fixed_dictionaries({c: kinds.get(c, text) for c in case.columns.known})
    rows = data.draw(st.lists(row.filter(lambda row: any(row.values())), min_size=1, max_size=3))
    content = case.format.write(rows, case.columns)
    assert values(case.format.read(content, case.columns)) == without_empty(rows)


# --- refused records ------------------------------------------------------------------------------


def kept(records: Records, items: Sequence[Row | Rejected], content: bytes) -> bytes:
    stream = records.source or io.BytesIO(content)
    return b"".join(piece_bytes(rejected_pieces(records, items), stream))


def test_a_broken_record_is_refused_alone_and_makes_a_file_of_the_same_format(text: Case) -> None:
    good = text.format.write(text.rows, text.columns)
    content = good.replace(*text.spoilt)
    assert content != good
    records = text.format.read(content, text.columns)
    items = list(records)
    refused = [item for item in items if isinstance(item, Rejected)]
    assert [type(item) for item in items] == [Row, Rejected, Row]
    assert refused[0].error.code in ("row_malformed", "unknown_column")
    assert (refused[0].error.where or "").startswith("line ")
    assert "tall" not in str(refused[0].error)
    again = kept(records, refused, content)
    (still,) = text.format.read(again, text.columns)
    assert isinstance(still, Rejected)
    assert still.error.code == refused[0].error.code
    corrected = again.replace(text.spoilt[1], text.spoilt[0])
    assert values(text.format.read(corrected, text.columns)) == without_empty(text.rows[1:2])


def test_any_records_make_a_file_of_the_same_format(case: Case) -> None:
    content = case.format.write(case.rows, case.columns)
    records = case.format.read(content, case.columns)
    first, second, third = records
    for chosen in ([0], [0, 2], [0, 1, 2], [2]):
        again = kept(records, [(first, second, third)[n] for n in chosen], content)
        found = values(case.format.read(again, case.columns))
        assert found == without_empty([case.rows[n] for n in chosen])


def test_the_rest_of_a_file_is_a_file_of_the_same_format(case: Case) -> None:
    content = case.format.write(case.rows, case.columns)
    records = case.format.read(content, case.columns)
    _, second, _ = records
    size = len(content) if records.source is None else records.source.seek(0, io.SEEK_END)
    rest = b"".join(
        piece_bytes(rest_pieces(records, second, size), records.source or io.BytesIO(content))
    )
    assert values(case.format.read(rest, case.columns)) == without_empty(case.rows[1:])


def test_a_record_that_is_too_long_is_refused_alone(text: Case) -> None:
    content = text.format.write(text.rows, text.columns)
    content = content.replace(b"A-2", b"x" * MAX_RECORD_BYTES)
    assert [type(item) for item in text.format.read(content, text.columns)] == [Row, Rejected, Row]


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "code", "where"),
    [
        ("Ref,Name,Deleted", "unknown_column", "line 1"),
        ("Ref,Notes", "missing_column", "line 1"),
        ("Ref,Name,Ref", "file_malformed", "line 1"),
        ("1,2,3", "missing_column", "line 1"),
    ],
)
def test_another_header_is_refused(header: str, code: str, where: str) -> None:
    with pytest.raises(MappingError) as error:
        csv().format.read(f"{header}\r\n1,2,3\r\n".encode(), TABLE)
    assert (error.value.code, error.value.where) == (code, where)
    assert "Deleted" not in str(error.value)


def test_lines_above_the_header_are_skipped_and_kept_with_refused_records() -> None:
    form = csv(header_line=3).format
    content = b"Clients of Haven\r\n\r\nRef,Name\r\nA-1,Zoe\r\nA-2\r\n"
    records = form.read(content, TABLE)
    good, bad = records
    assert isinstance(good, Row)
    assert good.line == 4
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.error.code) == (5, "row_malformed")
    assert records.head == b"Clients of Haven\r\n\r\nRef,Name\r\n"
    assert records.divider == b"Ref,Name\r\n"


@pytest.mark.parametrize("content", [b"Ref,Name\r\n", b"Ref,Name\r\n" + b" " * 20_000 + b"\n" * 9])
def test_a_header_below_the_end_of_the_file_is_refused(content: bytes) -> None:
    with pytest.raises(MappingError) as error:
        csv(header_line=5).format.read(content, TABLE)
    assert error.value.code == "file_malformed"


def test_a_pinned_encoding_is_used_and_no_other() -> None:
    form = csv(encoding="windows-1252").format
    content = "Ref,Name\r\nA-1,Zoë\r\n"
    assert values(form.read(content.encode("cp1252"), TABLE)) == [{"Ref": "A-1", "Name": "Zoë"}]
    with pytest.raises(MappingError) as error:
        form.read(content.encode(), TABLE)
    assert error.value.code == "file_encoding"
    assert values(form.read(content.encode(), TABLE, "utf-8")) == [{"Ref": "A-1", "Name": "Zoë"}]


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[0m", "\x7f", "\ud800", ["a"], {"a": "b"}])
def test_a_value_that_a_table_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(MappingError) as error:
        csv().format.write([{"Ref": "A-1", "Name": value}], TABLE)
    assert (error.value.code, error.value.where) == ("invalid_value", "column Name")


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "csv", "delimiter": ",,"},
        {"type": "csv", "delimiter": '"'},
        {"type": "csv", "delimiter": "a"},
        {"type": "csv", "delimiter": "\n"},
        {"type": "csv", "sheet": "Cases"},
        {"type": "json", "delimiter": ";"},
        {"type": "xlsx", "encoding": "utf-8"},
        {"type": "csv", "header_line": 0},
        {"type": "pdf"},
        {"type": "csv", "unknown": 1},
    ],
)
def test_settings_without_a_meaning_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        FormatSettings.model_validate(settings)
