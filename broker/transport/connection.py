"""Connection settings for Kafka: an address, TLS, and how this client proves who it is.

Every Kafka client of this software takes its settings from here, in one of three ways: a client
certificate (mutual TLS), a password (SASL/SCRAM-SHA-512) or an access token (SASL/OAUTHBEARER).
Every connection is TLS with a checked server certificate: TLS 1.3, or from TLS 1.2 on where
`[kafka] minimum_tls` says so. aiokafka takes an `ssl.SSLContext`; librdkafka, which administers,
takes file names.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from broker.errors import TransportError
from broker.transport.access_token import AccessTokens

MinimumTls: TypeAlias = Literal["1.2", "1.3"]

SCRAM_MECHANISM: Final = "SCRAM-SHA-512"
OAUTH_MECHANISM: Final = "OAUTHBEARER"

_TLS_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_NO_TLS_1_2: Final = "PSK-AES256-GCM-SHA384"
"""A TLS 1.2 cipher suite that needs a shared key.

librdkafka has no setting for the lowest version of TLS. This client has no shared key, so this list
leaves TLS 1.2 and below without a cipher suite. TLS 1.3 has cipher suites of its own.
"""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of TLS.

    Attributes:
        ca: certificate authorities that may issue Kafka's certificate; None for those of the
            operating system.
        certificate: our certificate, whose common name is our Kafka principal; None with SASL.
        key: our private key, without a passphrase; None with SASL.
    """

    ca: Path | None
    certificate: Path | None
    key: Path | None

    @classmethod
    def in_folder(cls, folder: Path) -> TlsFiles:
        """The three files as `certificates.save_identity` names them."""
        return cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")

    @property
    def present(self) -> tuple[Path, ...]:
        """Return the files that are used."""
        return tuple(path for path in (self.ca, self.certificate, self.key) if path is not None)


@dataclass(frozen=True, slots=True)
class ScramLogin:
    """Login with a password, which never leaves this machine (SCRAM-SHA-512).

    Attributes:
        username: the Kafka principal's name.
        read_password: returns the password; called for each new client, so that a changed one
            counts without a restart.
    """

    username: str
    read_password: Callable[[], str]


@dataclass(frozen=True, slots=True)
class OauthLogin:
    """Login with an access token (OAUTHBEARER).

    Attributes:
        tokens: source of tokens; all clients of a process share it.
    """

    tokens: AccessTokens


Login: TypeAlias = ScramLogin | OauthLogin


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Kafka's address and our identity.

    Attributes:
        bootstrap: `host:port`, several separated by commas.
        tls: whom we trust, and our certificate.
        client_id: our name in Kafka's logs: the agency's id.
        login: how we log in over TLS; None: the certificate is our identity.
        minimum_tls: the lowest version of TLS.
    """

    bootstrap: str
    tls: TlsFiles
    client_id: str = "concordant"
    login: Login | None = None
    minimum_tls: MinimumTls = "1.3"


def wrong_address(bootstrap: str) -> str | None:
    """Return the first of Kafka's addresses that is not HOST:PORT, or None."""
    for address in map(str.strip, bootstrap.split(",")):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            return address
    return None


def ssl_context(tls: TlsFiles, minimum: MinimumTls = "1.3") -> ssl.SSLContext:
    """Return a context that checks Kafka's certificate and presents ours, if there is one.

    Raises:
        TransportError: `certificate_unreadable`, a file is missing or invalid.
    """
    for path in tls.present:
        if not path.is_file():
            raise TransportError(
                "a TLS file for Kafka is missing",
                code="certificate_unreadable",
                where=str(path),
                fix="An agency: add the bundle of Kafka's host (concordant bundle add), or name "
                "another file in agency.toml. Kafka's host: name the folder with --tls.",
            )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _TLS_VERSIONS[minimum]
    try:
        if tls.ca is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(cafile=str(tls.ca))
        if tls.certificate is not None:
            context.load_cert_chain(str(tls.certificate), str(tls.key), password=_no_passphrase)
    except (ssl.SSLError, OSError, ValueError):
        raise TransportError(
            "the TLS files for Kafka cannot be used together",
            code="certificate_unreadable",
            where=str(tls.certificate or tls.ca),
            fix="Check that key.pem belongs to cert.pem, has no passphrase, and that all are PEM.",
        ) from None
    return context


def admin_settings(connection: KafkaConnection) -> dict[str, Any]:
    """Return librdkafka's settings for the same connection.

    Raises:
        TransportError: as `ssl_context`; `kafka_password_missing`.
    """
    tls = connection.tls
    ssl_context(tls)
    settings: dict[str, Any] = {
        "bootstrap.servers": connection.bootstrap,
        "client.id": connection.client_id,
        "security.protocol": "ssl" if connection.login is None else "sasl_ssl",
        "ssl.ca.location": "probe" if tls.ca is None else str(tls.ca),
        "ssl.endpoint.identification.algorithm": "https",
        # log level "critical": librdkafka writes to stderr and bypasses every logger
        "log_level": 2,
        "log.connection.close": False,
    }
    if tls.certificate is not None:
        settings["ssl.certificate.location"] = str(tls.certificate)
        settings["ssl.key.location"] = str(tls.key)
    if connection.minimum_tls == "1.3":
        settings["ssl.cipher.suites"] = _NO_TLS_1_2
    match connection.login:
        case ScramLogin(username, read_password):
            settings["sasl.mechanisms"] = SCRAM_MECHANISM
            settings["sasl.username"] = username
            settings["sasl.password"] = read_password()
        case OauthLogin(tokens):
            settings["sasl.mechanisms"] = OAUTH_MECHANISM
            settings["oauth_cb"] = lambda _: _as_librdkafka(tokens)
        case None:
            pass
    return settings


def _as_librdkafka(tokens: AccessTokens) -> tuple[str, float]:
    token = tokens.current()
    return token.value, token.ends_ms / 1000


def _no_passphrase() -> bytes:
    raise ValueError("a key with a passphrase would ask for it on the terminal")
