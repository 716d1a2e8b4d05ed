"""Interface of a client of the agency's own bus, and what all kinds of bus have in common."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from broker.agency.config_bus import BusKind, BusSection
from broker.agency.config_secrets import bus_password
from broker.agency.config_sections import SYSTEM_AUTHORITIES
from broker.errors import ConfigError

OPERATION_S: Final = 10.0
"""Seconds for one request to the bus, after which the connection is made again."""

for _name in ("aio_pika", "aiormq", "nats", "redis"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False  # their lines may hold addresses and values


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish.

    Attributes:
        id: the same for a repeat.
        body: a CloudEvent in structured mode.
        key: messages with one key keep their order; empty if there is no order to keep.
    """

    id: str
    body: bytes
    key: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that the bus delivered.

    Attributes:
        body: its bytes.
        headers: its headers as text; see ``header_texts``.
        acknowledge: tells the bus that the message is done. Without it the bus delivers again.
    """

    body: bytes
    headers: Mapping[str, str]
    acknowledge: Callable[[], Awaitable[object]]


def header_texts(headers: object) -> dict[str, str]:
    """Return the headers of a message as text. None of them makes a message unreadable.

    A header without a value is left out. Bytes that are not UTF-8, or their lone surrogates, become
    U+FFFD: ``parse_cloud_event`` refuses a name with it, and an attribute with it.
    """
    if not isinstance(headers, Mapping):
        return {}
    return {_text(name): _text(one) for name, one in headers.items() if one is not None}


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


Right: TypeAlias = Literal["allowed", "refused", "missing"]
"""Right of an account for a subject; ``missing`` if it may, and the subject is not there."""


class BusClient(Protocol):
    """One connection to the bus. Any of its calls may raise any error of its library."""

    async def open(self) -> None:
        """Connect, and declare what is missing if the settings say so."""

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        """Publish a message. When this returns, the bus has confirmed that it keeps it."""

    async def next(self, wait_s: float) -> Incoming | None:
        """Return the next message, or None if none comes within the time.

        Messages come one after the other: the next one only after the one before was acknowledged.
        """

    async def check(self) -> None:
        """Raise an error if the bus does not answer."""

    async def may_read(self, name: str) -> Right:
        """Return whether the account may read a subject. No message is taken."""

    async def may_write(self, name: str) -> Right:
        """Return whether the account may write to a subject. Nothing is written."""

    async def close(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True)
class BusSettings:
    """Settings of a connection, with its secrets.

    Attributes:
        section: the section `[bus]`.
        tls: context of the client; None without TLS.
        password: password of `username`; None without one.
        credentials: content of the NATS credentials file; None without one.
    """

    section: BusSection
    tls: ssl.SSLContext | None
    password: str | None
    credentials: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all subjects."""
        return tuple(self.section.names.model_dump().values())


MakeClient = Callable[[BusSettings, str | None], BusClient]
"""Makes a client that reads one subject, or none."""

_KINDS: Final[Mapping[BusKind, tuple[str, str]]] = {
    "kafka": ("adapters.bus.kafka_client", "KafkaClient"),
    "nats": ("adapters.bus.nats_client", "NatsClient"),
    "rabbitmq": ("adapters.bus.rabbitmq_client", "RabbitmqClient"),
    "redis": ("adapters.bus.redis_client", "RedisClient"),
}


def client_maker(kind: BusKind) -> MakeClient:
    """Return the class of clients for a kind of bus.

    Raises:
        ConfigError: `bus_library_missing`.
    """
    module, name = _KINDS[kind]
    try:
        found: MakeClient = getattr(import_module(module), name)
    except ImportError:
        raise ConfigError(
            "The library for this kind of bus is not installed.",
            code="bus_library_missing",
            where="agency.toml: bus.kind",
            fix="Install it: pip install 'concordant[bus]'",
        ) from None
    return found


def bus_settings(section: BusSection, root: Path) -> BusSettings:
    """Return the settings with their secrets and TLS files read.

    Raises:
        ConfigError: `config_bus_tls`.
        ConcordantError: the password cannot be read.
    """
    password = None
    if section.password is not None:
        password = bus_password(section.password, root, os.environ)
    credentials = None
    if section.credentials is not None:
        try:
            credentials = (root / section.credentials).read_text()
        except (OSError, ValueError):
            raise ConfigError(
                "The file of credentials of the bus cannot be read.",
                code="config_bus_tls",
                where="agency.toml: bus.credentials",
                fix="Check that the file exists and that the adapter's account may read it.",
            ) from None
    return BusSettings(section, _tls(section, root), password, credentials)


def _tls(section: BusSection, root: Path) -> ssl.SSLContext | None:
    if not section.tls:
        return None
    try:
        authorities = None if section.ca == SYSTEM_AUTHORITIES else str(root / section.ca)
        context = ssl.create_default_context(cafile=authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if section.certificate is not None and section.key is not None:
            context.load_cert_chain(root / section.certificate, root / section.key, lambda: "")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ConfigError(
            "The TLS files of the bus cannot be used.",
            code="config_bus_tls",
            where="agency.toml: bus",
            fix="Check that ca, certificate and key are PEM files that belong together and that "
            "the adapter's account may read. The key must have no passphrase.",
        ) from None
    return context
