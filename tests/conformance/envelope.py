"""The sealed value: layout, derivations and padding (docs/spec/envelope.md); steps 5, 7 and 8.

Nothing here knows a contract or a manifest: it takes bytes and keys apart.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conformance.conventions import be, lp, sha256
from tests.conformance.refusals import MalformedError, RefusedError

MAX_GROUPS = 16
MAX_RECIPIENTS = 64
FIXED_BYTES = 1 + 16 + 8 + 32 + 2  # the number of groups included
MIN_CIPHERTEXT_BYTES = 272
WRAP_BYTES = 1168
FLOOR_BYTES = 256
BOUND_FLOOR_BYTES = 1024
TAG_BYTES = 16
NO_KEY = bytes(32)
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Group:
    """The fields of one set of readers, sealed."""

    commitment: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Recipient:
    """One entry: the session secret for an exchange key, and the groups' keys under it."""

    wrap: bytes
    key_list: bytes


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value whose lengths add up. `time` is in milliseconds."""

    id: str
    time: int
    contract_hash: bytes
    groups: tuple[Group, ...]
    recipients: tuple[Recipient, ...]


class _Cursor:
    """Reads forward; a value that ends too early does not add up."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._position = 0

    def take(self, length: int) -> bytes:
        taken = self._octets[self._position : self._position + length]
        if len(taken) != length:
            raise RefusedError(5, "value_malformed")
        self._position += length
        return taken

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    @property
    def at_end(self) -> bool:
        return self._position == len(self._octets)


def parse_value(octets: bytes) -> SealedValue:
    """The layout, of step 5."""
    if len(octets) < FIXED_BYTES:
        raise RefusedError(5, "value_malformed")
    cursor = _Cursor(octets)
    if cursor.number(1) != 1:
        raise RefusedError(5, "version_unknown")
    event_id, time, contract_hash = cursor.take(16), cursor.number(8), cursor.take(32)
    count = cursor.number(2)
    if not 1 <= count <= MAX_GROUPS:
        raise RefusedError(5, "groups_count")
    groups = tuple(Group(cursor.take(32), cursor.take(cursor.number(4))) for _ in range(count))
    if any(len(group.ciphertext) < MIN_CIPHERTEXT_BYTES for group in groups):
        raise RefusedError(5, "value_malformed")
    people = cursor.number(2)
    if not 1 <= people <= MAX_RECIPIENTS:
        raise RefusedError(5, "recipients_count")
    list_bytes = 28 + 32 * count
    recipients = tuple(
        Recipient(cursor.take(WRAP_BYTES), cursor.take(list_bytes)) for _ in range(people)
    )
    if not cursor.at_end:
        raise RefusedError(5, "value_malformed")
    wraps = [recipient.wrap for recipient in recipients]
    if any(one >= other for one, other in pairwise(wraps)):
        raise RefusedError(5, "recipients_order")
    return SealedValue(str(uuid.UUID(bytes=event_id)), time, contract_hash, groups, recipients)


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A private exchange key from its seed of 32 bytes (X-Wing)."""

    public: bytes
    private: hpke.MLKEM768X25519PrivateKey


def exchange_key(seed: bytes) -> ExchangeKey:
    """SHAKE256 of the seed is the seed of ML-KEM-768, then the X25519 private key."""
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return ExchangeKey(public, hpke.MLKEM768X25519PrivateKey(lattice, curve))


def open_wrap(wrap: bytes, key: ExchangeKey, info: bytes) -> bytes | None:
    """The session secret, or None if the wrap is not for this key and these terms."""
    try:
        return SUITE.decrypt(wrap, key.private, info)
    except (InvalidTag, ValueError):
        return None


def session_info(
    deployment: str, contract_hash: bytes, source: str, recipient: str, kid: bytes
) -> bytes:
    """HPKE `info` that binds a session secret."""
    return lp("concordant/1/session", deployment, contract_hash, source, recipient, kid)


def context(deployment: str, value: SealedValue, source: str) -> bytes:
    """`ctx`: what every derivation of one event is bound to."""
    return sha256(lp("concordant/1/ctx", deployment, value.contract_hash, source, value.id))


def open_key_list(
    value: SealedValue, recipient: Recipient, secret: bytes, ctx: bytes, reader: str, kid: bytes
) -> tuple[bytes, ...]:
    """Step 7: one key for each group, zeros where the reader may not read."""
    groups = sha256(lp("concordant/1/groups", ctx, *(group.commitment for group in value.groups)))
    aad = lp("concordant/1/groupkeys", ctx, groups, reader, kid, sha256(recipient.wrap))
    nonce, sealed = recipient.key_list[:12], recipient.key_list[12:]
    try:
        keys = AESGCM(secret).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError) as error:
        raise RefusedError(7, "key_list_broken") from error
    return tuple(keys[start : start + 32] for start in range(0, len(keys), 32))


def open_group(number: int, group: Group, key: bytes, ctx: bytes) -> bytes:
    """Step 8 for one group, and its padding, which step 9 refuses: the JSON inside."""
    label = lp("concordant/1/group", ctx, be(number, 2))
    block = hashlib.sha512(be(1, 4) + key + label).digest()
    if block[32:] != group.commitment:
        raise RefusedError(8, "commitment_wrong")
    aad = lp("concordant/1/aad", ctx, be(number, 2))
    try:
        plaintext = AESGCM(block[:32]).decrypt(bytes(12), group.ciphertext, aad)
    except InvalidTag as error:
        raise RefusedError(8, "group_broken") from error
    try:
        return unpad(plaintext)
    except MalformedError as error:
        raise RefusedError(9, "padding_wrong") from error


def padded_length(length: int, floor: int = FLOOR_BYTES) -> int:
    """Padme of a length, not below the floor."""
    exponent = length.bit_length() - 1
    kept = exponent.bit_length()  # floor(log2 E) + 1
    step = 1 << max(exponent - kept, 0)
    return max(floor, -(-length // step) * step)


def unpad(plaintext: bytes) -> bytes:
    """The JSON of a group, whichever of the two floors it has.

    Raises:
        MalformedError: the length is not the one that padding gives, or the rest is not zero.
    """
    length = int.from_bytes(plaintext[:4], "big")
    allowed = {padded_length(4 + length, floor) for floor in (FLOOR_BYTES, BOUND_FLOOR_BYTES)}
    if len(plaintext) < 4 or len(plaintext) not in allowed:
        raise MalformedError("another length of padding")
    if any(plaintext[4 + length :]):
        raise MalformedError("padding that is not zero")
    return plaintext[4 : 4 + length]
