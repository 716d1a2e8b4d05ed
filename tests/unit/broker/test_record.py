from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.record import Record, RecordFormatError, format_record, parse_record

headers = st.lists(st.tuples(st.binary(max_size=12), st.none() | st.binary(max_size=12)))


@given(
    topic=st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
    partition=st.integers(0, 2**31 - 1),
    headers=headers,
    value=st.none() | st.binary(),
)
def test_every_record_survives_its_json_form(topic, partition, headers, value) -> None:
    record = Record(topic, partition, tuple(headers), value)
    line = format_record(record)
    assert b"\n" not in line
    assert parse_record(line) == record


def test_the_form_is_the_one_that_others_script_against() -> None:
    record = Record("t", 3, ((b"content-type", b"x"), (b"proof", b"p\nq")), b"\x00\xff", 9, b"k")
    assert json.loads(format_record(record)) == {
        "topic": "t",
        "partition": 3,
        "headers": {"content-type": "x", "proof": "p\nq"},
        "value": "AP8=",
    }


def test_a_repeated_header_stays_repeated() -> None:
    line = '{"topic":"t","partition":0,"headers":{"proof":"a","proof":"b"},"value":""}'
    assert parse_record(line).headers == ((b"proof", b"a"), (b"proof", b"b"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"{}",
        b'{"refused":"x","detail":"y"}',
        b'{"topic":"t","partition":0,"headers":{},"value":"","other":1}',
        b'{"topic":"t","topic":"t","partition":0,"headers":{},"value":""}',
        b'{"topic":"","partition":0,"headers":{},"value":""}',
        b'{"topic":"t","partition":-1,"headers":{},"value":""}',
        b'{"topic":"t","partition":true,"headers":{},"value":""}',
        b'{"topic":"t","partition":0,"headers":[],"value":""}',
        b'{"topic":"t","partition":0,"headers":{"a":1},"value":""}',
        b'{"topic":"t","partition":0,"headers":{"a":"\\ud800"},"value":""}',
        b'{"topic":"t","partition":0,"headers":{},"value":3}',
        b'{"topic":"t","partition":0,"headers":{},"value":"AA"}',
        b'{"topic":"t","partition":0,"headers":{},"value":"AB=="}',
        b'{"topic":"t","partition":0,"headers":{},"value":"A A="}',
    ],
)
def test_a_line_that_is_not_a_record_is_refused(line: bytes) -> None:
    with pytest.raises(RecordFormatError):
        parse_record(line)
