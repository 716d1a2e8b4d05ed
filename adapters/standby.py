"""Wait of an adapter that shares its state with another one that works.

It answers /livez, /readyz and /metrics meanwhile, so that a supervisor lets it wait. /readyz says
that it is ready: it can take over. It writes no file with its port, because that file names the
adapter that works.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from broker.agency.participant import Participant
from broker.errors import ConfigError
from broker.observing.health import HealthServer, Readiness, health_app
from broker.observing.logs import logger
from broker.observing.metrics import Metrics

if TYPE_CHECKING:
    from broker.store.instances import Instance


async def wait_for_lease(
    participant: Participant, instance: Instance, metrics: Metrics, stop: asyncio.Event
) -> bool:
    """Wait until this adapter is the one that works.

    Args:
        participant: the agency.
        instance: this adapter among those that share the state.
        metrics: the metrics that /metrics serves.
        stop: ends the wait.

    Returns:
        False if ``stop`` was set before.

    Raises:
        StoreError: the state cannot be used.
    """
    metrics.adapters.waits()
    if await instance.try_to_take():
        return True
    logger("adapter").info("adapter_waits", agency=participant.agency)
    async with _answering(participant, metrics):
        return await instance.wait(stop, metrics.adapters.seen)


@asynccontextmanager
async def _answering(participant: Participant, metrics: Metrics) -> AsyncIterator[None]:
    """Answer supervisors and monitoring; without it if another adapter has the port."""
    http = participant.config.http
    server = HealthServer(health_app(Readiness(), metrics.text), host=http.host, port=http.port)
    try:
        await server.start()
    except ConfigError as error:
        logger("adapter").warning("standby_unwatched", code=error.code)
        yield
        return
    try:
        yield
    finally:
        await server.stop()
