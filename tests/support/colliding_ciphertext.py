"""AES-256-GCM ciphertext that opens under two keys ("invisible salamander").

Dodis et al., "Fast Message Franking: From Invisible Salamanders to Encryptment" (CRYPTO 2018). A
tag of GCM is linear in the ciphertext's blocks, so one block can be chosen that makes the tags of
two keys equal.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ONE = 1 << 127  # GCM numbers bits from the left: NIST SP 800-38D, section 6.3
_R = 0xE1 << 120


def collide(key_1: bytes, key_2: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """Make ciphertext and tag that open under both keys.

    Under the first key it opens as ``plaintext``, except for the last block.
    """
    count = len(plaintext) // 16
    ciphertext = xor(plaintext[:-16], keystream(key_1, count)[:-16]) + bytes(16)
    difference = tag(key_1, aad, ciphertext) ^ tag(key_2, aad, ciphertext)
    h_1, h_2 = (int.from_bytes(_block(key, bytes(16)), "big") for key in (key_1, key_2))
    # the last block of ciphertext is multiplied by H twice: once itself, once the lengths' block
    factor = multiply(h_1, h_1) ^ multiply(h_2, h_2)
    last = multiply(difference, inverse(factor))
    ciphertext = ciphertext[:-16] + last.to_bytes(16, "big")
    return ciphertext + tag(key_1, aad, ciphertext).to_bytes(16, "big")


def tag(key: bytes, aad: bytes, ciphertext: bytes) -> int:
    """Compute the tag of a ciphertext under a nonce of zeros."""
    h = int.from_bytes(_block(key, bytes(16)), "big")
    padded = aad + bytes(-len(aad) % 16) + ciphertext + bytes(-len(ciphertext) % 16)
    padded += (8 * len(aad)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    state = 0
    for at in range(0, len(padded), 16):
        state = multiply(state ^ int.from_bytes(padded[at : at + 16], "big"), h)
    return state ^ int.from_bytes(_block(key, bytes(12) + b"\x00\x00\x00\x01"), "big")


def keystream(key: bytes, blocks: int) -> bytes:
    """Compute the keystream under a nonce of zeros."""
    return b"".join(_block(key, bytes(12) + (2 + at).to_bytes(4, "big")) for at in range(blocks))


def multiply(x: int, y: int) -> int:
    """Multiply in the field of GCM."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return product


def inverse(x: int) -> int:
    """Invert in the field of GCM: x to the power of 2^128 - 2."""
    result, exponent = ONE, 2**128 - 2
    while exponent:
        if exponent & 1:
            result = multiply(result, x)
        x = multiply(x, x)
        exponent >>= 1
    return result


def xor(a: bytes, b: bytes) -> bytes:
    """Combine two texts of one length."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def _block(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block)
