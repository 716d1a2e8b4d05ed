"""Rights that the adapter needs on the bus, asked of the bus itself; nothing is read or written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

from adapters.bus.clients import BusClient, BusSettings, Right, client_maker
from adapters.bus.link import UNAVAILABLE, BusUnavailableError, closed, within
from broker.agency.config_bus import BUS, BusSection
from broker.agency.config_sections import AdapterSection
from broker.errors import ConfigError

Use: TypeAlias = Literal["read", "write"]
ASK_S: Final = 30.0
"""Seconds for the connection, and for each question."""


@dataclass(frozen=True, slots=True)
class NeededRight:
    """A right that the adapter needs.

    Attributes:
        name: name of the subject.
        use: what the adapter does there.
    """

    name: str
    use: Use


def needed_bus_rights(section: BusSection, adapter: AdapterSection) -> Sequence[NeededRight]:
    """Return the rights for the sides of the adapter that are the bus."""
    names = section.names
    needed: dict[NeededRight, None] = {}  # a set in order
    if adapter.source == BUS:
        needed |= {
            NeededRight(names.send, "read"): None,
            NeededRight(names.answers, "write"): None,
            NeededRight(names.refused, "write"): None,
        }
    if adapter.sink == BUS:
        needed[NeededRight(names.received, "write")] = None
        if section.results == "reply":
            needed[NeededRight(names.results, "read")] = None
            needed[NeededRight(names.refused, "write")] = None
    return list(needed)


def ask_rights(
    settings: BusSettings, needed: Sequence[NeededRight]
) -> Sequence[tuple[NeededRight, Right]]:
    """Connect, and ask for each right. Subjects that are missing are not made.

    Raises:
        ConfigError: `bus_library_missing`, or `bus_unavailable`: the bus did not answer.
    """
    section = settings.section.model_copy(update={"declare": False})
    make = partial(client_maker(section.kind), replace(settings, section=section), None)
    try:
        return asyncio.run(_asked(make, needed))
    except BusUnavailableError as error:
        raise ConfigError(
            f"The bus cannot be used ({error}).",
            code=UNAVAILABLE,
            where="agency.toml: bus",
            fix="Check that the bus runs, and the section [bus]: address, TLS, login and "
            "permissions. Nothing is lost.",
        ) from None


async def _asked(
    make: Callable[[], BusClient], needed: Sequence[NeededRight]
) -> Sequence[tuple[NeededRight, Right]]:
    client, stop = make(), asyncio.Event()
    try:
        await within(client.open(), ASK_S, stop)
        found = []
        for one in needed:
            ask = client.may_read if one.use == "read" else client.may_write
            found.append((one, await within(ask(one.name), ASK_S, stop)))
        return found
    finally:
        await closed(client)
