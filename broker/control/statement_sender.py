"""Sender of this agency's statements for partners (docs/spec/partner-statements.md, "Published").

It remembers in the state what was sent last under each name, so that a restart sends nothing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.control.own_statements import SigningKeys
from broker.envelope.primitives import lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RegistryError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.record import CONTENT_TYPE_HEADER, Record
from broker.sending.sealing_context import SealingContext
from broker.statements.partner_statements import StatementForm, StatementPlace, seal_statement
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.transport.interfaces import Sender
from broker.transport.topics import control_topics

_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class DueStatement:
    """A statement that is due.

    Attributes:
        form: its kind.
        name: under which the state remembers that it was sent.
        said: short bytes that tell whether it says what the last one said, and to whom.
        content: what it says.
        keys: exchange keys of its partners.
        subject: what it is about.
    """

    form: StatementForm
    name: str
    said: bytes
    content: bytes
    keys: tuple[WrapRecipient, ...]
    subject: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The last statement of a name that was sent.

    Attributes:
        time_ms: its time.
        said: as in its draft.
    """

    time_ms: int
    said: bytes


def last_sent(tx: Transaction, name: str, now: int) -> Sent | None:
    """Return what was sent last under a name.

    None if nothing was, or if the clock was ahead when it was made.
    """
    row = tx.meta.get(name)
    if row is None:
        return None
    sent = Sent(int.from_bytes(row[:_TIME_BYTES], "big"), row[_TIME_BYTES:])
    return None if sent.time_ms > now + CLOCK_SKEW_MS else sent


def recipient_keys(
    sealing: SealingContext, agencies: Iterable[str], now: int
) -> tuple[WrapRecipient, ...]:
    """Return the exchange keys of those of these agencies that can be reached now, in order."""
    keys = []
    for agency in sorted(agencies):
        try:
            keys.append(sealing.exchange_key(agency, now))
        except RegistryError:  # it gets a record when it has a key again
            continue
    return tuple(keys)


def names_of(keys: Iterable[WrapRecipient]) -> bytes:
    """Return the agencies and key ids, to tell whether a statement is for the same keys."""
    return lp(*(part for key in keys for part in (key.agency.encode(), key.kid)))


class StatementSender:
    """Seals, signs and sends statements of this agency.

    Args:
        keys: the agency and its keys.
        store: the agency's state.
        sender: Kafka.
        clock: () -> ms.
    """

    def __init__(
        self, keys: SigningKeys, store: Store, sender: Sender, clock: Callable[[], int]
    ) -> None:
        self._keys = keys
        self._store = store
        self._sender = sender
        self._clock = clock
        participant = keys.participant
        self._deployment, self._agency = participant.deployment, participant.agency
        self._topic = control_topics(self._deployment).receipts

    async def send(self, draft: DueStatement) -> None:
        """Send a statement. Its time is later than that of the last one of its name.

        Raises:
            TransportError: Kafka does not take it; it stays due.
            StoreError: the state cannot be written.
            KeyAccessError: this agency cannot sign now.
        """
        time_ms = await asyncio.to_thread(self._time_ms, draft.name)
        record = await asyncio.to_thread(self._record, draft, time_ms)
        await self._sender.send([record])
        await asyncio.to_thread(self._sent, draft, time_ms)

    def _time_ms(self, name: str) -> int:
        now = self._clock()
        with self._store.reading() as tx:
            last = last_sent(tx, name, now)
        return now if last is None else max(now, last.time_ms + 1)

    def _record(self, draft: DueStatement, time_ms: int) -> Record:
        place = StatementPlace(self._deployment, self._agency, time_ms, draft.subject)
        author = self._keys.receipt_author()
        value = seal_statement(draft.form, place, draft.content, draft.keys, author)
        headers = ((CONTENT_TYPE_HEADER, draft.form.content_type),)
        return Record(self._topic, 0, headers, value)

    def _sent(self, draft: DueStatement, time_ms: int) -> None:
        with self._store.transaction() as tx:
            tx.meta.set(draft.name, time_ms.to_bytes(_TIME_BYTES, "big") + draft.said)
