"""Configuration of the local Kafka as text, and the search for a free port.

The security settings are those that a partnership's Kafka needs too: client certificates required,
TLS 1.3, principal from the common name, everything denied without an ACL, no automatic creation of
topics. The other settings make it small.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from broker.transport.certificates import OPERATOR_NAME
from broker.transport.principals import CERTIFICATE_RULES

KAFKA_FOLDER: Final = "kafka"
"""Folder of the local Kafka in a trial partnership's folder."""

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders>
    <Console name="log"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="log"/></Root></Loggers>
</Configuration>
"""
"""Log4j: warnings and errors to standard output, which is `kafka.log`."""


@dataclass(frozen=True, slots=True)
class SaslListener:
    """One more listener for clients, which log in by SASL over TLS instead of by a certificate.

    Attributes:
        name: capital letters.
        mechanism: `SCRAM-SHA-512` or `OAUTHBEARER`.
        settings: its other settings, without the prefix of the listener.
        java_options: what Java needs for them.
    """

    name: str
    mechanism: str
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    java_options: tuple[str, ...] = ()


def server_properties(
    folder: Path,
    *,
    host: str,
    port: int,
    controller_port: int,
    sasl: Mapping[SaslListener, int] = MappingProxyType({}),
) -> str:
    """Return the text of `server.properties`.

    Args:
        folder: Kafka's folder; `tls/keystore.pem`, `tls/ca.pem` and `data` are in it.
        host: address to listen on.
        port: port for clients.
        controller_port: port for Kafka itself.
        sasl: more listeners, and their ports.
    """
    more = {f"{one.name}://{host}:{number}": one for one, number in sasl.items()}
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{host}:{controller_port}",
        "listeners": ",".join(
            (f"CLIENTS://{host}:{port}", f"CONTROLLER://{host}:{controller_port}", *more)
        ),
        "advertised.listeners": ",".join((f"CLIENTS://{host}:{port}", *more)),
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(
            ("CLIENTS:SSL", "CONTROLLER:SSL", *(f"{one.name}:SASL_SSL" for one in sasl))
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": _escaped(folder / "tls" / "keystore.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": _escaped(folder / "tls" / "ca.pem"),
        "ssl.client.auth": "required",
        "ssl.protocol": "TLSv1.3",
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.principal.mapping.rules": CERTIFICATE_RULES,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{OPERATOR_NAME}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "log.dirs": _escaped(folder / "data"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # After a crash, Kafka takes the restarted process for a duplicate until its session has
        # ended.
        "broker.session.timeout.ms": "5000",
        "broker.heartbeat.interval.ms": "1000",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    }
    for one in sasl:
        prefix = f"listener.name.{one.name.lower()}"
        settings[f"{prefix}.ssl.client.auth"] = "none"
        settings[f"{prefix}.sasl.enabled.mechanisms"] = one.mechanism
        settings |= {f"{prefix}.{key}": value for key, value in one.settings.items()}
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def java_options(folder: Path) -> tuple[str, ...]:
    """Return the options of the Java process.

    A small heap, one garbage collector thread and only the quick compiler: ready in 2.4 s instead
    of 3.6 s with the defaults, with half the processor time (2 idle cores, Java 25).
    """
    return (
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        f"-Dlog4j2.configurationFile={folder / 'log4j2.xml'}",
    )


def new_cluster_id() -> str:
    """Return a random cluster id in Kafka's form: 16 bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _escaped(path: Path) -> str:
    """Return a path for a Java properties file, where a backslash escapes."""
    return str(path).replace("\\", "\\\\")


def free_port() -> int:
    """Return a port of this machine on which no process listens now."""
    return next(free_ports(1))


def port_in_use(port: int) -> bool:
    """Return whether a process of this machine listens on a port."""
    with socket.socket() as tried:
        # as Kafka does: connections that ended a moment ago do not hold the port
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def free_ports(number: int) -> Iterator[int]:
    """Return different ports of this machine on which no process listens now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return iter([one.getsockname()[1] for one in sockets])
