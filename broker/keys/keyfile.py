"""File format of a private key: JSON with an encrypted seed (docs/spec/keys.md, "Storage").

Every private key of this protocol is 32 bytes, the X-Wing key included, so one file format holds
all. scrypt derives the encryption key from the passphrase, once per keyring, because its files
share a salt and a cost. The file names the cost, so a later version can raise it and still open
older files. Nonces are random. The metadata is authenticated: an edited file cannot turn a receipt
key into a stream key. A plain checksum distinguishes a damaged file from a wrong passphrase, which
the cipher alone cannot do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from broker.envelope.primitives import (
    NONCE_BYTES,
    SCRYPT_P,
    SCRYPT_R,
    SEED_BYTES,
    AeadKey,
    SealBroken,
    WrapOpener,
    b64,
    hmac_sha256,
    lp,
    random_bytes,
    sha256,
    strict_b64,
)
from broker.errors import KeyAccessError
from broker.keys.instant import LAST_INSTANT_MS, format_instant, parse_instant
from broker.keys.kid import (
    ALGORITHMS,
    HMAC,
    XWING,
    kid,
)
from broker.keys.signer import SIGNING_KEYS
from broker.strict_json import parse_strict_json

UNASSIGNED: Final = "unassigned"
"""Deployment of an agency that has signed no agreement yet; its first signature sets the name."""
SALT_BYTES: Final = 16
KEYFILE_LIMIT_BYTES: Final = 64 * 1024
SCRYPT_COST: Final = 2**17
"""scrypt's N for new key files: 128 MiB and about 0.4 s (OWASP's minimum for passphrases)."""
SCRYPT_COSTS: Final = tuple(2**power for power in range(17, 21))
"""Costs that a key file may name.

The largest takes 1 GiB of memory, so an altered file cannot make this process allocate more.
"""
_KDFS: Final[dict[str, int]] = {
    f"scrypt-{cost}-{SCRYPT_R}-{SCRYPT_P}": cost for cost in SCRYPT_COSTS
}

_RESTORE: Final = (
    "Restore the file, or bring the governance keys and replace every key: "
    "concordant keys renew --all --agency DIR"
)


def _text_to_bytes(value: Any) -> Any:  # pydantic passes the file's value unchecked
    return strict_b64(value) if isinstance(value, str) else value


def _text_to_instant(value: Any) -> Any:  # as above
    return parse_instant(value) if isinstance(value, str) else value


Base64 = Annotated[bytes, BeforeValidator(_text_to_bytes), PlainSerializer(b64, return_type=str)]
"""Bytes that are strict base64 in JSON."""

# JSON may hold a number in place of an instant's text, also one that has no text. Without the
# bounds, a manifest from Kafka could raise the calendar's own exception.
Instant = Annotated[
    int,
    BeforeValidator(_text_to_instant),
    Field(ge=0, le=LAST_INSTANT_MS),
    PlainSerializer(format_instant, return_type=str),
]
"""Milliseconds since the Unix epoch, written as RFC 3339 text in JSON."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The public part of a held key.

    Attributes:
        role: purpose of the key.
        algorithm: its algorithm.
        kid: its id, 32 bytes.
        public: the raw public key; empty for the sender's secret.
        not_before: start of its validity, milliseconds since the epoch.
        not_after: end of its validity (exclusive), None if it has none.
    """

    role: str
    algorithm: str
    kid: bytes
    public: bytes
    not_before: int
    not_after: int | None


class KeyFile(BaseModel):
    """Content of a key file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["concordant.key/v1"]
    deployment: str
    agency: str
    role: str
    algorithm: str
    kid: Base64
    public: Base64
    not_before: Instant
    not_after: Instant | None
    kdf: str  # one of _KDFS: scrypt with its N, r and p
    salt: Base64
    nonce: Base64
    ciphertext: Base64
    checksum: Base64

    @model_validator(mode="after")
    def _undamaged(self) -> KeyFile:
        if self.checksum != self.expected_checksum():
            raise ValueError("the checksum does not match")
        if len(self.nonce) != NONCE_BYTES or len(self.salt) != SALT_BYTES:
            raise ValueError("the nonce or the salt has the wrong length")
        if self.algorithm not in ALGORITHMS.get(self.role, frozenset()):
            raise ValueError("the role does not use this algorithm")
        if self.kdf not in _KDFS:
            raise ValueError("the key derivation is not an allowed one")
        return self

    @property
    def cost(self) -> int:
        """Return scrypt's N for deriving the encryption key from the passphrase."""
        return _KDFS[self.kdf]

    @property
    def aad(self) -> bytes:
        """Return what the cipher authenticates beside the secret."""
        return lp(
            b"concordant/1/keyfile",
            self.deployment.encode(),
            self.agency.encode(),
            self.role.encode(),
            self.algorithm.encode(),
            self.kid,
            self.public,
            format_instant(self.not_before).encode(),
            b"" if self.not_after is None else format_instant(self.not_after).encode(),
        )

    def expected_checksum(self) -> bytes:
        """Return SHA-256 over everything else in the file; it detects accidents, not attackers."""
        return sha256(
            lp(
                b"concordant/1/keyfile-checksum",
                self.aad,
                self.kdf.encode(),
                self.salt,
                self.nonce,
                self.ciphertext,
            )
        )

    @property
    def entry(self) -> KeyEntry:
        """Return the public part."""
        return KeyEntry(
            self.role, self.algorithm, self.kid, self.public, self.not_before, self.not_after
        )


