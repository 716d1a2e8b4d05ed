"""Section `[bus]` of `agency.toml`: the agency's own message bus, and the names of its subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from broker.agency.config_pairs import invalid, require_pair, require_place
from broker.agency.config_rules import is_loopback
from broker.agency.config_sections import (
    SYSTEM_AUTHORITIES,
    AdapterSection,
    Seconds,
    SecretSection,
    Section,
    Text,
)
from broker.errors import ConfigError

BUS: Final = "bus"
"""Name of the source and of the sink that are the agency's own message bus."""

BusName = Annotated[
    str, StringConstraints(pattern=r"\A[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?\z")
]
"""Name of a topic, queue, subject or stream. Every kind of bus takes it."""
PlainName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,64}\z")]
Server = Annotated[
    str,
    StringConstraints(
        pattern=r"\A(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}\z", max_length=300
    ),
]
BusKind = Literal["kafka", "rabbitmq", "nats", "redis"]
_ONE_SERVER: Final[Mapping[str, tuple[str, str]]] = {
    "rabbitmq": ("RabbitMQ", "Name the load balancer of the cluster, or one of its nodes."),
    "redis": ("Redis", "Name the primary, or the address that follows it."),
}
"""Kinds whose client takes the address of one server: the name, and what to do instead."""


class BusNames(Section):
    """Names of the topics, queues, subjects or streams.

    The agency's systems write to ``send`` and ``results`` and read the others.
    """

    send: BusName = "concordant.send"
    answers: BusName = "concordant.answers"
    refused: BusName = "concordant.refused"
    received: BusName = "concordant.received"
    results: BusName = "concordant.results"

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.model_dump().values())) != len(type(self).model_fields):
            raise ValueError("each of the five names must be another one")
        return self


class BusSection(Section):
    """The agency's own message bus, if `[adapter]` has the source or sink ``bus``.

    ``declare`` lets the adapter make the topics, queues, subjects and streams that are missing.
    ``results = "none"`` ends a received event as soon as the bus has confirmed it.
    """

    kind: BusKind
    servers: Annotated[tuple[Server, ...], Field(min_length=1, max_length=16, strict=False)]
    tls: bool = True
    ca: Text = SYSTEM_AUTHORITIES
    certificate: Text | None = None
    key: Text | None = None
    username: Text | None = None
    password: SecretSection | None = None
    credentials: Text | None = None
    mechanism: Literal["plain", "scram-sha-256", "scram-sha-512"] = "scram-sha-512"
    virtual_host: Text = "/"
    stream: PlainName = "CONCORDANT"
    group: PlainName = "concordant"
    declare: bool = True
    names: BusNames = BusNames()
    results: Literal["reply", "none"] = "reply"
    result_within: Seconds = 900.0
    message_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576


def require_bus(adapter: AdapterSection, bus: BusSection | None, where: str) -> None:
    """Check that the section is there if it is needed, and that it is safe and complete.

    Raises:
        ConfigError: `config_invalid` or `config_bus_plaintext`; names the file and the setting.
    """
    if bus is None:
        if BUS in (adapter.source, adapter.sink):
            require_section(bus, where)
        return
    section = f"{where}: bus"
    require_pair(bus, "username", "password", section)
    require_pair(bus, "certificate", "key", section)
    if bus.password is not None:
        require_place(bus.password, f"{section}.password", "bus-password")
    if bus.credentials is not None and (bus.kind != "nats" or bus.username is not None):
        raise invalid(
            "A file of credentials is for NATS alone, and without a username.",
            f"{section}.credentials",
            "Use username and password for this kind of bus.",
        )
    if bus.kind in _ONE_SERVER and len(bus.servers) > 1:
        name, fix = _ONE_SERVER[bus.kind]
        raise invalid(f"For {name} name one server.", f"{section}.servers", fix)
    if not bus.tls and not all(is_loopback(_host(server)) for server in bus.servers):
        raise ConfigError(
            "The bus would carry events unencrypted over the network.",
            code="config_bus_plaintext",
            where=f"{section}.tls",
            fix="Remove tls = false. Without TLS only a bus on this machine is possible.",
        )


def require_section(bus: BusSection | None, where: str) -> BusSection:
    """Return the section.

    Raises:
        ConfigError: `config_invalid`: there is none.
    """
    if bus is None:
        raise invalid(
            "The section [bus] is missing.",
            f"{where}: bus",
            'Add the section, for example with kind = "nats" and '
            'servers = ["nats.example.org:4222"].',
        )
    return bus


def _host(server: str) -> str:
    return server.rpartition(":")[0].strip("[]")
