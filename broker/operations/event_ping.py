"""Ping of one partner over the live control topic, station by station (docs/spec/pings.md).

The calling process sends the ping and waits for the pong itself. It needs no running adapter of
its own agency. The partner's running adapter answers. Nothing is written into the agency's state.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant, load_participant
from broker.agency.running import adapter_runs, open_held_state
from broker.envelope.primitives import random_bytes
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError, StoreError
from broker.judging.key_resolver import OpeningKeys
from broker.keys.kid import RECEIPT
from broker.record import CONTENT_TYPE_HEADER, PING_CONTENT_TYPE, KafkaPartition, Record
from broker.statements.authorship import author, require_author
from broker.statements.pings import (
    CHALLENGE_BYTES,
    PingPlace,
    PongTimes,
    SealedPing,
    open_ping,
    parse_ping,
    seal_ping,
)
from broker.statements.presence import Presence
from broker.store.exclusion import exclusive
from broker.transport.interfaces import Transport
from broker.transport.kafka import KafkaTransport
from broker.transport.topics import control_topics, group_prefix
from contracts.durations import duration_text
from contracts.errors import ConcordantError
from contracts.names import require_known

PING_LOCK: Final = "state/ping.lock"
PING_GROUP: Final = "ping"
"""Last part of the name of the consumer group that waits for the pong."""
UNANSWERED: Final = "ping_unanswered"
RECENT_MS: Final = 10 * 60 * 1000

StationName: TypeAlias = Literal[
    "accepted",
    "sealed",
    "on_kafka",
    "fetched",
    "verified",
    "answered",
    "answer_on_kafka",
    "answer_verified",
]


@dataclass(frozen=True, slots=True)
class Station:
    """One station that the ping or its answer reached.

    Attributes:
        name: its name.
        by: the agency by whose clock the time is.
        time_ms: when.
        topic, partition, offset: the place in Kafka, for the stations on Kafka.
    """

    name: StationName
    by: str
    time_ms: int
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


@dataclass(slots=True)
class PingResult:
    """Result of a ping.

    Attributes:
        partner: the agency that was asked.
        stations: those that were reached, in their order.
        own_adapter_runs: whether the adapter of this agency runs.
        heard_ms: time of the partner's newest heartbeat that this agency has; None if none.
        unread: code of a fault that kept this agency's state from being read; `heard_ms` is not
            known then.
        code: why it did not come back; None if it did.
        fix: what to check next; empty if it came back.
    """

    partner: str
    stations: list[Station] = field(default_factory=list)
    own_adapter_runs: bool = False
    heard_ms: int | None = None
    unread: str | None = None
    code: str | None = None
    fix: str = ""

    @property
    def came_back(self) -> bool:
        """Return whether the pong was verified."""
        return self.code is None


def ping_partner(
    directory: Path,
    partner: str,
    clock: Callable[[], int],
    *,
    timeout_s: float,
    transport: Transport | None = None,
) -> PingResult:
    """Send a ping to a partner and wait for its pong.

    Args:
        directory: the agency's folder.
        partner: id of the agency that is asked.
        clock: () -> ms since the epoch.
        timeout_s: seconds to wait for the answer.
        transport: Kafka; by default that of ``agency.toml``.

    Raises:
        UnknownNameError: `agency_unknown`: it is no other active party of an agreement.
        RegistryError: it has no valid key, or this agency cannot sign now.
        StoreError: `already_running`: another ping of this agency runs.
        TransportError: Kafka cannot be reached, or refuses.
    """
    began = clock()
    participant = load_participant(directory, began)
    parties = Presence(participant.contracts, participant.manifests).parties
    others = sorted(parties - {participant.agency})
    require_known("partner", partner, others, code="agency_unknown", exact=True)
    with exclusive(participant.path(PING_LOCK)):
        if transport is None:
            group = f"{group_prefix(participant.deployment, participant.agency)}{PING_GROUP}"
            transport = KafkaTransport(participant.kafka_connection(), group=group)
        one = _Ping(participant, partner, clock, transport)
        result = asyncio.run(one.play(began, timeout_s))
    result.own_adapter_runs = adapter_runs(directory)
    try:
        result.heard_ms = _heard(participant, partner)
    except StoreError as error:  # the ping itself is done: its result is not lost
        result.unread = error.code
    if result.code is not None:
        result.fix = _fix(result, participant, clock())
    return result


class _Ping:
    """One ping on its way."""

    def __init__(
        self,
        participant: Participant,
        partner: str,
        clock: Callable[[], int],
        transport: Transport,
    ) -> None:
        self._participant = participant
        self._partner = partner
        self._clock = clock
        self._transport = transport
        self._agency = participant.agency
        self._topic = control_topics(participant.deployment).receipts
        self._id = random_bytes(16).hex()
        self._challenge = random_bytes(CHALLENGE_BYTES)
        self._opening = OpeningKeys(self._agency, participant.manifests, participant.keyring)
        self._done = asyncio.Event()
        self.result = PingResult(partner, code=UNANSWERED)

    async def play(self, began: int, timeout_s: float) -> PingResult:
        """Send it, and read from its own place on until the pong comes or the time is up."""
        self._reached("accepted", began)
        value = await asyncio.to_thread(self._sealed)
        self._reached("sealed", self._clock())
        try:
            headers = ((CONTENT_TYPE_HEADER, PING_CONTENT_TYPE),)
            (offset,) = await self._transport.send([Record(self._topic, 0, headers, value)])
            self._on_kafka("on_kafka", offset)
            reading = asyncio.create_task(
                self._transport.run(
                    (self._topic,),
                    self._take,
                    lambda _partition: max(offset, 0),
                    self._done,
                )
            )
            timer = asyncio.create_task(self._end_after(timeout_s))
            try:
                await reading
            finally:
                timer.cancel()
        finally:
            await self._transport.close()
        return self.result

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._done.set()

    def _sealed(self) -> bytes:
        now, participant = self._clock(), self._participant
        key = participant.manifests.exchange_key(self._partner, now)
        place = PingPlace(
            "ping", participant.deployment, self._agency, self._partner, self._id, now
        )
        signer = author(participant.key_name, participant.receipt_signer(now))
        exchange = WrapRecipient(self._partner, key.kid, key.sealer())
        return seal_ping(place, self._challenge, exchange, signer)

    async def _take(self, _partition: KafkaPartition, records: list[Record]) -> None:
        if self._done.is_set():
            return
        for record in records:
            pong = self._pong_of(record)
            if pong is None:
                continue
            try:
                times = await asyncio.to_thread(self._opened, pong)
            except ConcordantError as error:  # perhaps a forged one: the true one may follow
                self.result.code = error.code
                continue
            self._came_back(times, record.offset)
            return

    def _pong_of(self, record: Record) -> SealedPing | None:
        """Return the pong in a record, if it claims to answer this ping."""
        types = [value for name, value in record.headers if name == CONTENT_TYPE_HEADER]
        if types != [PING_CONTENT_TYPE] or record.value is None:
            return None
        try:
            found = parse_ping(record.value)
        except RefusedError:
            return None
        place = found.place
        stated = (place.kind, place.deployment, place.agency, place.to, place.id)
        wanted = ("pong", self._participant.deployment, self._partner, self._agency, self._id)
        return found if stated == wanted else None

    def _opened(self, pong: SealedPing) -> PongTimes:
        """Verify and open a pong.

        Raises:
            RefusedError: it is not the partner's answer to this ping.
            KeyAccessError: an exchange key of this agency cannot be used.
        """
        manifests = self._participant.manifests
        require_author(pong.note, manifests, self._partner, RECEIPT, pong.place.time_ms)
        keys, _ = self._opening(pong.place.time_ms)
        challenge, times = open_ping(pong, keys)
        if times is None or not hmac.compare_digest(challenge, self._challenge):
            raise RefusedError(9, "ping_malformed", "it does not repeat the bytes of the ping")
        return times

    def _came_back(self, times: PongTimes, offset: int) -> None:
        self.result.stations += (
            Station("fetched", self._partner, times.fetched),
            Station("verified", self._partner, times.verified),
            Station("answered", self._partner, times.answered),
        )
        self._on_kafka("answer_on_kafka", offset)
        self._reached("answer_verified", self._clock())
        self.result.code = None
        self._done.set()

    def _reached(self, name: StationName, time_ms: int) -> None:
        self.result.stations.append(Station(name, self._agency, time_ms))

    def _on_kafka(self, name: StationName, offset: int) -> None:
        self.result.stations.append(
            Station(name, self._agency, self._clock(), self._topic, 0, offset)
        )


def _heard(participant: Participant, partner: str) -> int | None:
    """Return the time of a partner's newest heartbeat, if this agency's state has one.

    Raises:
        StoreError: the state is there and cannot be read now.
    """
    try:
        store = open_held_state(participant)
    except StoreError as error:
        if error.code == "state_missing":
            return None
        raise
    try:
        with store.reading() as tx:
            row = tx.heads.get(partner)
    finally:
        store.close()
    return None if row is None else row.heard_ms


def _fix(result: PingResult, participant: Participant, now: int) -> str:
    """Return what to check next after a ping that did not come back."""
    partner, folder = result.partner, quote(str(participant.root))
    if result.code == "key_unknown":
        return (
            "An answer came, and no key that is known here signed it. Start the adapter, so that "
            f"it reads the newest manifest of {partner}: concordant adapter run --agency {folder}"
        )
    if result.code != UNANSWERED:
        return (
            f"An answer came and could not be used. Check the keys: concordant doctor --agency "
            f"{folder}"
        )
    if result.unread is not None:
        return (
            f"The state of this agency cannot be read ({result.unread}), so it is not known when "
            f"{partner} was last heard. Look at it: concordant doctor --agency {folder}"
        )
    if result.heard_ms is None:
        return (
            f"Nothing was heard of {partner} here. Ask it whether its adapter runs, and check the "
            f"rights of both on Kafka: concordant doctor --agency {folder}"
        )
    age = now - result.heard_ms
    if age > RECENT_MS:
        return (
            f"The adapter of {partner} was last heard {duration_text(age)} ago. Ask it to start "
            "its adapter, and to run concordant doctor."
        )
    return (
        f"The adapter of {partner} was heard {duration_text(age)} ago. Ask it to look for "
        "ping_dropped in its log: its clock may differ, or it answered 6 pings in this minute. Its "
        "software may be older than pings."
    )
