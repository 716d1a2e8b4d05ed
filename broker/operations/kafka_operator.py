"""Kafka as its operator sees it: the operator's identity, and the contracts to apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.kafka_settings import connection_of, read_operator_file
from broker.agency.participant import load_participant
from broker.errors import TransportError
from broker.operations.kafka_contracts import contracts_of_bundle, contracts_of_participant
from broker.operations.kafka_host import KafkaHost
from broker.operations.local_kafka import agencies_of, kafka_folder
from broker.transport.access_token import token_subject
from broker.transport.certificates import OPERATOR_NAME, read_certificate
from broker.transport.connection import KafkaConnection, OauthLogin, ScramLogin, TlsFiles


@dataclass(frozen=True, slots=True)
class OperatorAccess:
    """Connection of Kafka's operator, as given to a command.

    Attributes:
        tls: folder with the operator's certificate; None with `settings`, or for the one of a
            trial partnership.
        settings: file with a `[kafka]` section, as in `agency.toml`; None with `tls`.
        bootstrap: Kafka's address, if it is not the one in the settings.
        own: the host's own principals.
    """

    tls: Path | None = None
    settings: Path | None = None
    bootstrap: str | None = None
    own: Sequence[str] = ()


def partnership_host(root: Path, access: OperatorAccess, now: int) -> KafkaHost:
    """Return Kafka with the contracts of a trial partnership.

    Args:
        root: the partnership's folder.
        access: how the operator reaches Kafka; without any identity, with the one in the folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    directory = agencies_of(root)[0]
    if access.tls is None and access.settings is None:
        access = replace(access, tls=kafka_folder(root) / "tls")
    return agency_host(directory, access, now)


def agency_host(agency: Path, access: OperatorAccess, now: int) -> KafkaHost:
    """Return Kafka with the contracts of an agency's folder.

    Args:
        agency: the folder.
        access: how the operator reaches Kafka.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(agency, now)
    connection = operator_connection(access, participant.config.kafka.bootstrap)
    own = [*access.own, *own_names(connection)]
    return KafkaHost(contracts_of_participant(participant), connection, own, now)


def bundle_host(bundle: Path, access: OperatorAccess, now: int) -> KafkaHost:
    """Return Kafka with the contracts of a bundle.

    Args:
        bundle: the file.
        access: how the operator reaches Kafka; `settings`, or `tls` and `bootstrap`.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the bundle is refused, or the operator's settings cannot be used.
    """
    source = contracts_of_bundle(bundle, now)
    connection = operator_connection(access, access.bootstrap or "")
    return KafkaHost(source, connection, [*access.own, *own_names(connection)], now)


def operator_connection(access: OperatorAccess, bootstrap: str) -> KafkaConnection:
    """Return the operator's connection.

    Args:
        access: how the operator reaches Kafka.
        bootstrap: Kafka's address, if `access` names none.

    Raises:
        ConfigError: the operator's settings cannot be used.
    """
    if access.settings is not None:
        section = read_operator_file(access.settings)
        found = connection_of(section, access.settings.parent, OPERATOR_NAME)
    else:
        assert access.tls is not None
        address = access.bootstrap or bootstrap
        found = KafkaConnection(address, TlsFiles.in_folder(access.tls), OPERATOR_NAME)
    names = own_names(found)
    return replace(
        found, bootstrap=access.bootstrap or found.bootstrap, client_id=(*names, OPERATOR_NAME)[0]
    )


def own_names(connection: KafkaConnection) -> list[str]:
    """Return the operator's principals; connecting reports errors of the files.

    An access token is requested for its subject.

    Raises:
        TransportError: there is no token.
    """
    match connection.login:
        case ScramLogin(username, _):
            return [username]
        case OauthLogin(tokens):
            subject = token_subject(tokens.current().value)
            return [tokens.endpoint.client_id, *([subject] if subject else [])]
        case None:
            pass
    if connection.tls.certificate is None:
        return []
    try:
        facts = read_certificate(connection.tls.certificate.read_bytes())
    except (OSError, TransportError):
        return []
    return [name for name in (facts.common_name, facts.subject) if name]
