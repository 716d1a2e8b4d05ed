"""One text for each value: every other spelling is refused, by the writer and by the reader."""

from __future__ import annotations

import json

import pytest

from broker.envelope.canonical import MAX_DEPTH, CanonicalError, format_json, parse_json

LIMIT = 2**53 - 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        ("", b'""'),
        (True, b"true"),
        (False, b"false"),
        (0, b"0"),
        (-1, b"-1"),
        (LIMIT, b"9007199254740991"),
        (-LIMIT, b"-9007199254740991"),
        ({"b": 1, "a": [1, "x", {}], "B": True}, b'{"B":true,"a":[1,"x",{}],"b":1}'),
        ({"a.b": 1, "a": 1, "a-b": 1}, b'{"a":1,"a-b":1,"a.b":1}'),
        ("é€\U0001f600\u2028", '"é€\U0001f600\u2028"'.encode()),
        ('/"\\', b'"/\\"\\\\"'),
        ("\x7f", b'"\x7f"'),
    ],
)
def test_the_text_of_a_value(value: object, text: bytes) -> None:
    assert format_json(value) == text
    assert parse_json(text) == value
    assert type(parse_json(text)) is type(value)


def test_control_characters_are_escaped_as_rfc_8785_does() -> None:
    short = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r"}
    for code in range(32):
        text = b'"' + short.get(code, b"\\u%04x" % code) + b'"'
        assert format_json(chr(code)) == text
        assert parse_json(text) == chr(code)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        float("inf"),
        None,
        [None],
        {"a": None},
        {"a": 1.5},
        [1.0],
        LIMIT + 1,
        -LIMIT - 1,
        2**64,
        [2**53],
        {"é": 1},
        {"a": {"ü": 1}},
        {1: "a"},
        {None: "a"},
        "\ud800",
        ["\udfff"],
        {"a": "\ud83d"},
        b"bytes",
        (1, 2),
        {1, 2},
        object(),
        [object()],
    ],
)
def test_a_value_without_canonical_text_is_not_written(value: object) -> None:
    with pytest.raises(CanonicalError):
        format_json(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"nul",
        b"null",
        b"[null]",
        b'{"a":null}',
        b"1.0",
        b"1.5",
        b"-0",
        b"-0.0",
        b"[-0.0]",
        b"1e3",
        b"1E3",
        b"1e+3",
        b"+1",
        b"01",
        b"0x1",
        b"9007199254740992",
        b"-9007199254740992",
        b"18446744073709551616",
        b"1" + b"0" * 400,
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b" 1",
        b"1 ",
        b"1\n",
        b"\xef\xbb\xbf1",
        b"[1, 2]",
        b"[1 ,2]",
        b"[ ]",
        b'{"a": 1}',
        b'{"a" :1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b"[1,]",
        b'{"a":1,}',
        b"'a'",
        b"{a:1}",
        b'"\\u0061"',
        b'"\\u00e9"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u000a"',
        b'"\\u001F"',
        b'"\\u007f"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud83d\\ude00"',
        b'"\n"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        '{"é":1}'.encode(),
        '[{"é":1}]'.encode(),
        b'{"\\u0061":1}',
        b"1 2",
        b"{}{}",
        b"// a\n1",
        b"[" * 2000 + b"]" * 2000,
    ],
)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse_json(text)


def nested_list(depth: int, inner: object = 1) -> object:
    for _ in range(depth):
        inner = [inner]
    return inner


def nested_object(depth: int, inner: object = 1) -> object:
    for _ in range(depth):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize("nest", [nested_list, nested_object])
@pytest.mark.parametrize("inner", [1, True, "text"])
def test_nesting_goes_to_16_and_no_further(nest: object, inner: object) -> None:
    assert MAX_DEPTH == 16
    deepest = nest(16, inner)  # type: ignore[operator]
    text = json.dumps(deepest, separators=(",", ":")).encode()
    assert format_json(deepest) == text
    assert parse_json(text) == deepest
    deeper = nest(17, inner)  # type: ignore[operator]
    with pytest.raises(CanonicalError, match="deep"):
        format_json(deeper)
    with pytest.raises(CanonicalError, match="deep"):
        parse_json(json.dumps(deeper, separators=(",", ":")).encode())


@pytest.mark.parametrize("empty", [[], {}])
def test_an_empty_container_counts_as_a_level(empty: object) -> None:
    format_json(nested_list(15, empty))
    with pytest.raises(CanonicalError, match="deep"):
        format_json(nested_list(16, empty))


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(CanonicalError):
        format_json(loop)


def test_a_refusal_does_not_repeat_what_was_read() -> None:
    for text in (b'{"name":"Jane Example","name":1}', b'{"name":"Jane Example"'):
        with pytest.raises(CanonicalError) as caught:
            parse_json(text)
        assert "Jane" not in str(caught.value)
