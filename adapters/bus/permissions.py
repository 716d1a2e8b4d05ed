"""Accounts and permissions of the bus, as its own configuration or commands write them.

There are two kinds of account. The adapter reads what the agency's systems send, and writes the
rest. A system of the agency, a *subscriber*, reads its subjects alone and writes results and events
to send. It never has a key of the agency. The passwords are left to the person who runs the bus.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Final

from broker.agency.config_bus import BusKind, BusSection

_REPLACED: Final = "PASSWORD"
"""Word that the person who runs the bus replaces."""


def permissions(section: BusSection, adapter: str, system: str) -> str:
    """Return the configuration or the commands for both accounts.

    Args:
        section: the section `[bus]`.
        adapter: name of the adapter's account.
        system: name of the account of a system.
    """
    return _KINDS[section.kind](section, adapter, system)


def _read_and_written(section: BusSection) -> tuple[list[str], list[str]]:
    """Return the subjects that the adapter reads, and those that it writes."""
    names = section.names
    return [names.send, names.results], [names.answers, names.refused, names.received]


def _nats(section: BusSection, adapter: str, system: str) -> str:
    taken, given = _read_and_written(section)
    stream = section.stream
    durables = [f"{section.group}-{name}".replace(".", "-") for name in taken]
    may = [*given, "$JS.API.INFO", f"$JS.API.STREAM.INFO.{stream}", "$JS.API.STREAM.NAMES"]
    if section.declare:
        may += [f"$JS.API.STREAM.CREATE.{stream}", f"$JS.API.STREAM.UPDATE.{stream}"]
    for durable, name in zip(durables, taken, strict=True):
        may += _nats_consumer(stream, durable, name)
    reads = [section.names.received, section.names.answers]
    own = [*taken, "$JS.API.INFO", f"$JS.API.STREAM.INFO.{stream}", "$JS.API.STREAM.NAMES"]
    for name in reads:
        own += _nats_consumer(stream, f"{system}-{name}".replace(".", "-"), name)
    return (
        "# nats-server.conf: each account has an inbox of its own, so that no one reads the\n"
        '# answers of another. FastStream: NatsBroker(..., inbox_prefix="_INBOX_NAME").\n'
        "jetstream: enabled\n"
        "authorization {\n"
        "  users = [\n"
        f"{_nats_user(adapter, may)}"
        f"{_nats_user(system, own)}"
        "  ]\n"
        "}\n"
    )


def _nats_consumer(stream: str, durable: str, name: str) -> list[str]:
    api = "$JS.API.CONSUMER"
    return [
        f"{api}.INFO.{stream}.{durable}",
        f"{api}.DURABLE.CREATE.{stream}.{durable}",
        f"{api}.CREATE.{stream}.{durable}.{name}",
        f"{api}.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
    ]


def _nats_user(name: str, publish: list[str]) -> str:
    listed = ", ".join(f'"{one}"' for one in publish)
    return (
        f'    {{ user: "{name}", password: "{_REPLACED}", permissions: {{\n'
        f"        publish: [{listed}],\n"
        f'        subscribe: ["{inbox_of(name)}.>"] }} }}\n'
    )


def inbox_of(account: str) -> str:
    """Return the beginning of the subjects on which NATS answers an account."""
    return f"_INBOX_{account}"


def _kafka(section: BusSection, adapter: str, system: str) -> str:
    taken, given = _read_and_written(section)
    lines = ["# Kafka's own tool. In the commands BOOTSTRAP is the address of your Kafka."]
    for name in taken:
        lines += _kafka_rights(adapter, ("Read", "Describe"), "--topic", name)
        lines += _kafka_rights(system, ("Write", "Describe"), "--topic", name)
    for name in given:
        rights = ("Write", "Describe", *(("Create",) if section.declare else ()))
        lines += _kafka_rights(adapter, rights, "--topic", name)
        if name != section.names.refused:
            lines += _kafka_rights(system, ("Read", "Describe"), "--topic", name)
    if section.declare:
        for name in taken:
            lines += _kafka_rights(adapter, ("Create",), "--topic", name)
    lines += _kafka_rights(adapter, ("Read",), "--group", section.group)
    lines += _kafka_rights(system, ("Read",), "--group", system)
    return "\n".join(lines) + "\n"


def _kafka_rights(account: str, rights: tuple[str, ...], what: str, name: str) -> list[str]:
    asked = " ".join(f"--operation {right}" for right in rights)
    return [
        "kafka-acls.sh --bootstrap-server BOOTSTRAP --add "
        f"--allow-principal {shlex.quote(f'User:{account}')} {asked} {what} {shlex.quote(name)}"
    ]


def _rabbitmq(section: BusSection, adapter: str, system: str) -> str:
    taken, given = _read_and_written(section)
    host = shlex.quote(section.virtual_host)
    reads = [section.names.received, section.names.answers]
    reply = "amq.rabbitmq.reply-to"
    both = [*taken, *given]
    declared, written = (_pattern(both),) * 2 if section.declare else ("^$", _pattern(given))
    # To bind a queue to its exchange takes the right to write to the queue, and to read the
    # exchange. No account writes to the default exchange: it leads to every queue.
    read = both if section.declare else taken
    return (
        "# RabbitMQ. Each subject is a direct exchange and a queue of this name.\n"
        f"{_rabbitmq_account(host, adapter, (declared, written, _pattern(read)))}"
        f"{_rabbitmq_account(host, system, ('^$', _pattern(taken), _pattern([*reads, reply])))}"
    )


def _rabbitmq_account(host: str, account: str, rights: tuple[str, str, str]) -> str:
    """Return the commands for an account; the rights are to configure, write and read."""
    quoted = " ".join(shlex.quote(one) for one in rights)
    return (
        f"rabbitmqctl add_user {shlex.quote(account)} {_REPLACED}\n"
        f"rabbitmqctl set_permissions -p {host} {shlex.quote(account)} {quoted}\n"
    )


def _pattern(names: list[str]) -> str:
    return "^(" + "|".join(name.replace(".", "\\.") for name in names) + ")$"


def _redis(section: BusSection, adapter: str, system: str) -> str:
    taken, given = _read_and_written(section)
    reads = [section.names.received, section.names.answers]
    group = "+xreadgroup +xack +xgroup|create" if section.declare else "+xreadgroup +xack"
    return (
        "# Redis 7. Commands that a group needs change the stream, so its reader may write to it\n"
        "# in Redis's sense, but has no command that adds or removes entries there.\n"
        f"ACL SETUSER {adapter} on >{_REPLACED} resetkeys resetchannels -@all +ping +hello +auth "
        f"{group} {_keys('%RW', taken)} "
        f"(+xadd {_keys('%W', given)})\n"
        f"ACL SETUSER {system} on >{_REPLACED} resetkeys resetchannels -@all +ping +hello +auth "
        f"+xreadgroup +xack +xgroup|create {_keys('%RW', reads)} "
        f"(+xadd {_keys('%W', taken)})\n"
    )


def _keys(right: str, names: list[str]) -> str:
    return " ".join(f"{right}~{name}" for name in names)


_KINDS: Final[Mapping[BusKind, Callable[[BusSection, str, str], str]]] = {
    "kafka": _kafka,
    "nats": _nats,
    "rabbitmq": _rabbitmq,
    "redis": _redis,
}
