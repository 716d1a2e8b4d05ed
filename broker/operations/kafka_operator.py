"""Kafka as its operator sees it: the operator's identity, and the contracts of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from broker.agency.participant import load_participant
from broker.errors import TransportError
from broker.operations.kafka_host import KafkaHost
from broker.operations.local_kafka import agencies_of, kafka_folder
from broker.transport.certificates import OPERATOR_NAME, read_certificate
from broker.transport.connection import KafkaConnection, TlsFiles


def partnership_host(
    root: Path, tls: Path | None, bootstrap: str | None, own: Sequence[str], now: int
) -> KafkaHost:
    """Return Kafka with the contracts of a trial partnership.

    Args:
        root: the partnership's folder.
        tls: the operator's TLS identity; None for the one in the folder.
        bootstrap: Kafka's address, if it is not the one in `agency.toml`.
        own: the host's own principals.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    directory = agencies_of(root)[0]
    return agency_host(directory, tls or kafka_folder(root) / "tls", bootstrap, own, now)


def agency_host(
    agency: Path, tls: Path, bootstrap: str | None, own: Sequence[str], now: int
) -> KafkaHost:
    """Return Kafka with the contracts of an agency's folder.

    Args:
        agency: the folder.
        tls: the operator's TLS identity.
        bootstrap: Kafka's address, if it is not the one in `agency.toml`.
        own: the host's own principals.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(agency, now)
    files = TlsFiles.in_folder(tls)
    name, subject = _operator(files)
    connection = KafkaConnection(bootstrap or participant.config.kafka.bootstrap, files, name)
    return KafkaHost(participant, connection, [*own, subject], now)


def _operator(files: TlsFiles) -> tuple[str, str]:
    """Return the operator's name and whole subject; connecting reports errors of the files."""
    try:
        facts = read_certificate(files.certificate.read_bytes())
    except (OSError, TransportError):
        return OPERATOR_NAME, OPERATOR_NAME
    return facts.common_name or OPERATOR_NAME, facts.subject
