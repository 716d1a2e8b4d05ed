"""The relay kept going: announced, recovered, resent where it left off, and waiting out what mends.

What the relay does is broker/sending/relay.py's (docs/spec/streams.md, "The relay"); here is when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from broker.agency.participant import Participant
from broker.control.own_statements import OwnStatements
from broker.errors import TransportError
from broker.observing.health import Flag
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.sending.recovery import readers_of, revoked_stream_keys
from broker.sending.relay import Relay
from broker.service.faults import require_waiting_helps
from broker.service.reading import Reader
from broker.transport.interfaces import Sender
from broker.waiting import set_within
from contracts.errors import ConcordantError

RETRY_MOST_S: Final = 10.0

TOPIC_AWAY: Final = frozenset({"kafka_topic_missing", "kafka_refused"})
"""Codes with which Kafka does not take records of one topic and may well take those of others."""


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

    def look(self) -> None:
        """Something is new in the outbox: do not wait for the next look."""
        self._waiting.set()

    def announce(self) -> None:
        """Contracts or manifests are new: announce them, and recover if a key was revoked."""
        self._reloaded = True
        self._waiting.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what waits until ``stop``; what Kafka or a full disk holds up is tried again.

        Raises:
            StoreError: ``lease_lost`` or ``clock_jumped``, for example: no waiting can mend it.
        """
        pause = self._participant().config.intervals.relay
        failures = 0
        behind = True
        told = False
        while not stop.is_set():
            try:
                held = None
                if behind or self._reloaded:
                    self._reloaded = False
                    await self._announce()
                    await self._recover()
                    held = await self._resend()
                    if not told and held is None:
                        # a heartbeat names the newest generations only: what the last process
                        # sent after its last one would never be under a post-quantum signature
                        await self._tell_heads()
                        told = True
                    behind = False
                sent = await self._relay.round()
                for topic, events in self._relay.batches():
                    self._metrics.signed(topic, events)
                    self._metrics.published(topic, events)
                if held is not None:
                    raise held
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
                self._kafka.down(error.code)
                delay = min(0.25 * 2**failures, RETRY_MOST_S)
                self._log.warning("relay_waits", code=error.code, delay_ms=int(delay * 1000))
                await set_within(stop, delay)

    async def _resend(self) -> TransportError | None:
        """Send again what is not known to be on Kafka; returns why a topic does not take it.

        A topic that is not there (yet), of a contract that is new perhaps, holds up no other.
        """
        try:
            await self._relay.resend()
        except TransportError as error:
            if error.code not in TOPIC_AWAY:
                raise
            return error
        return None

    async def _announce(self) -> None:
        """Publish this agency's own manifest and the contracts, compacted by key."""
        control = self._reader.control
        records = self._statements.announcements(control.contracts, control.manifests)
        await self._sender.send(records)

    async def _recover(self) -> None:
        """If a stream key was revoked: go on without it, and lose nothing that it had signed."""
        agency = self._participant().agency
        trust = self._reader.trust
        again, gone = await self._relay.recover(
            revoked_stream_keys(trust.manifests, agency),
            lambda topic: readers_of(topic, agency, trust.contracts, trust.manifests),
            trust.receipt_believed,
        )
        if again:
            self._log.warning("published_again", records=again)
        if gone:
            self._log.error("content_gone", records=gone)
