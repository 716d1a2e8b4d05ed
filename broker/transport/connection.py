"""Connection settings for Kafka: an address and a TLS identity.

Every connection is TLS 1.3 with a client certificate, and no option can change that. aiokafka takes
an `ssl.SSLContext`, librdkafka (administration) takes file names.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from broker.errors import TransportError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a TLS identity.

    Attributes:
        ca: certificate authorities that may issue Kafka's certificate.
        certificate: our certificate; its common name is our Kafka principal.
        key: our private key, without a passphrase.
    """

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> TlsFiles:
        """The three files as `certificates.save_identity` names them."""
        return cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Kafka's address and our identity.

    Attributes:
        bootstrap: `host:port`, several separated by commas.
        tls: our identity.
        client_id: our name in Kafka's logs: the agency's id.
    """

    bootstrap: str
    tls: TlsFiles
    client_id: str = "concordant"


def wrong_address(bootstrap: str) -> str | None:
    """Return the first of Kafka's addresses that is not HOST:PORT, or None."""
    for address in map(str.strip, bootstrap.split(",")):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            return address
    return None


def ssl_context(tls: TlsFiles) -> ssl.SSLContext:
    """Return a context that speaks TLS 1.3 only and presents our certificate.

    Raises:
        TransportError: `certificate_unreadable`, a file is missing or invalid.
    """
    for path in (tls.ca, tls.certificate, tls.key):
        if not path.is_file():
            raise TransportError(
                "a TLS file for Kafka is missing",
                code="certificate_unreadable",
                where=str(path),
                fix="put the PEM file there, or name another: an agency in agency.toml, Kafka's "
                "host with --tls",
            )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cafile=str(tls.ca))
        context.load_cert_chain(str(tls.certificate), str(tls.key), password=_no_passphrase)
    except (ssl.SSLError, OSError, ValueError):
        raise TransportError(
            "the TLS files for Kafka cannot be used together",
            code="certificate_unreadable",
            where=str(tls.certificate),
            fix="check that key.pem belongs to cert.pem, has no passphrase, and that all are PEM",
        ) from None
    return context


def admin_settings(connection: KafkaConnection) -> dict[str, str | int | bool]:
    """Return librdkafka's settings for the same connection.

    Raises:
        TransportError: as `ssl_context`.
    """
    ssl_context(connection.tls)
    return {
        "bootstrap.servers": connection.bootstrap,
        "client.id": connection.client_id,
        "security.protocol": "ssl",
        "ssl.ca.location": str(connection.tls.ca),
        "ssl.certificate.location": str(connection.tls.certificate),
        "ssl.key.location": str(connection.tls.key),
        "ssl.endpoint.identification.algorithm": "https",
        # log level "critical": librdkafka writes to stderr and bypasses every logger
        "log_level": 2,
        "log.connection.close": False,
    }


def _no_passphrase() -> bytes:
    raise ValueError("a key with a passphrase would ask for it on the terminal")
