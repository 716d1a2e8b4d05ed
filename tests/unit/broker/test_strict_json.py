"""One meaning for each JSON document: `broker.strict_json`."""

from __future__ import annotations

import pytest

from broker.strict_json import StrictJsonError, parse_strict_json


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '[{"deep":{"b":1,"b":2}}]',
        '{"a":1,"\\u0061":2}',
        "NaN",
        "[Infinity]",
        "{",
        "",
        "1 2",
        '"\\ud800"',
        "[" * 100_000,
        b"\xff",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_a_document_with_two_meanings_or_none_is_refused(text: str | bytes) -> None:
    with pytest.raises(StrictJsonError):
        parse_strict_json(text)


@pytest.mark.parametrize("text", ['{"a":{"a":[1,"\\ud83d\\ude00"]}}', b"{}", " [true,null] "])
def test_a_strict_document_is_read(text: str | bytes) -> None:
    parse_strict_json(text)