def public_of(algorithm: str, seed: bytes) -> bytes:
    """Return the raw public key of a 32-byte private key; empty for the sender's secret."""
    if algorithm == HMAC:
        return b""
    key = WrapOpener if algorithm == XWING else SIGNING_KEYS[algorithm]
    return key(seed).public


def kid_of(role: str, algorithm: str, seed: bytes, public: bytes) -> bytes:
    """Return the key's id; for a secret, which has no public half, from a one-way image."""
    named = hmac_sha256(seed, b"concordant/1/secret-id") if algorithm == HMAC else public
    return kid(role, algorithm, named)


def seal_key(
    seed: bytes,
    *,
    deployment: str,
    agency: str,
    role: str,
    algorithm: str,
    not_before: int,
    not_after: int | None,
    encryption_key: bytes,
    salt: bytes,
    cost: int = SCRYPT_COST,
) -> KeyFile:
    """Encrypt a private key for its file.

    Args:
        seed: the private key, 32 bytes.
        deployment: the partnership's id.
        agency: the holder's id.
        role: purpose of the key.
        algorithm: one of the role's algorithms.
        not_before: start of its validity, milliseconds.
        not_after: end of its validity, milliseconds, exclusive; None if it has none.
        encryption_key: 32 bytes from the passphrase, `salt` and `cost`.
        salt: 16 bytes, the keyring's.
        cost: scrypt's N, one of ``SCRYPT_COSTS``.
    """
    public = public_of(algorithm, seed)
    bare = KeyFile.model_construct(
        format="concordant.key/v1",
        deployment=deployment,
        agency=agency,
        role=role,
        algorithm=algorithm,
        kid=kid_of(role, algorithm, seed, public),
        public=public,
        not_before=not_before,
        not_after=not_after,
        kdf=f"scrypt-{cost}-{SCRYPT_R}-{SCRYPT_P}",
        salt=salt,
        nonce=random_bytes(NONCE_BYTES),
        ciphertext=b"",
        checksum=b"",
    )
    ciphertext = AeadKey(encryption_key).seal(bare.nonce, seed, bare.aad)
    filled = bare.model_copy(update={"ciphertext": ciphertext})
    return filled.model_copy(update={"checksum": filled.expected_checksum()})


def open_key(file: KeyFile, encryption_key: bytes, where: str) -> bytes:
    """Return the private key, 32 bytes.

    Raises:
        KeyAccessError: `passphrase_wrong`, or `key_unreadable` if the file holds another key.
    """
    try:
        seed = AeadKey(encryption_key).open(file.nonce, file.ciphertext, file.aad)
    except SealBroken:
        raise KeyAccessError(
            "The passphrase does not open the key.",
            code="passphrase_wrong",
            where=where,
            fix="Use the passphrase that was set when the key was made.",
        ) from None
    if len(seed) != SEED_BYTES or (
        kid_of(file.role, file.algorithm, seed, file.public) != file.kid
        or public_of(file.algorithm, seed) != file.public
    ):
        raise KeyAccessError(
            "The key file holds another key than it states.",
            code="key_unreadable",
            where=where,
            fix=_RESTORE,
        )
    return seed


def opens(file: KeyFile, encryption_key: bytes, where: str) -> bool:
    """Return whether this encryption key opens the private key. Raises as `open_key` otherwise."""
    try:
        open_key(file, encryption_key, where)
    except KeyAccessError as error:
        if error.code != "passphrase_wrong":
            raise
        return False
    return True


def format_destruction(entry: KeyEntry, now: int, reason: str) -> bytes:
    """Return the record of a key's destruction: indented JSON with a line end."""
    return _json(
        {
            "format": "concordant.destruction/v1",
            "kid": b64(entry.kid),
            "role": entry.role,
            "algorithm": entry.algorithm,
            "not_before": format_instant(entry.not_before),
            "not_after": None if entry.not_after is None else format_instant(entry.not_after),
            "destroyed": format_instant(now),
            "reason": reason,
        }
    )


def format_keyfile(file: KeyFile) -> bytes:
    """Return the file's bytes: indented JSON with a line end."""
    return _json(file.model_dump(mode="json"))


def _json(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def parse_keyfile(content: bytes, where: str) -> KeyFile:
    """Parse a key file without opening the key.

    Raises:
        KeyAccessError: code `key_unreadable`: it is damaged, or not a key file.
    """
    damaged = KeyAccessError(
        "The key file is damaged or is not a key file.",
        code="key_unreadable",
        where=where,
        fix=_RESTORE,
    )
    if len(content) > KEYFILE_LIMIT_BYTES:
        raise damaged
    try:
        return KeyFile.model_validate(parse_strict_json(content))
    except (ValueError, ValidationError):
        raise damaged from None
