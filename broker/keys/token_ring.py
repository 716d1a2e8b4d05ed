"""Public records of the keys that a token holds, beside the key files of a keyring.

A token stores a key and its id, and no validity. So each key has a small public file in the folder
of the keyring: `ROLE-ID.token.json`. It holds nothing secret; without its token it signs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from broker.errors import ConfigError, KeyAccessError
from broker.keys.durable import PUBLIC_MODE, erase, files_in, make_private_folder, write_durably
from broker.keys.keyfile import KEYFILE_LIMIT_BYTES, UNASSIGNED, Base64, Instant, KeyEntry
from broker.keys.kid import ED25519, SIGNING_ROLES, kid
from broker.keys.signer import SoftwareSigner
from broker.keys.token import SigningToken, TokenKey
from broker.strict_json import parse_strict_json

_SUFFIX: Final = ".token.json"


class TokenKeyFile(BaseModel):
    """Content of the file of a key on a token."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["concordant.token-key/v1"] = "concordant.token-key/v1"
    deployment: str
    agency: str
    role: str
    kid: Base64
    public: Base64
    not_before: Instant
    not_after: Instant

    @model_validator(mode="after")
    def _of_one_key(self) -> TokenKeyFile:
        if self.role not in SIGNING_ROLES or kid(self.role, ED25519, self.public) != self.kid:
            raise ValueError("the id is not that of the public key and the role")
        return self

    @property
    def entry(self) -> KeyEntry:
        """Return the key as a keyring lists it."""
        return KeyEntry(self.role, ED25519, self.kid, self.public, self.not_before, self.not_after)


class TokenRing:
    """The keys of one agency that are on a token."""

    def __init__(
        self, folder: Path, *, deployment: str, agency: str, token: SigningToken | None
    ) -> None:
        """Args: token: None if `agency.toml` names none; keys of an earlier one are listed."""
        self._folder = folder
        self._deployment = deployment
        self._agency = agency
        self.token = token

    def makes(self, role: str, algorithm: str) -> bool:
        """Return whether a new key of this kind is made on the token."""
        return self.token is not None and role in SIGNING_ROLES and algorithm == ED25519

    def entries(self) -> list[KeyEntry]:
        """Return the public parts of all keys.

        Raises:
            KeyAccessError: code `key_unreadable`.
        """
        return [self._read(path).entry for path in files_in(self._folder, f"*{_SUFFIX}")]

    def holds(self, kid: bytes) -> bool:
        """Return whether a key is recorded; the token is not asked."""
        return bool(self._paths(kid))

    def signer(self, kid: bytes) -> SoftwareSigner:
        """Return the signing key with this id; the token is asked when it signs.

        Raises:
            KeyAccessError: `key_missing` or `key_unreadable`.
            ConfigError: code `config_signer`: `agency.toml` names no token.
        """
        file = self._read(self._paths(kid)[0])
        if self.token is None:
            raise ConfigError(
                "A key is on a token, and agency.toml names none.",
                code="config_signer",
                where="agency.toml [keys] signing",
                fix="Name the token there again.",
            )
        key = TokenKey(self.token, file.kid, file.public)
        return SoftwareSigner(file.kid, file.role, ED25519, key)

    def create(self, role: str, *, not_before: int, not_after: int) -> KeyEntry:
        """Make a key on the token, and record it.

        Raises:
            KeyAccessError: the token cannot be used, or `key_unreadable`.
        """
        assert self.token is not None
        label = f"concordant {self._agency} {role}"
        found, public = self.token.create(label, lambda raw: kid(role, ED25519, raw))
        file = TokenKeyFile(
            deployment=self._deployment,
            agency=self._agency,
            role=role,
            kid=found,
            public=public,
            not_before=not_before,
            not_after=not_after,
        )
        path = self._folder / f"{role}-{found.hex()}{_SUFFIX}"
        content = orjson.dumps(
            file.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        try:
            make_private_folder(self._folder)
            write_durably(path, content, mode=PUBLIC_MODE)
        except OSError as error:
            raise KeyAccessError(
                f"A key cannot be recorded ({error.strerror}).",
                code="key_unreadable",
                where=str(path),
                fix="Check the owner and the permissions of the folder and its files.",
            ) from None
        return file.entry

    def destroy(self, kid: bytes) -> None:
        """Destroy a key on the token, and its record.

        Raises:
            KeyAccessError: the token cannot be used.
            OSError: the record cannot be removed.
        """
        if self.token is not None:
            self.token.destroy(kid)
        for path in self._paths(kid):
            erase(path)

    def _paths(self, kid: bytes) -> list[Path]:
        return files_in(self._folder, f"*-{kid.hex()}{_SUFFIX}")

    def _read(self, path: Path) -> TokenKeyFile:
        try:
            with path.open("rb") as stream:
                content = stream.read(KEYFILE_LIMIT_BYTES)
            file = TokenKeyFile.model_validate(parse_strict_json(content))
            if file.agency != self._agency or file.deployment not in {self._deployment, UNASSIGNED}:
                raise ValueError
        except (OSError, ValueError, ValidationError):
            raise KeyAccessError(
                "The record of a key on a token cannot be read, or is another agency's.",
                code="key_unreadable",
                where=str(path),
                fix="Check the file and its permissions.",
            ) from None
        return file
