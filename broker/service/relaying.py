"""Loop of the relay: announcements, recovery, resending, and waiting out temporary faults.

broker/sending/relay.py does the work (docs/spec/streams.md, "Sending"); this module decides when.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from broker.control.own_statements import OwnStatements
from broker.errors import TransportError
from broker.judging.key_resolver import TrustStore
from broker.keys.token import TOKEN_CODES
from broker.observing.logs import logger
from broker.registry.contract_book import ContractBook
from broker.sending.recovery import revoked_stream_keys, topic_readers
from broker.sending.relay import TOPIC_AWAY, Relay
from broker.service.reporting import ServiceStatus, report_recovery
from broker.waiting import Wakeup, out_of_descriptors, retry_delay_s, set_within
from contracts.errors import ConcordantError

RETRY_MOST_S: Final = 10.0
TURN_MOST_S: Final = 120.0
"""Seconds after which a round of the relay counts as held up: several sends that time out."""
PUBLISH_EVERY_S: Final = 600.0
"""Seconds after which it looks again whether other parties lack agreements.

A party that falls silent publishes nothing more, so others publish its signature for it.
"""
LOOK_MOST_S: Final = 30.0
"""Maximum seconds until a missing topic is looked for again."""
PAUSE_S: Final = 10.0
"""Longest pause, in seconds. A commit to the outbox ends it (``broker/store/changes.py``)."""


MENDED_BY_WAITING: Final = frozenset(
    {"store_busy", "store_full", "signing_key_expired", "manifest_expired"}
) | frozenset(TOKEN_CODES)
"""Faults that others correct while the service runs: disk space, ``keys renew``, a lost token."""


def require_waiting_helps(error: ConcordantError) -> None:
    """Raise an error that waiting cannot resolve, such as a lost lease or a clock jump."""
    if out_of_descriptors(error):
        return
    if not isinstance(error, TransportError) and error.code not in MENDED_BY_WAITING:
        raise error


class _Again:
    """Schedule of retries at intervals that double."""

    def __init__(self) -> None:
        self._failures = 0
        self._at_s: float | None = None

    def due(self) -> bool:
        """Return whether a retry is due."""
        return self.left_s() <= 0

    def left_s(self) -> float:
        """Return the seconds until the retry; infinite if there is none."""
        return math.inf if self._at_s is None else self._at_s - time.monotonic()

    def later(self) -> float:
        """Note a failure. Returns the seconds until the retry."""
        self._failures += 1
        delay = retry_delay_s(self._failures, first=0.5, most=LOOK_MOST_S)
        self._at_s = time.monotonic() + delay
        return delay

    def now(self) -> None:
        """Retry at once, because a person asked."""
        if self._at_s is not None:
            self._at_s = time.monotonic()

    def over(self) -> None:
        """Note a success."""
        self._failures, self._at_s = 0, None


class Relaying:
    """One agency's relay loop.

    Args:
        relay: what it keeps going.
        trust: what is believed now.
        statements: what this agency says beside events.
        status: where it says how it is.
        publish: (contracts, whether only what has changed) publishes agreements that others may
            lack.
    """

    def __init__(
        self,
        relay: Relay,
        trust: TrustStore,
        statements: OwnStatements,
        status: ServiceStatus,
        publish: Callable[[ContractBook, bool], Awaitable[None]],
    ) -> None:
        self._relay = relay
        self._trust = trust
        self._statements = statements
        self._publish = publish
        self._metrics = status.metrics
        self._kafka = status.sending
        self._log = logger("broker")
        self._waiting = Wakeup()
        self._reloaded = False
        self._told = False
        self._topics_away = _Again()
        self._publish_at_s = 0.0

    def look(self) -> None:
        """Wake the loop, because the outbox has something new."""
        self._waiting.ring()

    def announce(self) -> None:
        """Announce new contracts or manifests, and recover if a key was revoked."""
        self._reloaded = True
        self._waiting.ring()

    def publish_changed(self) -> None:
        """Publish what has changed of the agreements that other parties may lack."""
        self._publish_at_s = 0.0
        self._waiting.ring()

    def send_again(self) -> None:
        """Send at once what Kafka did not accept, because a person asked."""
        self._topics_away.now()
        self._waiting.ring()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what waits until ``stop``; what Kafka or a full disk holds up is tried again.

        Args:
            stop: ends it.

        Raises:
            StoreError: ``lease_lost`` or ``clock_jumped``, for example: waiting cannot resolve it.
        """
        failures = 0
        behind = True
        while not stop.is_set():
            self._metrics.turned("relay", PAUSE_S + RETRY_MOST_S + TURN_MOST_S)
            try:
                if behind or self._reloaded:
                    self._reloaded = False
                    trust = self._trust
                    await self._statements.announce(trust.contracts, trust.manifests)
                    await self._publish_agreements(changed_only=False)
                    await self._recover()
                    await self._resend()
                    behind = False
                elif self._topics_away.due():
                    await self._resend()
                elif self._publish_left_s() <= 0:
                    await self._publish_agreements(changed_only=True)
                sent = await self._relay.round()
                for topic, events in self._relay.batches():
                    self._metrics.signed(topic, events)
                    self._metrics.published(topic, events)
                failures = 0
                self._kafka.up()
                if not sent:
                    left = min(PAUSE_S, self._topics_away.left_s(), self._publish_left_s())
                    await self._waiting.within(max(left, 0.0), stop)
            except ConcordantError as error:
                require_waiting_helps(error)
                behind = True
                failures += 1
                self._metrics.relay_failed(error.code)
                if out_of_descriptors(error):
                    self._metrics.shortage()
                self._kafka.down(error.code)
                delay = retry_delay_s(failures, first=0.5, most=RETRY_MOST_S)
                self._log.warning("relay_waits", code=error.code, delay_ms=int(delay * 1000))
                await set_within(stop, delay)

    def _publish_left_s(self) -> float:
        return self._publish_at_s - time.monotonic()

    async def _publish_agreements(self, *, changed_only: bool) -> None:
        self._publish_at_s = time.monotonic() + PUBLISH_EVERY_S
        await self._publish(self._trust.contracts, changed_only)

    async def _resend(self) -> None:
        """Send rows again that are not known to be on Kafka.

        A missing topic, of a new contract for example, delays no other and leaves the adapter
        ready; it is looked for again at growing intervals.
        """
        try:
            await self._relay.resend()
        except TransportError as error:
            if error.code not in TOPIC_AWAY:
                raise
            delay = self._topics_away.later()
            self._metrics.relay_failed(error.code)
            self._log.warning("relay_waits", code=error.code, delay_ms=int(delay * 1000))
            return
        self._topics_away.over()
        if not self._told:
            # A heartbeat names only the newest generations: without this, records that the last
            # process sent after its last heartbeat would never get a post-quantum signature.
            await self._statements.tell_heads(self._relay.acknowledged_heads())
            self._told = True

    async def _recover(self) -> None:
        """Recover if a stream key was revoked, without losing any record that it had signed."""
        trust = self._trust.current.resolver
        again, gone = await self._relay.recover(
            revoked_stream_keys(trust.manifests, trust.agency),
            partial(
                topic_readers,
                sender=trust.agency,
                contracts=trust.contracts,
                manifests=trust.manifests,
            ),
            trust.receipt_believed,
        )
        report_recovery(again, gone, self._metrics, self._log)
