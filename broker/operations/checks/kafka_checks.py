"""Checks of Kafka for this agency: reachable, its clock, and the rights of the contract.

Kafka reports what a client may do with a topic, so the check writes nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from broker.agency.participant import Participant
from broker.errors import TransportError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.operations.checks.check import Check, failed, passed, skipped
from broker.transport import provisioning
from broker.transport.connection import KafkaConnection, ssl_context
from broker.transport.topics import control_topics, readable_topics, writable_topics
from contracts.durations import MINUTE_MS, duration_text

RECENT_MS: Final = 3 * MINUTE_MS
"""Heartbeats arrive once a minute, so with running adapters the newest is never older than this."""
_APPLY: Final = "ask Kafka's host to run: concordant kafka apply"
_API_VERSIONS: Final = bytes.fromhex("0000000a00120000" + "00000001ffff")
"""Kafka's first request, 14 bytes: Kafka refuses a client certificate only at a request."""


def kafka_checks(participant: Participant, now: int, timeout_s: float) -> Iterator[Check]:
    """Check that Kafka is reachable, its clock agrees, and every right of the contract exists.

    Raises:
        TransportError: the TLS files cannot be used.
    """
    connection = participant.kafka_connection()
    try:
        reached = _reach(connection, timeout_s)
    except TransportError as error:
        yield failed("kafka", error)
        yield skipped("kafka clock", "Kafka cannot be reached")
        yield skipped("rights", "Kafka cannot be reached")
        return
    yield passed("kafka", f"{reached} answers over TLS 1.3 and accepts our certificate")
    probe = Probe(connection, timeout_s)
    needed = _needed(participant, now)
    try:
        allowed = probe.allowed(tuple(needed))
        newest = probe.newest(control_topics(participant.deployment).heartbeats)
    except TransportError as error:
        yield failed("rights", error)
        return
    yield _clock(newest, now)
    yield from _rights(needed, allowed)


class Probe(provisioning.Provisioner):
    """Requests that any client may make about its own rights."""

    def __init__(self, connection: KafkaConnection, timeout_s: float) -> None:
        """Connect on first use."""
        super().__init__(connection)
        self._timeout_s = timeout_s

    def allowed(self, topics: tuple[str, ...]) -> dict[str, frozenset[str]]:
        """Return what Kafka lets this client do with each topic; nothing for an absent topic.

        Returns:
            Lower-case operations by topic.

        Raises:
            TransportError: `kafka_unreachable`.
        """
        library: Any = provisioning._library()
        answers = self._admin.describe_topics(
            library._TopicCollection(list(topics)),
            include_authorized_operations=True,
            request_timeout=self._timeout_s,
        )
        found: dict[str, frozenset[str]] = {}
        for topic, answer in answers.items():
            found[topic] = frozenset()
            # Kafka gives the same answer for unknown and for not allowed
            with contextlib.suppress(TransportError):
                operations = self._ask(answer.result).authorized_operations or []
                found[topic] = frozenset(one.name.lower() for one in operations)
        return found

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


def _reach(connection: KafkaConnection, timeout_s: float) -> str:
    """Return the first address that answers."""
    context = ssl_context(connection.tls)
    problem: TransportError | None = None
    for address in connection.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with (
                socket.create_connection((host.strip("[]"), int(port)), timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=host.strip("[]")) as tls,
            ):
                tls.sendall(_API_VERSIONS)
                if tls.recv(4):
                    return address.strip()
                problem = _unreachable(
                    address, "it closed the connection: it does not know our certificate"
                )
        except ssl.SSLCertVerificationError as error:
            problem = _unreachable(address, f"its certificate is not valid: {error.verify_message}")
        except ssl.SSLError:
            problem = _unreachable(address, "it does not speak TLS 1.3 with us, or refuses us")
        except socket.gaierror:
            problem = _unreachable(address, "the host does not exist")
        except ValueError:
            problem = _unreachable(address, "it is not HOST:PORT")
        except OSError as error:
            problem = _unreachable(address, (error.strerror or "no answer in time").lower())
    assert problem is not None
    raise problem


def _unreachable(address: str, reason: str) -> TransportError:
    return TransportError(
        f"Kafka at {address.strip()} does not answer: {reason}.",
        code="kafka_unreachable",
        where="agency.toml: kafka",
        fix="check the address, the network and the TLS files; for a trial: concordant kafka "
        "up --root DIR",
    )


def _needed(participant: Participant, now: int) -> dict[str, frozenset[str]]:
    """Return the operations by topic that the contract gives this agency."""
    contract = participant.contract_in_force(now).contract
    needed: dict[str, set[str]] = {
        name: {"read", "write"} for name in control_topics(participant.deployment).names
    }
    for topic in readable_topics(contract, participant.agency):
        needed.setdefault(topic, set()).add("read")
    for topic in writable_topics(contract, participant.agency):
        needed.setdefault(topic, set()).add("write")
    return {topic: frozenset(operations) for topic, operations in needed.items()}


def _rights(
    needed: Mapping[str, frozenset[str]], allowed: Mapping[str, frozenset[str]]
) -> Iterator[Check]:
    wrong = 0
    for topic, operations in needed.items():
        has = allowed.get(topic, frozenset())
        if not has:
            wrong += 1
            detail = f"{topic} does not exist, or this agency has no right on it"
            yield Check("rights", "fail", detail, _APPLY, "topic_missing")
        elif operations - has:
            wrong += 1
            detail = f"we may not {' or '.join(sorted(operations - has))} {topic}"
            yield Check("rights", "fail", detail, _APPLY, "right_missing")
    if not wrong:
        yield passed("rights", f"all that the contract gives, on {len(needed)} topics")


def _clock(newest: int | None, now: int) -> Check:
    if newest is None:
        return skipped("kafka clock", "Kafka holds no heartbeat yet to compare with")
    if newest - now > CLOCK_SKEW_MS:
        return Check(
            "kafka clock",
            "fail",
            f"this clock is {duration_text(newest - now)} behind Kafka's",
            "set both clocks by NTP (chrony or systemd-timesyncd)",
            "clock_behind",
        )
    if now - newest > RECENT_MS:
        age = duration_text(now - newest)
        return passed("kafka clock", f"not behind Kafka's; the newest heartbeat is {age} old")
    return passed("kafka clock", "within minutes of Kafka's")
