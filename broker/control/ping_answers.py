"""Answers to pings of other agencies (docs/spec/pings.md, "Answered").

Only a running adapter answers. The work is bounded before it is done: pings that wait, signatures
that are checked in a minute, and answers to one agency in a minute. Nothing is stored, nothing
arises from a pong, and nothing reaches the agency's own system.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.control.own_statements import SigningKeys
from broker.control.present_parties import PresentParties
from broker.control.replay_requests import require_recent
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.judging.key_resolver import TrustStore
from broker.keys.kid import RECEIPT
from broker.record import CONTENT_TYPE_HEADER, PING_CONTENT_TYPE, Record
from broker.statements.authorship import require_author
from broker.statements.pings import (
    PingPlace,
    PongTimes,
    SealedPing,
    open_ping,
    parse_ping,
    seal_pong,
)
from broker.transport.interfaces import Sender
from broker.transport.topics import control_topics
from broker.waiting import Wakeup
from contracts.durations import MINUTE_MS
from contracts.errors import ConcordantError

ANSWERS_A_MINUTE: Final = 6
"""Pings of one agency that are answered in a minute."""
CHECKS_A_MINUTE: Final = 120
"""Pings whose signature is checked in a minute, of all agencies."""
MOST_WAITING: Final = 64
"""Pings that wait to be looked at; further ones are dropped."""
IDS_REMEMBERED: Final = 1024
"""Ids of answered pings, so that a ping that is written again is not answered again."""


@dataclass(frozen=True, slots=True)
class HeardPing:
    """A record with a ping or pong, as it came from Kafka.

    Attributes:
        value: of the record.
        fetched_ms: when this agency got it.
    """

    value: bytes
    fetched_ms: int


@dataclass(slots=True)
class PingOutcome:
    """Result of one round of answers.

    Attributes:
        answered: agencies that were answered.
        dropped: (agency, code) of pings for this agency that were not answered; the agency is
            empty where it is not known.
    """

    answered: list[str]
    dropped: list[tuple[str, str]]


class PingAnswers:
    """Answers pings for one running adapter.

    Args:
        keys: the agency and its keys.
        trust: what is believed now.
        sender: Kafka.
        clock: () -> ms.

    Attributes:
        heard: rings when something came that waits for an answer.
    """

    def __init__(
        self,
        keys: SigningKeys,
        trust: TrustStore,
        sender: Sender,
        clock: Callable[[], int],
    ) -> None:
        self._keys = keys
        self._trust = trust
        self._sender = sender
        self._clock = clock
        participant = keys.participant
        self._deployment, self._agency = participant.deployment, participant.agency
        self._topic = control_topics(self._deployment).receipts
        self.heard = Wakeup()
        self._waiting: deque[HeardPing] = deque()
        self._left_out = 0
        self._left_out_told = 0
        self._minute = 0
        self._checked = 0
        self._answered: Counter[str] = Counter()
        self._known: dict[tuple[str, str], None] = {}
        self._present = PresentParties(trust)

    def hear(self, value: bytes, fetched_ms: int) -> None:
        """Take a record with a ping or pong, in any thread; at most `MOST_WAITING` wait."""
        if len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
        else:
            self._waiting.append(HeardPing(value, fetched_ms))
        self.heard.ring()

    def waits(self) -> bool:
        """Return whether something came since the last answers."""
        return bool(self._waiting) or self._left_out > self._left_out_told

    async def answer(self) -> PingOutcome:
        """Answer what waits; a pong that Kafka does not take is dropped."""
        # another thread may add a ping at any moment: nothing is replaced or set back here
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        left_out = self._left_out - self._left_out_told
        self._left_out_told += left_out
        outcome = PingOutcome([], [("", "pings_many")] * left_out)
        records, agencies = await asyncio.to_thread(self._records, waiting, outcome)
        try:
            if records:
                await self._sender.send(records)
        except ConcordantError as error:
            outcome.dropped += [(agency, error.code) for agency in agencies]
            return outcome
        outcome.answered += agencies
        return outcome

    def _records(
        self, waiting: list[HeardPing], outcome: PingOutcome
    ) -> tuple[list[Record], list[str]]:
        records: list[Record] = []
        agencies: list[str] = []
        headers = ((CONTENT_TYPE_HEADER, PING_CONTENT_TYPE),)
        for heard in waiting:
            agency = ""
            try:
                ping = parse_ping(heard.value)
                place = ping.place
                ours = (self._deployment, self._agency)
                if (place.deployment, place.to) != ours or place.kind != "ping":
                    continue
                agency = place.agency
                value = self._pong(ping, heard.fetched_ms)
            except ConcordantError as error:
                outcome.dropped.append((agency, error.code))
                continue
            if value is not None:
                records.append(Record(self._topic, 0, headers, value))
                agencies.append(agency)
        return records, agencies

    def _pong(self, ping: SealedPing, fetched_ms: int) -> bytes | None:
        """Return the pong to a ping for this agency; None for one that was answered before."""
        place, now = ping.place, self._clock()
        if place.agency not in self._present.now().parties or place.agency == self._agency:
            raise RefusedError(2, "party_left", "its maker takes no part in a contract of ours")
        require_recent(place.time_ms, now)
        if (place.agency, place.id) in self._known:
            return None
        self._require_budget(place.agency, now)
        require_author(ping.note, self._trust.manifests, place.agency, RECEIPT, now)
        self._answered[place.agency] += 1
        self._known[place.agency, place.id] = None
        if len(self._known) > IDS_REMEMBERED:
            del self._known[next(iter(self._known))]
        keys, _ = self._trust.current.opening_keys(place.time_ms)
        challenge, _ = open_ping(ping, keys)
        verified = self._clock()
        key = self._trust.manifests.exchange_key(place.agency, verified)
        answered = self._clock()
        back = PingPlace("pong", self._deployment, self._agency, place.agency, place.id, answered)
        return seal_pong(
            back,
            challenge,
            PongTimes(fetched_ms, verified, answered),
            WrapRecipient(place.agency, key.kid, key.sealer()),
            self._keys.receipt_author(),
        )

    def _require_budget(self, agency: str, now: int) -> None:
        """Check the limits of this minute, before the cost of a signature check."""
        minute = now // MINUTE_MS
        if minute != self._minute:
            self._minute, self._checked = minute, 0
            self._answered.clear()
        if self._answered[agency] >= ANSWERS_A_MINUTE or self._checked >= CHECKS_A_MINUTE:
            raise RefusedError(2, "pings_many", "too many pings in this minute")
        self._checked += 1
