"""The invisible salamander: one AES-256-GCM ciphertext that opens under two keys.

Dodis et al., "Fast Message Franking: From Invisible Salamanders to Encryptment" (CRYPTO 2018). A
tag of GCM is linear in the ciphertext's blocks, so one block can be chosen to make two keys agree
on it. A sender could give two readers two keys and show them two things; the commitment stops it.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from broker.envelope import framing
from broker.envelope.layout import RecipientEntry, SealedEvent, SealedGroup
from broker.envelope.opening import OpeningError
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, SealBroken, one_step_kdf
from broker.envelope.sealing import Session
from tests.support.envelope_world import CONTRACT, DEPLOYMENT, EVENT, NOW, PREFIX, SOURCE, Recipient

ONE = 1 << 127  # GCM numbers bits from the left: NIST SP 800-38D, section 6.3
R = 0xE1 << 120


def multiply(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (R if y & 1 else 0)
    return product


def power(x: int, exponent: int) -> int:
    result = ONE
    while exponent:
        if exponent & 1:
            result = multiply(result, x)
        x = multiply(x, x)
        exponent >>= 1
    return result


def inverse(x: int) -> int:
    return power(x, 2**128 - 2)


def encrypt_block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block)


def keystream(key: bytes, blocks: int) -> bytes:
    return b"".join(
        encrypt_block(key, bytes(12) + (2 + at).to_bytes(4, "big")) for at in range(blocks)
    )


def blocks_of(aad: bytes, ciphertext: bytes) -> list[int]:
    padded = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16)
    padded += (8 * len(aad)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    return [int.from_bytes(padded[at : at + 16], "big") for at in range(0, len(padded), 16)]


def tag(key: bytes, aad: bytes, ciphertext: bytes) -> int:
    h = int.from_bytes(encrypt_block(key, bytes(16)), "big")
    state = 0
    for block in blocks_of(aad, ciphertext):
        state = multiply(state ^ block, h)
    return state ^ int.from_bytes(encrypt_block(key, bytes(12) + b"\x00\x00\x00\x01"), "big")


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def salamander(key_1: bytes, key_2: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """Ciphertext and tag that open under both keys; under the first as ``plaintext``, but for the
    last block."""
    count = len(plaintext) // 16
    ciphertext = xor(plaintext[:-16], keystream(key_1, count)[:-16]) + bytes(16)
    difference = tag(key_1, aad, ciphertext) ^ tag(key_2, aad, ciphertext)
    h_1, h_2 = (int.from_bytes(encrypt_block(key, bytes(16)), "big") for key in (key_1, key_2))
    # the last block of ciphertext is multiplied by H twice: once itself, once the lengths' block
    factor = multiply(h_1, h_1) ^ multiply(h_2, h_2)
    last = multiply(difference, inverse(factor))
    ciphertext = ciphertext[:-16] + last.to_bytes(16, "big")
    return ciphertext + tag(key_1, aad, ciphertext).to_bytes(16, "big")


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
    return salamander(derived[0][:32], derived[1][:32], aad, plaintext), derived


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
        session = Session(DEPLOYMENT, CONTRACT, SOURCE, recipient.key, NOW)
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
