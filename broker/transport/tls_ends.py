"""Ends of the TLS files with which a client reaches Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from broker.errors import TransportError
from broker.transport.certificates import CertificateFacts, read_certificate, read_certificates
from broker.transport.connection import KafkaConnection, ssl_context
from broker.transport.renewable_context import FileMarks, file_marks

TlsPart: TypeAlias = Literal["certificate", "authority"]


class TlsEnds:
    """Ends of the certificate and the authority of a connection; read again when files change.

    With SASL there is no client certificate. The authorities of the operating system have no end.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._tls = connection.tls
        self._minimum = connection.minimum_tls
        self._marks: FileMarks | None = None
        self._ends: Mapping[TlsPart, int] = {}
        self.problem: TransportError | None = None
        """Fault for which the files cannot be used; None if they can."""

    def read(self) -> Mapping[TlsPart, int]:
        """Return the ends in milliseconds since the epoch; 0 for files that cannot be used.

        Such files stop no running connection, but no new one can begin with them.
        """
        marks = file_marks(self._tls.present)
        if marks != self._marks:
            self._marks, self._ends = marks, self._read()
        return self._ends

    def _read(self) -> Mapping[TlsPart, int]:
        parts: tuple[tuple[TlsPart, Path | None], ...] = (
            ("certificate", self._tls.certificate),
            ("authority", self._tls.ca),
        )
        found: dict[TlsPart, int] = {}
        try:
            self.problem = None
            ssl_context(self._tls, self._minimum)
        except TransportError as error:
            self.problem = error
        for part, path in parts:
            if path is not None:
                found[part] = _end(part, path)
        if self.problem is not None and found and all(found.values()):
            # each file can be read, but they do not fit together
            found["certificate" if "certificate" in found else "authority"] = 0
        return found


def tls_facts(part: TlsPart, pem: bytes) -> CertificateFacts:
    """Return the facts that count for the end of a file.

    The first certificate of our own file is ours; those of its issuers may follow. A file of
    authorities may hold an old and a new one, and the one that lasts longest counts.

    Raises:
        TransportError: `certificate_invalid`.
    """
    if part == "certificate":
        return read_certificate(pem)
    return max(read_certificates(pem), key=lambda facts: facts.not_after)


def _end(part: TlsPart, path: Path) -> int:
    try:
        return tls_facts(part, path.read_bytes()).not_after
    except (OSError, TransportError):
        return 0
