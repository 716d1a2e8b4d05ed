"""Encrypted file of any length under a passphrase, written and read in chunks of 64 KiB.

The form is: the first line names the format; the second is a JSON object in clear; then SHA-256 of
both lines, a check value of the key, and chunks. scrypt derives a key from the passphrase and a
fresh salt, and HMAC-SHA256 binds it to both lines. Each chunk is AES-256-GCM under a nonce of its
number and a mark on the last chunk. So a chunk that is altered, exchanged, left out, repeated or
added is refused, and so is a file that ends early (truncation). Memory is one chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

import orjson

from broker.envelope.primitives import (
    HASH_BYTES,
    TAG_BYTES,
    AeadKey,
    SealBroken,
    b64,
    constant_time_equal,
    hmac_sha256,
    lp,
    random_bytes,
    scrypt_key,
    sha256,
    strict_b64,
)
from broker.errors import BackupError, KeyAccessError
from broker.keys.keyfile import SALT_BYTES, SCRYPT_COST, SCRYPT_COSTS
from broker.strict_json import parse_strict_json

CHUNK_BYTES: Final = 64 * 1024
HEADER_LIMIT_BYTES: Final = 4096
_KDF: Final = "scrypt-{cost}-8-1"
_COSTS: Final = {_KDF.format(cost=cost): cost for cost in SCRYPT_COSTS}


@dataclass(frozen=True, slots=True)
class Header:
    """The lines in clear.

    Attributes:
        lines: both lines as they are in the file.
        members: the members of the second line.
        salt: of the key derivation.
        cost: scrypt's N.
        check: the check value that the file holds.
    """

    lines: bytes
    members: dict[str, object]
    salt: bytes
    cost: int
    check: bytes

    @property
    def id(self) -> str:
        """Return a name of this file that no other file has."""
        return sha256(self.lines).hex()


def begin_sealing(
    file: BinaryIO, magic: bytes, members: dict[str, object], passphrase: bytes
) -> SealingStream:
    """Write the header; return the stream for the content.

    Args:
        file: where it goes.
        magic: name of the format, without a line end.
        members: for the second line; readable without the passphrase.
        passphrase: the passphrase.
    """
    salt = random_bytes(SALT_BYTES)
    clear = {**members, "kdf": _KDF.format(cost=SCRYPT_COST), "salt": b64(salt)}
    lines = magic + b"\n" + orjson.dumps(clear, option=orjson.OPT_SORT_KEYS) + b"\n"
    check, key = _keys(passphrase, lines, salt, SCRYPT_COST)
    file.write(lines + sha256(lines) + check)
    return SealingStream(file, key)


def read_header(file: BinaryIO, magic: bytes) -> Header:
    """Read the header, in bounded memory and before any work that the file can name.

    Raises:
        BackupError: `backup_malformed` or `backup_altered`.
    """
    first = file.readline(len(magic) + 1)
    if first != magic + b"\n":
        raise BackupError("This file is not a backup of this software.", code="backup_malformed")
    second = file.readline(HEADER_LIMIT_BYTES)
    digest, check = file.read(HASH_BYTES), file.read(HASH_BYTES)
    if digest != sha256(first + second):
        raise BackupError("The beginning of the backup is altered or cut off.")
    try:
        members = parse_strict_json(second)
        if not isinstance(members, dict):
            raise TypeError
        salt = strict_b64(str(members.get("salt")))
        cost = _COSTS[str(members.get("kdf"))]
        if len(salt) != SALT_BYTES or len(check) != HASH_BYTES:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise BackupError(
            "The beginning of the backup has another form.", code="backup_malformed"
        ) from None
    return Header(first + second, members, salt, cost, check)


def begin_opening(file: BinaryIO, header: Header, passphrase: bytes) -> OpeningStream:
    """Return the content of a file whose header was just read.

    Raises:
        KeyAccessError: `passphrase_wrong`.
    """
    check, key = _keys(passphrase, header.lines, header.salt, header.cost)
    if not constant_time_equal(check, header.check):
        raise KeyAccessError(
            "The passphrase does not open the backup.",
            code="passphrase_wrong",
            fix="Use the passphrase that the key files had when this file was made.",
        )
    return OpeningStream(file, key)


class SealingStream:
    """Encrypts what is written to it. Without `close`, the file counts as cut off."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        """Args: file: where chunks go; key: 32 bytes that encrypt nothing else."""
        self._file = file
        self._key = AeadKey(key)
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> None:
        """Add data to the content."""
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:  # the last chunk is written by `close`
            self._put(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def close(self) -> None:
        """Write the last chunk."""
        self._put(bytes(self._waiting), last=True)

    def _put(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._key.seal(_nonce(self._number, last=last), chunk, b""))
        self._number += 1


class OpeningStream:
    """Content of a file; everything that it returns is authenticated."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        """Args: file: positioned at the first chunk; key: 32 bytes."""
        self._file = file
        self._key = AeadKey(key)
        self._number = 0
        self._ahead = file.read(CHUNK_BYTES + TAG_BYTES)
        self._ended = False
        self._open = bytearray()

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes; none at the end of the content.

        Raises:
            BackupError: `backup_altered`, also if the content ends within them.
        """
        while len(self._open) < count and not self._ended:
            self._next()
        if len(self._open) < count and self._open:
            raise BackupError("The backup ends in the middle of an entry.")
        found = bytes(self._open[:count])
        del self._open[:count]
        return found

    def _next(self) -> None:
        chunk, self._ahead = self._ahead, self._file.read(CHUNK_BYTES + TAG_BYTES)
        last = not self._ahead
        try:
            self._open += self._key.open(_nonce(self._number, last=last), chunk, b"")
        except (SealBroken, ValueError):
            raise BackupError("The backup is altered, or its end is missing.") from None
        self._number += 1
        self._ended = last


def _keys(passphrase: bytes, lines: bytes, salt: bytes, cost: int) -> tuple[bytes, bytes]:
    derived = scrypt_key(passphrase, salt, cost)
    bound = hmac_sha256(derived, lp(b"concordant/1/sealed-stream", lines))
    return hmac_sha256(bound, b"check"), hmac_sha256(bound, b"content")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
