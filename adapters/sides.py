"""Sources and sinks of an adapter: how the agency's own system and the adapter exchange events.

`agency.toml` names one source and one sink. Each is found by an entry point, so that another
package can add its own: a function of the group `concordant.sources` or `concordant.sinks` that
takes ``SideParts`` and returns a ``SourceLoop`` or a ``SinkLoop``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

from adapters.base import AgencySystem
from broker.agency.config import AgencyConfig
from broker.agency.kinds import SINKS, SOURCES, unknown_side
from broker.agency.participant import Participant
from broker.observing.health import Check
from broker.observing.metrics import Metrics
from broker.registry.contract_book import ContractBook
from broker.sending.publishing import Publisher
from broker.store.database import Store

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint

__all__ = ["SideParts", "SinkLoop", "SourceLoop", "sink_named", "source_named"]


class SourceLoop(Protocol):
    """Takes events of the agency's own system."""

    endpoints: Sequence[Endpoint]
    """Endpoints of the HTTP interface that the source needs; empty if it needs none."""
    trouble: Check | None
    """Check of /readyz, if the source has one."""

    def retry_now(self) -> None:
        """Try again what waits, because a person asked for it."""

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take events until ``stop`` is set.

        Args:
            stop: ends the loop.
            turned: called before each round. An alert fires if it is not called for long.
        """


class SinkLoop(Protocol):
    """Hands received events to the agency's own system."""

    endpoints: Sequence[Endpoint]
    """Endpoints of the HTTP interface that the sink needs; empty if it needs none."""
    trouble: Check | None
    """Check of /readyz, if the sink has one."""

    async def run(
        self,
        wait: Callable[[float], Awaitable[None]],
        stop: asyncio.Event,
        turned: Callable[[], None],
    ) -> None:
        """Hand events over until ``stop`` is set.

        Args:
            wait: waits for the given seconds, or until the inbox has something new.
            stop: ends the loop.
            turned: called before each round. An alert fires if it is not called for long.
        """


@dataclass(frozen=True, slots=True)
class SideParts:
    """Parts that a source or a sink can use. It keeps only those that it needs.

    Attributes:
        participant: the agency, loaded and verified.
        system: format and mapping of the agency's files.
        store: the agency's state.
        publisher: accepts events.
        published: called on the event loop after a transaction that added events.
        contracts: returns the agreements that are known now.
        metrics: counters and gauges.
        clock: () -> ms since the epoch.
        settle_s: an export is complete if it has not changed for this many seconds.
    """

    participant: Participant
    system: AgencySystem
    store: Store
    publisher: Publisher
    published: Callable[[], None]
    contracts: Callable[[], ContractBook]
    metrics: Metrics
    clock: Callable[[], int]
    settle_s: float


MakeSource: TypeAlias = Callable[[SideParts], SourceLoop]
MakeSink: TypeAlias = Callable[[SideParts], SinkLoop]

_OURS: Final = {
    (SOURCES, "bus"): ("adapters.bus.sides", "bus_source"),
    (SINKS, "bus"): ("adapters.bus.sides", "bus_sink"),
    (SOURCES, "desk"): ("adapters.desk.sides", "desk_source"),
    (SINKS, "desk"): ("adapters.desk.sides", "desk_sink"),
    (SOURCES, "folder"): ("adapters.sources.folder_source", "folder_source"),
    (SINKS, "folder"): ("adapters.sinks.folder_delivery", "folder_sink"),
    (SOURCES, "database"): ("adapters.tables.source", "database_source"),
    (SINKS, "database"): ("adapters.tables.sink", "database_sink"),
    (SOURCES, "http"): ("adapters.http_api.sides", "http_source"),
    (SINKS, "http"): ("adapters.http_api.sides", "http_sink"),
    (SOURCES, "sftp"): ("adapters.sftp.side", "sftp_source"),
    (SINKS, "sftp"): ("adapters.sftp.side", "sftp_sink"),
    (SINKS, "webhook"): ("adapters.webhook.side", "webhook_sink"),
}
"""The shipped ones, for a source tree that is not installed."""


def source_named(config: AgencyConfig) -> MakeSource:
    """Return the function that makes the source of `[adapter] source`.

    Raises:
        ConfigError: `config_side_unknown`.
    """
    return cast("MakeSource", _side(SOURCES, config.adapter.source))


def sink_named(config: AgencyConfig) -> MakeSink:
    """Return the function that makes the sink of `[adapter] sink`.

    Raises:
        ConfigError: `config_side_unknown`.
    """
    return cast("MakeSink", _side(SINKS, config.adapter.sink))


def _side(group: str, name: str) -> object:
    found = {point.name: point for point in entry_points(group=group)}
    if name in found:
        return found[name].load()
    if (group, name) in _OURS:
        module, function = _OURS[group, name]
        return getattr(import_module(module), function)
    installed = {*found, *(ours for of_group, ours in _OURS if of_group == group)}
    raise unknown_side(group, name, tuple(sorted(installed)))
