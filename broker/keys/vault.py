"""Passphrase in HashiCorp Vault or OpenBao: one field of a secret, read over their HTTP API.

Both answer the same requests: `GET /v1/MOUNT/data/PATH` for version 2 of the key-value engine,
`GET /v1/MOUNT/PATH` for version 1, and `POST /v1/auth/MOUNT/login` for AppRole. The connection is
always TLS with a checked certificate. Redirects are not followed, because a token would go to an
address that no setting names. An answer is read up to a limit and until a deadline. Errors give the
address, the path and the HTTP status, and nothing that the store or this process keeps secret.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlsplit

from broker.errors import KeyAccessError
from broker.keys.secret_source import SECRET_LIMIT_BYTES, SecretSource, VaultSource, load_secret
from broker.strict_json import parse_strict_json

ANSWER_LIMIT_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 10.0
_TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,4096}")
_TEMPORARY: Final = frozenset({408, 412, 429, 472, 473})
"""Statuses besides 5xx that say "try again": overload, a standby node, a replica that lags."""


def read_vault(source: VaultSource, environment: Mapping[str, str]) -> bytes:
    """Return the field of the secret as bytes.

    Args:
        source: its place.
        environment: the variables of this process.

    Raises:
        KeyAccessError: `passphrase_store_unreachable`: try again later, or correct the address;
            `passphrase_store_refused`: the store does not accept the token or the role;
            `passphrase_missing`: there is no such secret or field, or no token.
    """
    deadline = time.monotonic() + 3 * TIMEOUT_S
    session = _Session(source, _context(source), deadline)
    if source.token is not None:
        token = load_secret(
            source.token, environment, what="token", setting="[passphrase.vault.token]"
        )
        return session.secret(_header(token, source))
    token = session.login(environment)
    try:
        return session.secret(token)
    finally:
        session.revoke(token)


@dataclass(slots=True)
class _Session:
    """Requests to one store, each on a connection of its own."""

    source: VaultSource
    context: ssl.SSLContext
    deadline: float

    def login(self, environment: Mapping[str, str]) -> bytes:
        """Return a token for the role."""
        source = self.source
        secret_id = load_secret(
            source.secret_id or SecretSource(),
            environment,
            what="secret id",
            setting="[passphrase.vault.secret_id]",
        )
        body = json.dumps(
            {"role_id": source.role_id, "secret_id": secret_id.decode("utf-8", "replace")}
        ).encode()
        status, content = self.ask("POST", f"auth/{source.approle_mount}/login", {}, body)
        if status != 200:
            self.refuse(status, "the role or its secret id")
        found = _member(_document(content, source), "auth", "client_token")
        if not isinstance(found, str):
            raise _malformed(source)
        return _header(found.encode(), source)

    def secret(self, token: bytes) -> bytes:
        """Return the passphrase."""
        source = self.source
        middle = "data/" if source.kv_version == 2 else ""
        headers = {"X-Vault-Token": token.decode("ascii")}
        status, content = self.ask("GET", f"{source.mount}/{middle}{source.path}", headers)
        if status == 404:  # version 2 also answers 404 for a deleted version, with its metadata
            raise _absent(source, "The store has no such secret, or its newest version is deleted.")
        if status != 200:
            self.refuse(status, "the token")
        inner = ("data", "data") if source.kv_version == 2 else ("data",)
        value = _member(_document(content, source), *inner, source.field)
        if not isinstance(value, str) or not value:
            raise _absent(source, f"The secret has no field {source.field!r} with a text.")
        raw = value.encode("utf-8", "surrogatepass")
        if len(raw) > SECRET_LIMIT_BYTES:
            raise _absent(source, "The passphrase is too long.")
        return raw

    def revoke(self, token: bytes) -> None:
        """End a token of AppRole, which serves one request. Else it ends with its lease."""
        with suppress(KeyAccessError):
            headers = {"X-Vault-Token": token.decode("ascii")}
            self.ask("POST", "auth/token/revoke-self", headers)

    def refuse(self, status: int, what: str) -> NoReturn:
        """Turn a status into an error."""
        source = self.source
        if status >= 500 or status in _TEMPORARY:
            reason = "sealed, in maintenance or overloaded"
            raise _unreachable(
                source,
                f"The store of the passphrase cannot answer now (HTTP {status}).",
                f"If it is {reason}, the operators of the store act. Then try again; a service "
                "that restarts tries again by itself.",
            )
        if 300 <= status < 400:
            raise _unreachable(
                source,
                f"The store of the passphrase answers with a redirect (HTTP {status}).",
                "Set the address of the active node or of its load balancer in agency.toml, "
                "[passphrase.vault].",
            )
        raise KeyAccessError(
            f"The store of the passphrase does not accept {what} (HTTP {status}).",
            code="passphrase_store_refused",
            where=source.where,
            fix="Renew the token or the secret id, or let its policy read this path. The settings "
            "are in agency.toml, [passphrase.vault].",
        )

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Return the HTTP status and the body of an answer."""
        source = self.source
        sent = {"X-Vault-Request": "true", "Accept": "application/json", **headers}
        if source.namespace is not None:
            sent["X-Vault-Namespace"] = source.namespace
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            place = urlsplit(source.address)
            connection = http.client.HTTPSConnection(
                place.hostname or "", place.port, timeout=TIMEOUT_S, context=self.context
            )
            with closing(connection):
                connection.request(method, f"/v1/{quote(path, safe='/')}", body, sent)
                answer = connection.getresponse()
                return answer.status, self.content(answer)
        except ssl.SSLCertVerificationError as error:
            raise _unreachable(
                source,
                f"The certificate of the store is not trusted ({error.verify_message}).",
                "Name the authority that issued it in agency.toml, [passphrase.vault] ca.",
            ) from None
        except (OSError, ValueError, http.client.HTTPException) as error:  # a port above 65535
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise _unreachable(
                source,
                f"The store of the passphrase cannot be reached ({reason}).",
                "Check the address in agency.toml, [passphrase.vault], the network and the "
                "firewall. A service that restarts tries again by itself.",
            ) from None

    def content(self, answer: http.client.HTTPResponse) -> bytes:
        """Return the body of an answer, within the limit and before the deadline."""
        found = b""
        while piece := answer.read1(ANSWER_LIMIT_BYTES + 1 - len(found)):
            found += piece
            if len(found) > ANSWER_LIMIT_BYTES or time.monotonic() > self.deadline:
                raise _malformed(self.source)
        return found


