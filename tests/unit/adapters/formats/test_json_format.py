"""JSON documents and JSON lines."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import MappingError, Rejected, Row
from adapters.formats import Columns, FormatSettings, RecordFormat, detect, format_of, json_scanner
from adapters.formats.json_scanner import JsonScanner
from adapters.limits import MAX_DEPTH, MAX_PARTS

COLUMNS = Columns(
    known=("ref", "tenant.name", "tenant.phone", r"a\.b", "flags", "people"),
    lists=frozenset({"flags", "people"}),
)
GOOD = '{"ref": "A-1", "tenant": {"name": "Zoë"}}'


def form(**members: Any) -> RecordFormat:
    return format_of(FormatSettings.model_validate({"type": "json", **members}))


def read_one(record: str, type_: str = "json") -> Row | Rejected:
    (item,) = form(type=type_).read(record.encode(), COLUMNS)
    return item


@pytest.mark.parametrize("type_", ["json", "jsonl"])
@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (GOOD, {"ref": "A-1", "tenant.name": "Zoë"}),
        ('{"ref": 7, "tenant": null}', {"ref": 7}),
        ('{"ref": true, "tenant": {}}', {"ref": True}),
        ('{"a.b": "x", "ref": null}', {r"a\.b": "x", "ref": None}),
        ('{"flags": ["R", 7], "ref": ["x"]}', {"flags": ["R", 7], "ref": ["x"]}),
        ('{"flags": "R"}', {"flags": "R"}),
        ('{"ref": {"x": 1}}', {"ref": {"x": 1}}),
        (
            '{"people": [{"name": {"first": "Zoë"}, "age": 3}, "x"]}',
            {"people": [{"name.first": "Zoë", "age": 3}, "x"]},
        ),
    ],
)
def test_members_are_columns_by_their_paths(
    type_: str, record: str, expected: dict[str, object]
) -> None:
    item = read_one(record, type_)
    assert isinstance(item, Row), item
    assert item.values == expected


@pytest.mark.parametrize("type_", ["json", "jsonl"])
@pytest.mark.parametrize(
    ("record", "code", "where"),
    [
        ('{"ref": "A", "deleted": true}', "unknown_column", "line 1"),
        ('{"tenant": {"name": "A", "dead": true}}', "unknown_column", "line 1, column tenant"),
        ('{"tenant.name": "A"}', "unknown_column", "line 1"),
        ('{"tenant": "A"}', "row_malformed", "line 1, column tenant"),
        ('{"tenant": [{"name": "A"}]}', "row_malformed", "line 1, column tenant"),
        ('{"ref": "A", "ref": "B"}', "row_malformed", "line 1"),
        ('{"tenant": {"name": "A", "name": "B"}}', "row_malformed", "line 1"),
        ('{"ref": NaN}', "row_malformed", "line 1"),
        ('{"ref": "\\udc00"}', "row_malformed", "line 1"),
        ('{"ref": 1,}', "row_malformed", "line 1"),
        ('{"ref": "A", "tenant": {}, }', "row_malformed", "line 1"),
        ("{}", "missing_value", "line 1"),
        ('{"ref": "", "tenant": {"name": null}, "flags": []}', "missing_value", "line 1"),
        ('{"ref": ' + "[" * 900 + "]" * 900 + "}", "row_malformed", "line 1"),
        ('{"flags": [' + "1," * MAX_PARTS + "1]}", "row_malformed", "line 1"),
        ('{"ref": ' + "9" * 5_000 + "}", "row_malformed", "line 1"),
    ],
)
def test_a_record_with_two_readings_or_unknown_members_is_refused(
    type_: str, record: str, code: str, where: str
) -> None:
    item = read_one(record, type_)
    assert isinstance(item, Rejected)
    assert (item.error.code, item.error.where) == (code, where)


def test_nested_values_have_a_limit() -> None:
    deepest = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert isinstance(read_one('{"ref": ' + deepest + "}"), Row)
    assert isinstance(read_one('{"ref": [' + deepest + "]}"), Rejected)


@pytest.mark.parametrize("value", ['"text"', "7", "null", "[]", '["A"]'])
def test_another_value_than_an_object_is_refused_alone(value: str) -> None:
    good, bad = form().read(f"[{GOOD},\n {value}]".encode(), COLUMNS)
    assert isinstance(good, Row)
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.error.code) == (2, "row_malformed")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"[{GOOD}", "file_malformed"),
        (f"[{GOOD}, ", "file_malformed"),
        (f"[{GOOD},]", "file_malformed"),
        (f"[{GOOD} {GOOD}]", "file_malformed"),
        (f"[{GOOD}}}", "file_malformed"),
        (f"{GOOD}\n{GOOD}\n", "file_malformed"),
        ('[{"ref": "A', "file_malformed"),
        ('"text"', "file_malformed"),
        ("7", "file_malformed"),
        ("", "file_empty"),
    ],
)
def test_a_document_whose_nesting_is_broken_is_refused_as_a_whole(content: str, code: str) -> None:
    with pytest.raises(MappingError) as error:
        form().read(content.encode(), COLUMNS)
    assert error.value.code == code


def test_an_empty_list_has_no_records() -> None:
    assert list(form().read(b"[ ]", COLUMNS)) == []


BESIDE = '{"page": 1, "data": {"total": {"n": [1]}, "cases": [%s]}, "next": null}'


def test_ignored_members_may_stand_beside_the_records() -> None:
    reader = form(records="data.cases", ignored=["page", "data.total", "next"])
    (row,) = reader.read((BESIDE % GOOD).encode(), COLUMNS)
    assert isinstance(row, Row)


@pytest.mark.parametrize("missing", ["page", "data.total", "next"])
def test_another_member_beside_the_records_refuses_the_file(missing: str) -> None:
    ignored = [name for name in ("page", "data.total", "next") if name != missing]
    with pytest.raises(MappingError) as error:
        form(records="data.cases", ignored=ignored).read((BESIDE % GOOD).encode(), COLUMNS)
    assert (error.value.code, error.value.where) == ("unknown_column", "line 1")


@pytest.mark.parametrize(
    "content",
    [
        '{"data": {}}',
        '{"data": {"cases": "none"}}',
        '{"data": []}',
        '{"data": {"cases": []}, "data": {"cases": []}}',
        '{"data" {"cases": []}}',
        "{data: 1}",
        '{"data": {"cases": []}',
    ],
)
def test_a_document_without_the_path_is_refused(content: str) -> None:
    with pytest.raises(MappingError) as error:
        form(records="data.cases").read(content.encode(), COLUMNS)
    assert error.value.code == "file_malformed"


def test_lines_are_counted_in_a_document_over_several_lines() -> None:
    text = json.dumps([{"ref": "A-1"}, {"ref": "A-2", "x": 1}], indent=1)
    first, second = form().read(text.encode(), COLUMNS)
    assert (first.line, second.line) == (2, 5)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(0, 1)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=3), inner)),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(JSON), st.sampled_from([None, 1]), st.integers(1, 9), st.booleans())
def test_the_scanner_finds_each_value_of_any_list(
    values: list[object], indent: int | None, piece: int, ascii_only: bool
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scanner, "PIECE_BYTES", piece)
        cuts = list(JsonScanner(io.BytesIO(content), at=0, path=(), ignored=()).records())
    assert [json.loads(cut.content) for cut in cuts] == json.loads(content)
    assert all(content[cut.start : cut.end] == cut.content for cut in cuts)
    assert [cut.line for cut in cuts] == [content[: c.start].count(b"\n") + 1 for c in cuts]


@given(st.binary(max_size=40).map(lambda tail: b"[" + tail))
def test_any_bytes_are_scanned_or_refused(content: bytes) -> None:
    with contextlib.suppress(MappingError):
        list(JsonScanner(io.BytesIO(content), at=0, path=(), ignored=()).records())


def test_a_value_inside_another_value_is_not_written() -> None:
    columns = Columns(known=("a", "a.b"))
    for known in (columns, Columns(known=("a.b", "a"))):
        with pytest.raises(MappingError) as error:
            form().write([{"a": "x", "a.b": "y"}], known)
        assert error.value.code == "invalid_value"
    assert json.loads(form().write([{"a.b": "y"}], columns)) == [{"a": {"b": "y"}}]


def test_half_of_a_surrogate_pair_is_not_written() -> None:
    for type_ in ("json", "jsonl"):
        with pytest.raises(MappingError) as error:
            form(type=type_).write([{"ref": "\ud800"}], COLUMNS)
        assert error.value.code == "invalid_value"


# --- detection ------------------------------------------------------------------------------------


def test_lines_and_documents_are_told_apart() -> None:
    record = '{"ref": "A", "tenant": {"name": "Zoë"}, "flags": ["R"]}'
    header = ("ref", "tenant.name", "flags")
    lines = detect(f"{record}\n{record}\n".encode(), "export.json")
    assert (lines.settings.type, lines.header, len(lines.rows)) == ("jsonl", header, 2)
    document = detect(f"[{record},\n{record}]".encode("utf-8-sig"), "export.json")
    assert (document.settings.type, document.header, len(document.rows)) == ("json", header, 2)
    assert document.settings.bom
    single = detect(record.encode(), "export.json")
    assert (single.settings.type, single.settings.records, len(single.rows)) == ("json", "", 1)


def test_records_inside_a_document_are_found() -> None:
    found = detect((BESIDE % GOOD).encode(), "export.json")
    assert found.settings.records == "data.cases"
    assert set(found.settings.ignored) == {"page", "next", "data.total"}
    assert found.header == ("ref", "tenant.name")
    assert len(found.rows) == 1


def test_one_record_with_a_list_of_records_is_one_record() -> None:
    record = {f"column{n}": n for n in range(20)} | {"people": [{"name": "A"}]}
    found = detect(json.dumps(record).encode(), "export.json")
    assert found.settings.records == ""
    assert found.rows[0].values["people"] == [{"name": "A"}]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[]", "missing_column"),
        ("[1, 2]", "missing_column"),
        ("{}", "missing_column"),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "missing_column"),
        ('{"a": 1', "file_malformed"),
        ('[{"a": 1}', "file_malformed"),
    ],
)
def test_a_sample_without_records_is_refused_with_a_fix(content: str, code: str) -> None:
    with pytest.raises(MappingError) as error:
        detect(content.encode(), "export.json")
    assert error.value.code == code
    assert error.value.fix is not None
