"""Content at rest: it opens under its own key, label and row only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import SealBroken

SECRET = bytes(range(32))


@given(content=st.binary(max_size=300), row=st.binary(max_size=40))
def test_sealed_content_opens_and_is_not_readable(content: bytes, row: bytes) -> None:
    key = AtRestKey(SECRET, b"a use")
    sealed = key.seal(content, row)
    assert key.open(sealed, row) == content
    assert sealed != key.seal(content, row)  # a new nonce each time
    assert len(content) < 4 or content not in sealed


@pytest.mark.parametrize(
    ("secret", "label", "row"),
    [(bytes(32), b"a use", b"row"), (SECRET, b"another", b"row"), (SECRET, b"a use", b"other")],
)
def test_another_key_label_or_row_does_not_open_it(secret: bytes, label: bytes, row: bytes) -> None:
    sealed = AtRestKey(SECRET, b"a use").seal(b"content", b"row")
    with pytest.raises(SealBroken):
        AtRestKey(secret, label).open(sealed, row)


@given(at=st.integers(0, 34), bit=st.integers(0, 7))
def test_an_altered_byte_is_noticed(at: int, bit: int) -> None:
    key = AtRestKey(SECRET, b"a use")
    sealed = bytearray(key.seal(b"content"))
    sealed[at] ^= 1 << bit
    with pytest.raises(SealBroken):
        key.open(bytes(sealed))


@pytest.mark.parametrize("size", [0, 11, 12, 27])
def test_a_cut_off_ciphertext_is_noticed(size: int) -> None:
    key = AtRestKey(SECRET, b"a use")
    with pytest.raises(SealBroken):
        key.open(key.seal(b"content")[:size])
