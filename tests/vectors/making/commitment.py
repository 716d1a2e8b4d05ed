"""The invisible salamander: one AES-256-GCM ciphertext that opens under two keys.

Dodis et al., "Fast Message Franking: From Invisible Salamanders to Encryptment" (CRYPTO 2018). A
tag of GCM is linear in the ciphertext's blocks, so one block can be chosen to make two keys agree
on it (tests/unit/broker/envelope/test_key_commitment.py says more). The commitment stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from broker.envelope import framing
from broker.envelope.padding import pad
from broker.envelope.primitives import HASH_BYTES, AeadKey, one_step_kdf
from tests.vectors.making.agencies import COUNCIL, SUPPORT
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting

ONE = 1 << 127  # GCM numbers bits from the left: NIST SP 800-38D, section 6.3
R = 0xE1 << 120


def two_faced(setting: Setting) -> Iterator[Case]:
    """The same record for each of its two readers."""
    for name, agency, about in (
        (
            "8-commitment_wrong-two_faced",
            SUPPORT,
            "A ciphertext that opens under two keys: the second key is not the committed one.",
        ),
        (
            "9-json_not_canonical-two_faced",
            COUNCIL,
            "The same record for the reader of the first key, which is the committed one: one "
            "block of what it opens is noise.",
        ),
    ):
        s = Scene(setting, name)
        draft = s.event()
        draft.label, draft.id = "two-faced", UUID(int=0xFACE)
        text = b'{"data":{"case_id":"' + b"x" * 230 + b'"}'
        assert len(pad(text)) == len(text) + 4 == 256
        second = draft.ground.draw(HASH_BYTES, "second key", draft.label)
        aad = framing.group_aad(draft.context, 0)
        keys = (
            draft.group_key(0)[1],
            one_step_kdf(second, framing.group_info(draft.context, 0))[:HASH_BYTES],
        )
        ciphertext = salamander(*keys, aad, pad(text))
        for key in keys:
            assert len(AeadKey(key).open(bytes(12), ciphertext, aad)) == 256
        draft.ciphertexts[0] = lambda _c, made=ciphertext: made  # type: ignore[misc]  # as a constant
        draft.secrets_of[SUPPORT] = {0: second}
        yield s.refused(
            about, s.log().one(draft.value()), agency=agency, spec="envelope.md, Derivations"
        )


def salamander(key_1: bytes, key_2: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """Opens under both; under the first as ``plaintext``, but for the last block."""
    count = len(plaintext) // 16
    ciphertext = _xor(plaintext[:-16], _keystream(key_1, count)[:-16]) + bytes(16)
    difference = _tag(key_1, aad, ciphertext) ^ _tag(key_2, aad, ciphertext)
    h_1, h_2 = (int.from_bytes(_block(key, bytes(16)), "big") for key in (key_1, key_2))
    # the last block of ciphertext is multiplied by H twice: once itself, once the lengths' block
    factor = _multiply(h_1, h_1) ^ _multiply(h_2, h_2)
    last = _multiply(difference, _power(factor, 2**128 - 2))
    ciphertext = ciphertext[:-16] + last.to_bytes(16, "big")
    return ciphertext + _tag(key_1, aad, ciphertext).to_bytes(16, "big")


def _multiply(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (R if y & 1 else 0)
    return product


def _power(x: int, exponent: int) -> int:
    result = ONE
    while exponent:
        if exponent & 1:
            result = _multiply(result, x)
        x = _multiply(x, x)
        exponent >>= 1
    return result


def _block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block)


def _keystream(key: bytes, blocks: int) -> bytes:
    return b"".join(_block(key, bytes(12) + (2 + at).to_bytes(4, "big")) for at in range(blocks))


def _tag(key: bytes, aad: bytes, ciphertext: bytes) -> int:
    h = int.from_bytes(_block(key, bytes(16)), "big")
    padded = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16)
    padded += (8 * len(aad)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    state = 0
    for at in range(0, len(padded), 16):
        state = _multiply(state ^ int.from_bytes(padded[at : at + 16], "big"), h)
    return state ^ int.from_bytes(_block(key, bytes(12) + b"\x00\x00\x00\x01"), "big")


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
