"""Expressions of mapping files: their names are known at load, and no value is told."""

from __future__ import annotations

import pytest

from adapters.base import FilePlace, MappingError
from adapters.mapping.expressions import compile_expression

PLACE = FilePlace(7, "Score")


@pytest.mark.parametrize(
    ("text", "names", "value"),
    [
        ('row.A + " " + row["B c"]', {"A", "B c"}, "x y"),
        ('row["B c"] == "y" ? row.A : "none"', {"A", "B c"}, "x"),
        ("'row.Z' + row.A", {"A"}, "row.Zx"),
        ("row.L.split(';').map(x, x.trim()).filter(x, x != '')", {"L"}, ["1", "2"]),
        ("row.A.upperAscii()", {"A"}, "X"),
        ("int(row.N) >= 14", {"N"}, True),
        ("row.Missing == ''", {"Missing"}, True),
    ],
)
def test_an_expression_knows_its_columns_and_gives_a_value(
    text: str, names: set[str], value: object
) -> None:
    expression = compile_expression(text)
    assert expression.names == names
    row = {"A": " x ", "B c": "y", "L": "1; 2;", "N": "14"}
    assert expression.value(row, PLACE) == value


@pytest.mark.parametrize(
    "text",
    [
        "row.A ==",
        "rowe.A",
        "row[row.A]",
        "row.exists(x, x == '1')",
        "size(row) > 0",
        "exec(row.A)",
        "row.A.unknown()",
        "x",
        "row.A + 'y'" + " " * 1_000,
    ],
)
def test_an_expression_that_could_read_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compile_expression(text)


@pytest.mark.parametrize("text", ["int(row.A)", "row.A.split(',')[4]", "timestamp(row.A)"])
def test_a_fault_names_the_place_and_no_value(text: str) -> None:
    with pytest.raises(MappingError) as refusal:
        compile_expression(text).value({"A": "Quillfeather"}, PLACE)
    assert refusal.value.code == "expression_failed"
    assert refusal.value.where == "line 7, column Score"
    assert "Quillfeather" not in refusal.value.diagnostics()


def test_a_fault_writes_no_value_to_a_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("bool(row.A)", "row.A.substring(99)", "row.A.charAt(99)"):
        with pytest.raises(MappingError):
            compile_expression(text).value({"A": "Quillfeather"}, PLACE)
    captured = capfd.readouterr()
    assert (captured.out, captured.err, caplog.text) == ("", "", "")


def test_a_condition_has_to_be_true_or_false() -> None:
    with pytest.raises(MappingError) as refusal:
        compile_expression("row.A").holds({"A": "yes"}, PLACE)
    assert refusal.value.code == "expression_failed"
