"""Bearer tokens of the HTTP interface: each names a system and what it may do.

A token has 256 random bits and is shown once. The file `api-tokens.json` in the agency's folder
holds only its SHA-256 hash, which is enough because a random token cannot be guessed. The file is
not in the state database and not in a backup: a restore must not let a token in that was revoked
meanwhile. A running adapter sees a change of the file at the next request.
"""

from __future__ import annotations

import hmac
import re
import secrets
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from adapters.protected_file import UnprotectedFileError, read_protected
from broker.agency.running import API_TOKENS_FILE
from broker.errors import ConfigError, WrongInputError
from broker.keys.durable import SECRET_MODE, write_durably
from broker.keys.instant import format_instant, parse_instant
from broker.store.exclusion import exclusive
from contracts.durations import DAY_MS

__all__ = [
    "SCOPES",
    "Identity",
    "Scope",
    "StoredToken",
    "TokenBook",
    "certificate_hash",
    "new_token",
    "revoke",
    "stored_tokens",
]

Scope = Literal["publish", "read", "result", "status"]
SCOPES: Final[tuple[Scope, ...]] = ("publish", "read", "result", "status")
PREFIX: Final = "concordant"
SECRET_BYTES: Final = 32
MOST_TOKENS: Final = 1_000
MOST_DAYS: Final = 3_650
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_TOKEN: Final = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})_([A-Za-z0-9_-]{{43}})")
_LIMIT_BYTES: Final = 1_048_576
_NO_HASH: Final = bytes(32)
_LOCK: Final = "state/api-tokens.lock"

Sha256Text = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
Instant = Annotated[str, Field(max_length=64)]


class StoredToken(BaseModel):
    """One token as the file holds it.

    Attributes:
        id: public part of the token, by which it is revoked.
        name: the system that uses it.
        scopes: what it may do: ``publish``, ``read``, ``result``.
        sha256: hash of its secret part.
        created, expires: RFC 3339.
        certificate: SHA-256 of the client certificate that must come with it, if any.
        revoked: when it was revoked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{8}\z")]
    name: Annotated[str, StringConstraints(pattern=rf"\A{NAME.pattern}\z")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=4, strict=False)]
    sha256: Sha256Text
    created: Instant
    expires: Instant
    certificate: Sha256Text | None = None
    revoked: Instant | None = None

    def state(self, now: int) -> str:
        """Return ``valid``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if now < parse_instant(self.expires) else "expired"


class _TokenFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["concordant.api-tokens/v1"] = "concordant.api-tokens/v1"
    tokens: Annotated[tuple[StoredToken, ...], Field(max_length=MOST_TOKENS, strict=False)] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """The system that sent a request, by its token.

    Attributes:
        name: name of the system.
        scopes: what it may do.
        token: public id of the token.
    """

    name: str
    scopes: frozenset[str]
    token: str


def stored_tokens(root: Path) -> tuple[StoredToken, ...]:
    """Return every token of an agency, the revoked ones included.

    Raises:
        ConfigError: `api_tokens_unreadable`.
    """
    return _read(root / API_TOKENS_FILE).tokens


def new_token(
    root: Path,
    name: str,
    scopes: Collection[Scope],
    now: int,
    *,
    days: int = 365,
    certificate: str | None = None,
) -> tuple[StoredToken, str]:
    """Make a token. Returns what is stored, and the token, which nothing stores.

    Args:
        root: the agency's folder.
        name: name of the system: lower-case letters, digits and hyphens.
        scopes: what it may do.
        now: ms.
        days: number of days after which it expires.
        certificate: SHA-256 of the client certificate to which it is bound, hexadecimal.

    Raises:
        WrongInputError: `api_token_invalid`.
        ConfigError: `api_tokens_unreadable`.
    """
    if not NAME.fullmatch(name) or not scopes or not 0 < days <= MOST_DAYS:
        raise WrongInputError(
            "A token needs a name of lower-case letters, digits and hyphens, at least one scope, "
            f"and 1 to {MOST_DAYS:,} days.",
            code="api_token_invalid",
            fix="Correct the option, for example: --name housing --scope publish --days 365",
        )
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with exclusive(_lock(root)):
        before = stored_tokens(root)
        if len(before) >= MOST_TOKENS:
            raise WrongInputError(
                f"This agency has {MOST_TOKENS:,} tokens already.",
                code="api_token_invalid",
                fix="Correct the list api-tokens.json: it keeps revoked tokens, too.",
            )
        taken = {one.id for one in before}
        id_ = next(one for one in iter(lambda: secrets.token_hex(4), None) if one not in taken)
        token = StoredToken(
            id=id_,
            name=name,
            scopes=tuple(one for one in SCOPES if one in scopes),
            sha256=_hash(secret).hex(),
            created=format_instant(now),
            expires=format_instant(now + days * DAY_MS),
            certificate=certificate,
        )
        _write(root, (*before, token))
    return token, f"{PREFIX}_{id_}_{secret}"


