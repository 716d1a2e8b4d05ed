"""One mapping reads the same events from each format, and refuses the same faults."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.base import Context, MappingError, Rejected, Row
from adapters.csu import ADAPTER
from adapters.demo.samples import csu
from adapters.demo.samples.facts import case_list
from adapters.formats import Columns, FormatSettings, detect, format_of
from adapters.mapping import MemoryLinks

MAPPING = ADAPTER.mapping
COLUMNS = Columns(
    MAPPING.known_columns, MAPPING.export_columns, frozenset(MAPPING.multiline_columns)
)
FORMATS: dict[str, dict[str, Any]] = {
    "csv": {"type": "csv"},
    "csv of tabs": {"type": "csv", "delimiter": "\t"},
    "xlsx": {"type": "xlsx"},
    "ods": {"type": "ods"},
    "json": {"type": "json"},
    "jsonl": {"type": "jsonl"},
    "xml": {"type": "xml", "records": "/Export/Row"},
}
ROWS = [dict(row.values) for row in csu.sample_rows(random.Random(1), case_list(1, 6))]


def context() -> Context:
    partners = {code: f"agency-{code.lower()}" for row in ROWS for code in _codes(row)}
    return Context("csu-camden", partners, MemoryLinks())


def _codes(row: Mapping[str, Any]) -> list[str]:
    return str(row["PARTNERS"]).split(";")


def items(name: str, rows: list[dict[str, Any]]) -> list[Row | Rejected]:
    form = format_of(FormatSettings.model_validate(FORMATS[name]))
    return list(form.read(form.write(rows, COLUMNS), COLUMNS))


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_events(name: str) -> None:
    found = [(row, context()) for row in items(name, ROWS)]
    expected = [(row, context()) for row in items("csv", ROWS)]
    assert len(found) == len(ROWS) > 5
    for (one, its), (other, others) in zip(found, expected, strict=True):
        assert isinstance(one, Row)
        assert isinstance(other, Row)
        made = ADAPTER.to_event(one, its)
        wanted = ADAPTER.to_event(other, others)
        assert made is not None
        assert wanted is not None
        assert made.key == wanted.key
        assert made.event.type == wanted.event.type
        assert made.event.data.keys() == wanted.event.data.keys()


FAULTS = {
    "an error of a spreadsheet as a reference": ("CRN", "#N/A"),
    "a zero-width space in a reference": ("CRN", "01/700/26\u200b"),
    "a rounded reference": ("CRN", "1234567890123457000"),
    "a reference in scientific notation": ("CRN", "2.61E+12"),
    "a date as a reference": ("CRN", "2026-11-02"),
    "a replacement character in a name": ("VIC_NAME", "Jos\ufffd"),
    "a text that was read wrongly before": ("VIC_NAME", "Jos\u00c3\u00a9"),
    "a formula without a value": ("VIC_NAME", "#VALUE!"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_shows_the_mapping_the_same_faults(name: str, fault: str) -> None:
    column, value = FAULTS[fault]
    (row,) = items(name, [ROWS[0] | {column: value}])
    assert isinstance(row, Row)
    with pytest.raises(MappingError) as error:
        ADAPTER.to_event(row, context())
    assert column in (error.value.where or "")


def test_a_number_where_a_reference_is_expected_is_not_dropped() -> None:
    (row,) = items("json", [ROWS[0] | {"CRN": 20391}])
    assert isinstance(row, Row)
    with pytest.raises(MappingError) as error:
        ADAPTER.to_event(row, context())
    assert error.value.code == "invalid_value"


NAMES = b"Ref,Name\r\n"


def read(content: bytes) -> list[Row | Rejected]:
    columns = Columns(("Ref", "Name"), ("Ref",))
    return list(format_of(FormatSettings(type="csv")).read(content, columns))


def test_one_inch_mark_refuses_one_row() -> None:
    rows = b"".join(b"R-%d,plain\r\n" % n for n in range(5))
    found = read(NAMES + b"R-9,about 6'2\" tall\r\n" + rows)
    assert [type(item) for item in found] == [Rejected, *[Row] * 5]


@pytest.mark.parametrize("name", ["export.csv", "export.json"])
def test_another_encoding_is_refused_and_suspected(name: str) -> None:
    content = NAMES + "R-1,José Peña\r\n".encode("cp850")
    for use in (lambda: read(content), lambda: detect(content, name)):
        with pytest.raises(MappingError) as error:
            use()
        assert error.value.code == "file_encoding"
        assert "cp850" in error.value.detail
