"""Checks of Kafka for this agency: reachable, our login, its clock, and our rights there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

from broker.agency.participant import Participant
from broker.errors import TransportError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.operations.checks.check import Check, failed, passed, skipped
from broker.operations.checks.rights_checks import (
    OTHER_RIGHTS,
    RIGHTS,
    needed_rights,
    rights_results,
)
from broker.statements.heartbeats import SILENT_INTERVALS
from broker.transport import provisioning
from broker.transport.access_token import token_subject
from broker.transport.connection import KafkaConnection, OauthLogin, ScramLogin, ssl_context
from broker.transport.topics import control_topics
from contracts.durations import duration_text
from contracts.model import HEARTBEAT_INTERVAL_OF_MANY_MS
from contracts.phrases import N_, Phrase, phrase

RECENT_MS: Final = SILENT_INTERVALS * HEARTBEAT_INTERVAL_OF_MANY_MS
"""Age that the newest heartbeat never has while adapters run."""
KAFKA: Final = ("kafka", "kafka clock", RIGHTS, OTHER_RIGHTS)
"""Names of the checks."""
_API_VERSIONS: Final = bytes.fromhex("0000000a00120000" + "00000001ffff")
"""Kafka's first request, 14 bytes: Kafka refuses a client certificate only at a request."""


def kafka_checks(participant: Participant, now: int, timeout_s: float) -> Iterator[Check]:
    """Check that Kafka is reachable, its clock agrees, and every right of the contract exists.

    Raises:
        TransportError: the TLS files cannot be used.
    """
    from broker.transport.kafka.rights import try_login, try_rights

    connection = participant.kafka_connection()
    try:
        reached = _reach(connection, timeout_s)
        try_login(connection, timeout_s)
    except TransportError as error:
        yield failed("kafka", error)
        for name in KAFKA[1:]:
            yield skipped(name, N_("Kafka cannot be reached"))
        return
    yield passed("kafka", reached)
    yield from _token_owner(connection, participant, now)
    asked = needed_rights(participant, now)
    try:
        tried = try_rights(connection, asked, timeout_s)
        newest = Probe(connection, timeout_s).newest(
            control_topics(participant.deployment).heartbeats
        )
    except TransportError as error:
        yield failed(RIGHTS, error)
        return
    yield _clock(newest, now)
    yield from rights_results(asked, tried)


def _token_owner(
    connection: KafkaConnection, participant: Participant, now: int
) -> Iterator[Check]:
    """Compare the subject of our access token with our principal in each contract in force."""
    if not isinstance(connection.login, OauthLogin):
        return
    subject = token_subject(connection.login.tokens.current().value)
    for signed in participant.contracts.live(now):
        party = signed.contract.party(participant.agency)
        if subject is not None and party is not None and party.principal != subject:
            yield Check(
                "principal",
                "warn",
                phrase(
                    "%(name)s %(version)s gives our rights to the Kafka principal "
                    "%(principal)s, the subject of our access token is %(subject)s",
                    name=signed.contract.name,
                    version=signed.contract.version,
                    principal=party.principal,
                    subject=subject,
                ),
                N_(
                    "unless Kafka takes the principal from another claim, have the contract "
                    "name this one, or use the client of that principal"
                ),
                "principal_differs",
            )


class Probe(provisioning.Provisioner):
    """Requests that any client may make."""

    def __init__(self, connection: KafkaConnection, timeout_s: float) -> None:
        """Connect on first use."""
        super().__init__(connection)
        self._timeout_s = timeout_s

    def newest(self, topic: str) -> int | None:
        """Return when Kafka stored the newest record of a topic's first partition, by its clock.

        Returns:
            Milliseconds since the epoch; None if there is none or this client may not know.
        """
        library: Any = provisioning._library()
        partition = library._TopicPartition(topic, 0)
        asked = {partition: library.OffsetSpec.max_timestamp()}
        answers = self._admin.list_offsets(asked, request_timeout=self._timeout_s)
        try:
            stamp: int = self._ask(answers[partition].result).timestamp
        except TransportError:
            return None
        return stamp if stamp > 0 else None


def _reach(connection: KafkaConnection, timeout_s: float) -> Phrase:
    """Return, in words, which address answers over which TLS, and that it accepts our login."""
    context = ssl_context(connection.tls, connection.minimum_tls)
    problem: TransportError | None = None
    for address in connection.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with (
                socket.create_connection((host.strip("[]"), int(port)), timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=host.strip("[]")) as tls,
            ):
                version = (tls.version() or "TLS").replace("v", " ")
                tls.sendall(_API_VERSIONS)
                if tls.recv(4):
                    return phrase(
                        "%(address)s answers over %(version)s %(accepts)s",
                        address=address.strip(),
                        version=version,
                        accepts=_accepts(connection),
                    )
                problem = _unreachable(
                    address, N_("it closed the connection: it does not know our certificate")
                )
        except ssl.SSLCertVerificationError as error:
            problem = _unreachable(
                address,
                phrase("its certificate is not valid: %(reason)s", reason=error.verify_message),
            )
        except ssl.SSLError:
            problem = _unreachable(
                address,
                phrase(
                    "it does not speak TLS %(version)s with us, or refuses us",
                    version=connection.minimum_tls,
                ),
            )
        except socket.gaierror:
            problem = _unreachable(address, N_("the host does not exist"))
        except ValueError:
            problem = _unreachable(address, N_("it is not HOST:PORT"))
        except OSError as error:
            problem = _unreachable(address, _reason(error))
    assert problem is not None
    raise problem


def _reason(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else N_("no answer in time")


def _accepts(connection: KafkaConnection) -> Phrase:
    match connection.login:
        case ScramLogin(username, _):
            return phrase("and accepts %(username)s with our password", username=username)
        case OauthLogin(tokens):
            return phrase("and accepts a token of %(address)s", address=tokens.endpoint.address)
        case None:
            return N_("and accepts our certificate")


def _unreachable(address: str, reason: str) -> TransportError:
    return TransportError(
        phrase(
            "Kafka at %(address)s does not answer: %(reason)s.",
            address=address.strip(),
            reason=reason,
        ),
        code="kafka_unreachable",
        where="agency.toml: kafka",
        fix=N_(
            "check the address, the network and the TLS files; for a trial: concordant kafka "
            "up --root DIR"
        ),
    )


def _clock(newest: int | None, now: int) -> Check:
    if newest is None:
        return skipped("kafka clock", N_("Kafka holds no heartbeat yet to compare with"))
    if newest - now > CLOCK_SKEW_MS:
        return Check(
            "kafka clock",
            "fail",
            phrase("this clock is %(time)s behind Kafka's", time=duration_text(newest - now)),
            N_("set both clocks by NTP (chrony or systemd-timesyncd)"),
            "clock_behind",
        )
    if now - newest > RECENT_MS:
        age = duration_text(now - newest)
        return passed(
            "kafka clock",
            phrase("not behind Kafka's; the newest heartbeat is %(age)s old", age=age),
        )
    return passed("kafka clock", N_("within minutes of Kafka's"))
