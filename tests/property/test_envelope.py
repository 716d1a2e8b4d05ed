"""The envelope over all values: what is sealed opens, what is altered does not."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.layout import LayoutError, format_value, parse_value
from broker.envelope.opening import OpeningError, Sessions, open_groups
from broker.envelope.padding import PaddingError, pad, padded_length, unpad
from broker.envelope.primitives import lp
from broker.envelope.sealing import Sealer, sealing_input

# Test folders have no __init__.py; this module stands beside the unit tests of the envelope.
from tests.support.envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    NOW,
    PREFIX,
    SOURCE,
    Recipient,
)

READERS = [Recipient(f"agency-{at}", bytes([at + 1]) * 32) for at in range(3)]
SEALER = Sealer(DEPLOYMENT, CONTRACT, SOURCE)
SESSIONS = Sessions()

texts = st.binary(max_size=600)
events = st.uuids()


def open_for(reader: Recipient, value: bytes) -> list[bytes | None] | None:
    sealed = parse_value(value)
    found = SESSIONS.find(sealed, DEPLOYMENT, SOURCE, reader.agency, [reader.opening], lambda: True)
    if found is None:
        return None
    return open_groups(sealed, *found, PREFIX, str(UUID(bytes=sealed.id)))


@settings(max_examples=60, deadline=None)
@given(event=events, groups=st.lists(texts, min_size=1, max_size=16), data=st.data())
def test_each_reader_opens_exactly_its_groups(
    event: UUID, groups: list[bytes], data: st.DataObject
) -> None:
    masks = data.draw(
        st.lists(
            st.lists(st.booleans(), min_size=len(groups), max_size=len(groups)),
            min_size=1,
            max_size=3,
        )
    )
    addressed = list(zip(READERS, masks, strict=False))
    value = SEALER.seal(
        sealing_input(str(event), NOW, groups, [(one.key, tuple(mask)) for one, mask in addressed])
    )
    for reader, mask in addressed:
        expected = [text if may else None for text, may in zip(groups, mask, strict=True)]
        assert open_for(reader, value) == expected
    for reader in READERS[len(addressed) :]:
        assert open_for(reader, value) is None


@settings(max_examples=60, deadline=None)
@given(event=events, groups=st.lists(texts, min_size=1, max_size=3), data=st.data())
def test_no_altered_value_opens_as_something_else(
    event: UUID, groups: list[bytes], data: st.DataObject
) -> None:
    reader = READERS[0]
    value = SEALER.seal(
        sealing_input(str(event), NOW, groups, [(reader.key, (True,) * len(groups))])
    )
    at = data.draw(st.integers(0, len(value) - 1))
    altered = bytearray(value)
    altered[at] ^= data.draw(st.integers(1, 255))
    try:
        opened = open_for(reader, bytes(altered))
    except (LayoutError, OpeningError):
        return
    # the time alone is not the envelope's: the leaf hash covers it
    assert opened is None or (opened == groups and 17 <= at < 25)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=3000))
def test_any_bytes_are_a_value_or_refused_in_our_terms(data: bytes) -> None:
    try:
        parse_value(data)
    except LayoutError:
        return
    raise AssertionError("random bytes should not be a value")


@settings(max_examples=60, deadline=None)
@given(value=st.builds(lambda n, k: (n, k), st.integers(1, 4), st.integers(1, 4)), data=st.data())
def test_a_parsed_value_is_written_again_byte_for_byte(
    value: tuple[int, int], data: st.DataObject
) -> None:
    groups = [
        (data.draw(st.binary(min_size=32, max_size=32)), bytes(data.draw(st.integers(272, 600))))
        for _ in range(value[0])
    ]
    wraps = [bytes([at]) * 1168 for at in range(value[1])]
    entries = [(wrap, bytes(28 + 32 * len(groups))) for wrap in wraps]
    whole = format_value(bytes(16), data.draw(st.integers(0, 2**64 - 1)), CONTRACT, groups, entries)
    sealed = parse_value(whole)
    again = format_value(
        sealed.id,
        sealed.time,
        sealed.contract,
        [(group.commitment, group.ciphertext) for group in sealed.groups],
        [(entry.wrap, entry.key_list) for entry in sealed.recipients],
    )
    assert again == whole
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(LayoutError):
        parse_value(whole[:cut])


@settings(max_examples=100, deadline=None)
@given(content=texts)
def test_padding_is_undone_and_hides_the_length(content: bytes) -> None:
    plaintext = pad(content)
    assert len(plaintext) == padded_length(len(content)) >= max(256, len(content) + 4)
    assert unpad(plaintext) == content


@settings(max_examples=100, deadline=None)
@given(size=st.integers(0, 300), tail=st.binary(max_size=300))
def test_a_plaintext_is_padded_in_one_way(size: int, tail: bytes) -> None:
    plaintext = size.to_bytes(4, "big") + tail
    try:
        content = unpad(plaintext)
    except PaddingError:
        return
    assert pad(content) == plaintext


numbers = st.integers(-(2**53) + 1, 2**53 - 1)
names = st.text(st.characters(codec="ascii"), max_size=6)
values = st.recursive(
    st.text(max_size=12) | numbers | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=values)
def test_a_value_has_one_text_that_gives_it_back(value: object) -> None:
    text = format_json(value)
    again = parse_json(text)
    assert again == value
    assert format_json(again) == text
    assert (
        text
        == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


@settings(max_examples=150, deadline=None)
@given(value=values, options=st.sampled_from([{"indent": 1}, {"ensure_ascii": True}, {}]))
def test_other_writers_texts_are_the_same_or_refused(
    value: object, options: dict[str, object]
) -> None:
    text = json.dumps(value, **options).encode()  # type: ignore[arg-type]
    try:
        parsed = parse_json(text)
    except CanonicalError:
        assert text != format_json(value)
        return
    assert text == format_json(parsed)


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=40))
def test_any_bytes_are_the_one_text_of_a_value_or_refused(text: bytes) -> None:
    try:
        value = parse_json(text)
    except CanonicalError:
        return
    assert format_json(value) == text


@settings(max_examples=100, deadline=None)
@given(
    one=st.lists(st.binary(max_size=6), max_size=4), two=st.lists(st.binary(max_size=6), max_size=4)
)
def test_lp_is_injective(one: list[bytes], two: list[bytes]) -> None:
    assert (lp(*one) == lp(*two)) == (one == two)
