"""Accounts of the bus with least privilege, on real servers: NATS and Redis."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from adapters.bus.clients import BusClient, OutgoingMessage, Right, bus_settings, client_maker
from adapters.bus.permissions import permissions
from adapters.bus.rights import NeededRight, ask_rights, needed_bus_rights
from broker.agency.config_bus import BusSection
from broker.agency.config_sections import AdapterSection
from tests.support.bus_servers import BusServer, NatsServer, RabbitmqServer, RedisServer

BOTH = AdapterSection(kind="council", source="bus", sink="bus")


def section(server: BusServer, account: str, **more: Any) -> BusSection:
    """Return the section `[bus]` of an account."""
    (server.folder / "password").write_text("PASSWORD\n")
    password = {"file": str(server.folder / "password")}
    given = {**server.settings(), "username": account, "password": password, **more}
    return BusSection.model_validate(given)


def message() -> OutgoingMessage:
    """Return a message with an id of its own: NATS drops a repeat."""
    return OutgoingMessage(str(uuid4()), b"{}")


def client(of: BusSection, reads: str | None) -> BusClient:
    return client_maker(of.kind)(bus_settings(of, Path("/")), reads)


def prepared_nats(folder: Path) -> BusServer:
    config = folder / "nats-server.conf"
    made = NatsServer(folder / "server", config)
    config.write_text(permissions(section(made, "adapter"), "adapter", "housing"))
    made.start()
    return made


def prepared_redis(folder: Path) -> BusServer:
    made = RedisServer(folder / "server")
    made.start()
    with Redis(port=made.port) as admin:
        text = permissions(section(made, "adapter"), "adapter", "housing")
        for line in text.splitlines():
            if not line.startswith("#"):
                admin.execute_command(*shlex.split(line))
        admin.execute_command("ACL", "SETUSER", "default", "off")
    return made


def prepared_rabbitmq(folder: Path) -> BusServer:
    made = RabbitmqServer(folder / "server")
    made.start()
    for line in permissions(section(made, "adapter"), "adapter", "housing").splitlines():
        if not line.startswith("#"):
            made.control(*shlex.split(line)[1:])
    return made


@pytest.fixture(
    scope="module",
    params=[prepared_nats, prepared_redis, prepared_rabbitmq],
    ids=["nats", "redis", "rabbitmq"],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BusServer]:
    """Return a server with the accounts that the command writes."""
    made: BusServer = request.param(tmp_path_factory.mktemp("bus"))
    yield made
    made.kill()


async def test_a_system_reads_its_subjects_only_and_the_adapter_the_others(
    server: BusServer,
) -> None:
    adapter = section(server, "adapter")
    names = adapter.names
    publishing, sending = client(adapter, None), client(adapter, names.send)
    system = section(server, "housing", group="housing", declare=server.kind == "redis")
    reading = client(system, names.received)
    for one in (publishing, sending, reading):
        await one.open()
    for name in (names.received, names.answers, names.refused):
        await publishing.publish(name, message())
    received = await reading.next(5)
    assert received is not None
    await received.acknowledge()
    await reading.publish(names.send, message())
    await reading.publish(names.results, message())
    taken = await sending.next(5)
    assert taken is not None
    await taken.acknowledge()
    for name in (names.received, names.answers, names.refused):  # forged events or answers
        with pytest.raises(Exception):  # noqa: B017 - each library has its own error
            await asyncio.wait_for(reading.publish(name, message()), 3)
    for one in (publishing, sending, reading):
        await one.close()
    for name in (names.send, names.refused):  # others' events, and what was refused
        curious = client(system, name)
        with pytest.raises((Exception, NoPermissionError)):
            await asyncio.wait_for(_read(curious), 4)


async def _read(curious: BusClient) -> None:
    await curious.open()
    found = await curious.next(1)
    assert found is not None
    pytest.fail("it read a message")


async def asked(of: BusSection, needed: Sequence[NeededRight]) -> dict[str, Right]:
    """Return the rights by the name of the subject."""
    found = await asyncio.to_thread(ask_rights, bus_settings(of, Path("/")), needed)
    return {one.name: right for one, right in found}


async def test_the_bus_itself_says_which_rights_an_account_has(server: BusServer) -> None:
    adapter = section(server, "adapter")
    names = adapter.names
    for one in (
        client(adapter, names.send),
        client(adapter, names.results),
    ):  # makes what is missing
        await one.open()
        await one.next(0.1)
        await one.close()
    needed = needed_bus_rights(adapter, BOTH)
    assert set((await asked(adapter, needed)).values()) == {"allowed"}
    system = section(server, "housing", group="housing")
    found = await asked(system, needed)
    assert found[names.received] == found[names.answers] == found[names.refused] == "refused"
    assert found[names.send] == found[names.results] == "refused"
    reading = [NeededRight(names.send, "write"), NeededRight(names.results, "write")]
    assert set((await asked(system, reading)).values()) == {"allowed"}
    left = client(adapter, names.send)
    await left.open()
    assert await left.next(0.1) is None  # the questions wrote nothing
    await left.close()
