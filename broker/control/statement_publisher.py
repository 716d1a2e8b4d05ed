"""Publisher of one kind of statements for partners: looks for what is due, and sends it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from broker.control.statement_sender import DueStatement, StatementSender
from broker.control.too_large import note_too_large
from broker.store.database import Store


@dataclass(frozen=True, slots=True)
class TooLargeContent:
    """A content that no record can hold.

    Attributes:
        name: under which the state remembers it.
        agreement: name of the agreement.
        period: `YYYY-Qn`.
    """

    name: str
    agreement: str
    period: str


@dataclass(frozen=True, slots=True)
class DueStatements:
    """Statements that are due, and contents that no record can hold."""

    drafts: tuple[DueStatement, ...]
    too_large: tuple[TooLargeContent, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedStatements:
    """Result of a look.

    Attributes:
        sent: subjects of the statements that were sent.
        too_large: (agreement, period) of contents that no record can hold; each once a day.
    """

    sent: tuple[tuple[str, ...], ...]
    too_large: tuple[tuple[str, str], ...] = ()


class StatementPublisher(ABC):
    """Publishes the statements of one kind when they are due.

    Args:
        store: the agency's state.
        sender: seals, signs and sends.
        clock: () -> ms.
    """

    def __init__(self, store: Store, sender: StatementSender, clock: Callable[[], int]) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock

    @abstractmethod
    def due(self, now: int) -> DueStatements:
        """Return what is due at ``now`` (ms). Contents can take seconds to make.

        Raises:
            StoreError: the state cannot be read or written.
        """

    async def look(self) -> PublishedStatements:
        """Publish what is due.

        Raises:
            TransportError: Kafka does not take a statement; it stays due.
            StoreError: the state cannot be read or written.
            RegistryError, KeyAccessError: this agency cannot sign now.
        """
        due = await asyncio.to_thread(self._noted, self._clock())
        for draft in due.drafts:
            await self._sender.send(draft)
        too_large = sorted((one.agreement, one.period) for one in due.too_large)
        return PublishedStatements(tuple(one.subject for one in due.drafts), tuple(too_large))

    def _noted(self, now: int) -> DueStatements:
        due = self.due(now)
        if due.too_large:
            with self._store.transaction() as tx:
                for one in due.too_large:
                    note_too_large(tx, one.name, now)
        return due
