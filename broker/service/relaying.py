"""Loop of the relay: announcements, recovery, sending again, and waiting out temporary faults.

broker/sending/relay.py does the work (docs/spec/streams.md, "The relay"); this module decides when.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from broker.agency.participant import Participant
from broker.control.own_statements import OwnStatements
from broker.errors import TransportError
from broker.observing.health import Flag
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.sending.recovery import readers_of, revoked_stream_keys
from broker.sending.relay import TOPIC_AWAY, Relay
from broker.service.faults import require_waiting_helps
from broker.service.reading import Reader
from broker.service.reporting import report_recovery
from broker.transport.interfaces import Sender
from broker.waiting import out_of_descriptors, retry_delay_s, set_within
from contracts.errors import ConcordantError

RETRY_MOST_S: Final = 10.0
TURN_MOST_S: Final = 120.0
"""Seconds after which a round of the relay counts as held up: several sends that time out."""
LOOK_MOST_S: Final = 30.0
"""Maximum seconds until a missing topic is looked for again."""


class _Again:
    """Schedule of retries at intervals that double."""

    def __init__(self) -> None:
        self._failures = 0
        self._at_s: float | None = None

    def due(self) -> bool:
        """Return whether a retry is due."""
        return self._at_s is not None and time.monotonic() >= self._at_s

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
        participant: () -> the agency as it was last loaded.
        relay: what it keeps going.
        reader: has the books of now.
        statements: what is announced.
        sender: Kafka.
        metrics, kafka: where it says how it is.
        tell_heads: sends a heartbeat.
    """

    def __init__(
        self,
        participant: Callable[[], Participant],
        relay: Relay,
        reader: Reader,
        statements: OwnStatements,
        sender: Sender,
        metrics: Metrics,
        kafka: Flag,
        tell_heads: Callable[[], Awaitable[None]],
    ) -> None:
        self._participant = participant
        self._relay = relay
        self._reader = reader
        self._statements = statements
        self._sender = sender
        self._metrics = metrics
        self._kafka = kafka
        self._tell_heads = tell_heads
        self._log = logger("broker")
        self._waiting = asyncio.Event()
        self._reloaded = False
        self._told = False
        self._topics_away = _Again()

    def look(self) -> None:
        """Wake the loop, because the outbox has something new."""
        self._waiting.set()

    def announce(self) -> None:
        """Announce new contracts or manifests, and recover if a key was revoked."""
        self._reloaded = True
        self._waiting.set()

    def send_again(self) -> None:
        """Send at once what Kafka did not accept, because a person asked."""
        self._topics_away.now()
        self._waiting.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send waiting events until ``stop``; retry after faults of Kafka or a full disk.

        Raises:
            StoreError: ``lease_lost`` or ``clock_jumped``, for example: waiting cannot resolve it.
        """
        pause = self._participant().config.intervals.relay
        failures = 0
        behind = True
        while not stop.is_set():
            self._metrics.turned("relay", pause + RETRY_MOST_S + TURN_MOST_S)
            try:
                if behind or self._reloaded:
                    self._reloaded = False
                    await self._announce()
                    await self._recover()
                    await self._resend()
                    behind = False
                elif self._topics_away.due():
                    await self._resend()
                sent = await self._relay.round()
                for topic, events in self._relay.batches():
                    self._metrics.signed(topic, events)
                    self._metrics.published(topic, events)
                failures = 0
                self._kafka.up()
                if not sent:
                    await set_within(self._waiting, pause)
                    self._waiting.clear()
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
            await self._tell_heads()
            self._told = True

    async def _announce(self) -> None:
        """Publish this agency's own manifest and the contracts, compacted by key."""
        control = self._reader.control
        records = self._statements.announcements(control.contracts, control.manifests)
        await self._sender.send(records)

    async def _recover(self) -> None:
        """Recover if a stream key was revoked, without losing any record that it had signed."""
        agency = self._participant().agency
        trust = self._reader.trust
        again, gone = await self._relay.recover(
            revoked_stream_keys(trust.manifests, agency),
            lambda topic: readers_of(topic, agency, trust.contracts, trust.manifests),
            trust.receipt_believed,
        )
        report_recovery(again, gone, self._metrics, self._log)
