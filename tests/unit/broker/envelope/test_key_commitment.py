"""Key commitment against one AES-256-GCM ciphertext that opens under two keys.

``tests/support/colliding_ciphertext.py`` makes such a ciphertext. A sender could give two readers
two keys and show them two different events. The commitment stops it.
"""

from __future__ import annotations

import pytest

from broker.envelope import framing
from broker.envelope.layout import RecipientEntry, SealedEvent, SealedGroup
from broker.envelope.opening import OpeningError
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, SealBroken, one_step_kdf
from broker.envelope.sealing import WrappedSession
from tests.support.colliding_ciphertext import ONE, collide, inverse, keystream, multiply, tag, xor
from tests.support.envelope_world import CONTRACT, DEPLOYMENT, EVENT, NOW, PREFIX, SOURCE, Recipient


def test_the_arithmetic_is_gcms() -> None:
    key, aad, plaintext = b"k" * 32, b"some aad", bytes(range(48))
    sealed = AeadKey(key).seal(bytes(12), plaintext, aad)
    assert sealed == xor(plaintext, keystream(key, 3)) + tag(key, aad, sealed[:-16]).to_bytes(
        16, "big"
    )
    assert multiply(inverse(12345), 12345) == ONE


CONTEXT = framing.event_context(PREFIX, str(EVENT))
SECRETS = (b"\x01" * 32, b"\x02" * 32)


@pytest.fixture(scope="module")
def forged() -> tuple[bytes, list[bytes]]:
    """The ciphertext, and key || commitment of each of the two readers."""
    derived = [one_step_kdf(secret, framing.group_info(CONTEXT, 0)) for secret in SECRETS]
    plaintext = pad(b'{"verdict":"guilty","more":"' + b"x" * 222 + b'"}')  # no padding at all
    assert len(plaintext) == 256
    aad = framing.group_aad(CONTEXT, 0)
    return collide(derived[0][:32], derived[1][:32], aad, plaintext), derived


def test_raw_aes_gcm_opens_it_under_both_keys(forged: tuple[bytes, list[bytes]]) -> None:
    ciphertext, derived = forged
    aad = framing.group_aad(CONTEXT, 0)
    first, second = (AeadKey(d[:32]).open(bytes(12), ciphertext, aad) for d in derived)
    assert first.startswith(b'\x00\x00\x00\xfc{"verdict":"guilty"')
    assert first != second
    with pytest.raises(SealBroken):
        AeadKey(b"\x03" * 32).open(bytes(12), ciphertext, aad)


@pytest.mark.parametrize("committed", [0, 1])
def test_the_commitment_lets_one_key_open_it(
    forged: tuple[bytes, list[bytes]], camden: Recipient, haven: Recipient, committed: int
) -> None:
    ciphertext, derived = forged
    group = SealedGroup(derived[committed][32:], ciphertext)
    groups_hash = framing.groups_hash(CONTEXT, [group.commitment])
    entries = []
    for recipient, secret in zip((camden, haven), SECRETS, strict=True):
        session = WrappedSession(DEPLOYMENT, CONTRACT, SOURCE, recipient.key, NOW)
        aad = framing.key_list_aad(CONTEXT, groups_hash, session.tail)
        keys = bytes(12) + session.aead.seal(bytes(12), secret, aad)
        entries.append(RecipientEntry(session.wrap, keys))
    event = SealedEvent(EVENT.bytes, NOW, CONTRACT, (group,), tuple(entries))
    other = (haven, camden)[committed]
    with pytest.raises(OpeningError) as caught:
        other.open(event)
    assert (caught.value.step, caught.value.code) == (8, "commitment_wrong")
    if committed == 0:  # the first reader's plaintext is a well-padded one
        (text,) = camden.open(event)
        assert text is not None
        assert text.startswith(b'{"verdict":"guilty"')