def _context(source: VaultSource) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if source.ca is None else str(source.ca))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = "it is no PEM certificate" if isinstance(error, ssl.SSLError) else "no such file"
        raise KeyAccessError(
            f"The certificate of the store's authority cannot be read ({reason}).",
            code="passphrase_store_unreachable",
            where=str(source.ca),
            fix="Put the authority's certificate there, in PEM.",
        ) from None


def _header(token: bytes, source: VaultSource) -> bytes:
    if not _TOKEN.fullmatch(token):
        raise KeyAccessError(
            "The token has characters that no token has.",
            code="passphrase_store_refused",
            where=source.where,
            fix="Put the token alone into its place, on one line.",
        )
    return token


def _document(content: bytes, source: VaultSource) -> object:
    try:
        return parse_strict_json(content)
    except ValueError:
        raise _malformed(source) from None


def _member(document: Any, *names: str) -> object:
    """Return a nested member; None if it or one above it is absent."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _absent(source: VaultSource, detail: str) -> KeyAccessError:
    return KeyAccessError(
        detail,
        code="passphrase_missing",
        where=source.where,
        fix="Put the passphrase there, or correct mount, path, field and kv_version in "
        "agency.toml, [passphrase.vault].",
    )


def _malformed(source: VaultSource) -> KeyAccessError:
    return _unreachable(
        source,
        "The answer is not one of Vault or OpenBao.",
        "Check the address in agency.toml, [passphrase.vault].",
    )


def _unreachable(source: VaultSource, detail: str, fix: str) -> KeyAccessError:
    return KeyAccessError(detail, code="passphrase_store_unreachable", where=source.where, fix=fix)
