"""The bytes of a value: one way to write it, every length rule, every count, the order."""

from __future__ import annotations

import struct

import pytest

from broker.envelope.layout import (
    MAX_RECIPIENTS,
    MAX_VALUE_BYTES,
    MIN_CIPHERTEXT_BYTES,
    WRAP_BYTES,
    LayoutError,
    RecipientEntry,
    SealedGroup,
    format_value,
    key_list_bytes,
    parse_value,
)

ID, CONTRACT, TIME = b"i" * 16, b"c" * 32, 1_750_000_000_000
GROUPS = [(b"1" * 32, b"x" * 272), (b"2" * 32, b"y" * 300)]
HEAD = 1 + 16 + 8 + 32 + 2


def wraps(count: int) -> list[bytes]:
    return [bytes([at]) * WRAP_BYTES for at in range(count)]


def recipients(count: int, groups: int = 2) -> list[tuple[bytes, bytes]]:
    return [(wrap, bytes([7]) * key_list_bytes(groups)) for wrap in wraps(count)]


def value(groups: int = 2, count: int = 3) -> bytes:
    return format_value(ID, TIME, CONTRACT, (GROUPS * 8)[:groups], recipients(count, groups))


def refused(data: bytes, code: str) -> None:
    with pytest.raises(LayoutError) as caught:
        parse_value(data)
    assert caught.value.code == code


def test_a_value_has_fixed_fields_and_lengths() -> None:
    entries = recipients(2)
    expected = b"".join(
        [
            b"\x01",
            ID,
            struct.pack(">Q", TIME),
            CONTRACT,
            b"\x00\x02",
            b"1" * 32 + struct.pack(">I", 272) + b"x" * 272,
            b"2" * 32 + struct.pack(">I", 300) + b"y" * 300,
            b"\x00\x02",
            *(wrap + key_list for wrap, key_list in entries),
        ]
    )
    assert format_value(ID, TIME, CONTRACT, GROUPS, entries) == expected
    assert (WRAP_BYTES, key_list_bytes(2), MIN_CIPHERTEXT_BYTES) == (1168, 28 + 32 * 2, 272)


def test_a_written_value_is_read_back() -> None:
    sealed = parse_value(value())
    assert (sealed.id, sealed.time, sealed.contract) == (ID, TIME, CONTRACT)
    assert sealed.groups == tuple(SealedGroup(*group) for group in GROUPS)
    assert sealed.recipients == tuple(RecipientEntry(*entry) for entry in recipients(3))


def test_every_shorter_value_is_malformed() -> None:
    whole = value()
    ends = {0, 1, HEAD - 1, HEAD, HEAD + 35, HEAD + 36, HEAD + 36 + 271}
    second = HEAD + 36 + 272
    ends |= {second, second + 35, second + 36, second + 335, second + 336, second + 337}
    ends |= {second + 338, len(whole) - 1}
    for end in ends:
        refused(whole[:end], "value_malformed")


def test_a_longer_value_is_malformed() -> None:
    refused(value() + b"\x00", "value_malformed")
    refused(value() + recipients(1)[0][0] + recipients(1)[0][1], "value_malformed")


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_unknown(version: int) -> None:
    refused(bytes([version]) + value()[1:], "version_unknown")


def with_count(data: bytes, at: int, count: int) -> bytes:
    return data[:at] + struct.pack(">H", count) + data[at + 2 :]


@pytest.mark.parametrize("count", [0, 17, 65535])
def test_there_are_1_to_16_groups(count: int) -> None:
    refused(with_count(value(), HEAD - 2, count), "groups_count")


@pytest.mark.parametrize("count", [0, MAX_RECIPIENTS + 1, 65535])
def test_there_are_1_to_64_recipients(count: int) -> None:
    at = HEAD + 36 + 272 + 36 + 300
    refused(with_count(value(), at, count), "recipients_count")


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("count", [1, MAX_RECIPIENTS])
def test_the_limits_themselves_are_allowed(groups: int, count: int) -> None:
    sealed = parse_value(value(groups, count))
    assert (len(sealed.groups), len(sealed.recipients)) == (groups, count)


@pytest.mark.parametrize("groups", [0, 17])
def test_a_writer_keeps_to_1_to_16_groups(groups: int) -> None:
    with pytest.raises(LayoutError) as caught:
        format_value(ID, TIME, CONTRACT, (GROUPS * 9)[:groups], recipients(1))
    assert caught.value.code == "groups_count"


@pytest.mark.parametrize("count", [0, MAX_RECIPIENTS + 1])
def test_a_writer_keeps_to_1_to_64_recipients(count: int) -> None:
    with pytest.raises(LayoutError) as caught:
        format_value(ID, TIME, CONTRACT, GROUPS, recipients(count))
    assert caught.value.code == "recipients_count"


def test_a_value_has_at_most_256_kib() -> None:
    rest = len(format_value(ID, TIME, CONTRACT, [(bytes(32), b"")], recipients(1, 1)))
    largest = [(bytes(32), bytes(MAX_VALUE_BYTES - rest))]
    assert len(format_value(ID, TIME, CONTRACT, largest, recipients(1, 1))) == MAX_VALUE_BYTES
    larger = [(bytes(32), bytes(MAX_VALUE_BYTES - rest + 1))]
    with pytest.raises(LayoutError) as caught:
        format_value(ID, TIME, CONTRACT, larger, recipients(1, 1))
    assert caught.value.code == "value_too_large"


@pytest.mark.parametrize("length", [0, 16, 271])
def test_a_group_that_is_shorter_than_the_floor_is_malformed(length: int) -> None:
    groups = [GROUPS[0], (bytes(32), bytes(length))]
    refused(format_value(ID, TIME, CONTRACT, groups, recipients(1)), "value_malformed")


@pytest.mark.parametrize("length", [0, 16, 271, 272 + 336 + 2 + 3 * 1260 + 1, 2**32 - 1])
def test_a_groups_length_fits_the_value_and_the_smallest_group(length: int) -> None:
    data = value()
    at = HEAD + 32
    with pytest.raises(LayoutError) as caught:
        parse_value(data[:at] + struct.pack(">I", length) + data[at + 4 :])
    assert caught.value.code == "value_malformed"


def test_a_group_that_takes_the_place_of_what_follows_is_malformed() -> None:
    data = value(groups=1, count=1)
    at = HEAD + 32
    for more in (1, 2, 3):
        longer = data[:at] + struct.pack(">I", 272 + more) + data[at + 4 :]
        with pytest.raises(LayoutError):
            parse_value(longer)
    to_the_end = len(data) - HEAD - 36
    refused(data[:at] + struct.pack(">I", to_the_end) + data[at + 4 :], "value_malformed")


def test_recipients_are_strictly_ascending() -> None:
    one, two, three = recipients(3)
    for order in ([two, one, three], [one, three, two], [one, one, two], [one, two, two]):
        refused(format_value(ID, TIME, CONTRACT, GROUPS, order), "recipients_order")


def test_recipients_are_ordered_by_the_wrap_and_not_by_the_key_list() -> None:
    (low, _), (high, _) = recipients(2)
    entries = [(low, b"\xff" * key_list_bytes(2)), (high, b"\x00" * key_list_bytes(2))]
    assert parse_value(format_value(ID, TIME, CONTRACT, GROUPS, entries)).recipients[0].wrap == low
