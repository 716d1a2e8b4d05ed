"""Watch for the TLS files of this agency: reports changes, and renews the certificate in time.

Clients take up new files by themselves (`broker/transport/renewable_context.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from broker.agency.participant import Participant
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.operations.certificate_renewal import certificate_renewal_due, renew_certificate
from broker.transport.tls_ends import TlsEnds
from broker.waiting import set_within
from contracts.durations import DAY_MS, HOUR_MS
from contracts.errors import ConcordantError

LOOK_S: Final = 10.0
RETRY_MS: Final = HOUR_MS
"""Time between two runs of a command that failed."""


async def watch_certificate(
    participant: Participant, metrics: Metrics, clock: Callable[[], int], stop: asyncio.Event
) -> None:
    """Look at the files, and run the configured command when it is due, until ``stop`` is set."""
    log = logger("transport")
    ends = TlsEnds(participant.kafka_connection())
    seen: object = None
    again_ms = 0
    while not stop.is_set():
        found, now = await asyncio.to_thread(ends.read), clock()
        if found is not seen:
            if ends.problem is not None:
                log.error("certificate_unusable", code=ends.problem.code)
            elif seen is not None:
                left = min(found.values(), default=now) - now
                log.info("certificate_changed", days_left=int(left / DAY_MS))
            seen = found
        end = found.get("certificate")
        if end is not None and certificate_renewal_due(participant, end, now) and now >= again_ms:
            again_ms = now + RETRY_MS
            await _renew(participant, metrics, now, stop)
        await set_within(stop, LOOK_S)


async def _renew(participant: Participant, metrics: Metrics, now: int, stop: asyncio.Event) -> None:
    """Run the command; a stop of the adapter ends it."""
    log = logger("transport")
    renewing = asyncio.ensure_future(renew_certificate(participant, now))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({renewing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not renewing.done():
            return
        renewed = renewing.result()
    except ConcordantError as error:
        metrics.renewal(error.code)
        log.error("certificate_not_renewed", code=error.code)
    else:
        metrics.renewal(None)
        log.info("certificate_renewed", days_left=int((renewed.ends_ms - now) / DAY_MS))
    finally:
        stopping.cancel()
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