def revoke(root: Path, id_: str, now: int) -> StoredToken:
    """Revoke a token by its public id. A token that was revoked before stays as it is.

    Raises:
        WrongInputError: `api_token_unknown`.
        ConfigError: `api_tokens_unreadable`.
    """
    with exclusive(_lock(root)):
        before = stored_tokens(root)
        found = next((one for one in before if one.id == id_), None)
        if found is None:
            raise WrongInputError(
                "This agency has no token with this id.",
                code="api_token_unknown",
                fix="Give an id of: concordant adapter token list --agency DIR",
            )
        if found.revoked is None:
            revoked = found.model_copy(update={"revoked": format_instant(now)})
            _write(root, tuple(revoked if one is found else one for one in before))
            return revoked
        return found


class TokenBook:
    """The tokens as a running adapter knows them. It reads the file again when it has changed."""

    def __init__(self, root: Path) -> None:
        self._path = root / API_TOKENS_FILE
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, StoredToken] = {}

    def identify(self, token: str, certificate: str | None, now: int) -> Identity | None:
        """Return the system of a token; None if the token is not valid now.

        Args:
            token: as the client sent it.
            certificate: SHA-256 of the client's certificate, hexadecimal.
            now: ms.

        Raises:
            ConfigError: `api_tokens_unreadable`.
        """
        self._refresh()
        parts = _TOKEN.fullmatch(token)
        stored = self._tokens.get(parts[1]) if parts else None
        # The hash is computed and compared also for an unknown id, in constant time.
        expected = _NO_HASH if stored is None else bytes.fromhex(stored.sha256)
        same = hmac.compare_digest(_hash(parts[2] if parts else ""), expected)
        if stored is None or not same or stored.state(now) != "valid":
            return None
        if stored.certificate is not None and not hmac.compare_digest(
            stored.certificate, certificate or ""
        ):
            return None
        return Identity(stored.name, frozenset(stored.scopes), stored.id)

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, {}
            return
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._tokens = {one.id: one for one in _read(self._path).tokens}
            self._seen = seen


def _lock(root: Path) -> Path:
    (root / _LOCK).parent.mkdir(mode=0o700, exist_ok=True)
    return root / _LOCK


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _read(path: Path) -> _TokenFile:
    try:
        content = read_protected(path, _LIMIT_BYTES)
    except FileNotFoundError:
        return _TokenFile()
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from None
    except UnprotectedFileError as error:
        raise _unreadable(path, str(error)) from None
    try:
        found = _TokenFile.model_validate(orjson.loads(content))
        for one in found.tokens:
            parse_instant(one.expires)
    except (ValueError, ValidationError):
        raise _unreadable(path, "its content is not a list of tokens") from None
    return found


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"The list of tokens cannot be used ({reason}).",
        code="api_tokens_unreadable",
        where=str(path),
        fix="Correct the owner and the permissions (0600). If the content is damaged, remove the "
        "file and make new tokens: concordant adapter token new --agency DIR",
    )


def _write(root: Path, tokens: tuple[StoredToken, ...]) -> None:
    content = _TokenFile(tokens=tokens).model_dump(mode="json")
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_durably(root / API_TOKENS_FILE, orjson.dumps(content, option=options), mode=SECRET_MODE)


def certificate_hash(path: Path) -> str:
    """Return the SHA-256 of a certificate file (PEM), hexadecimal.

    Raises:
        WrongInputError: `api_token_invalid`.
    """
    try:
        content = path.read_text(encoding="ascii")
        return sha256(ssl.PEM_cert_to_DER_cert(content.strip())).hexdigest()
    except (OSError, ValueError):
        raise WrongInputError(
            "The client certificate cannot be read: it must be one certificate in PEM.",
            code="api_token_invalid",
            where=str(path),
            fix="Correct the option --certificate.",
        ) from None
