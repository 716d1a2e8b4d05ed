"""Intake: from a file of the agency's system to rows in the outbox.

A file is taken in chunks, each one transaction with its links, outbox rows and log entries. A crash
in the middle is harmless: the file is read again, and every item that was published is known by its
idempotency key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from adapters.base import AgencyAdapter, Context, MappingError, Rejected, Row
from adapters.links import StoreLinks
from adapters.sources.interfaces import RowReason, SourceFile, Verdict
from adapters.sources.rejects import rejected_file
from broker.audit.log import append_entries
from broker.audit.recording import OPERATOR, refused
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.sending.publishing import Acceptance, Publisher
from broker.store.interfaces import Store, Transaction
from contracts.errors import EventError

CHUNK_ROWS: Final = 200


@dataclass(slots=True)
class _Tally:
    published: int = 0
    repeats: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    reasons: list[RowReason] = field(default_factory=list)


class Intake:
    """Takes the files of one agency.

    Args:
        adapter: reads them.
        agency: this agency's id.
        partners: own codes -> agency ids.
        store: the agency's state.
        publisher: puts events into the outbox.
        published: called after each transaction that added something.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        adapter: AgencyAdapter,
        agency: str,
        partners: dict[str, str],
        store: Store,
        publisher: Publisher,
        published: Callable[[], None],
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._adapter = adapter
        self._agency = agency
        self._partners = partners
        self._store = store
        self._publisher = publisher
        self._published = published
        self._metrics = metrics
        self._clock = clock
        self._log = logger("intake")

    async def take(self, file: SourceFile) -> Verdict:
        """Take a file; everything it held is durable, or put aside, when this returns.

        Raises:
            ConcordantError: nothing more can be taken now; the file is offered again.
        """
        tally = _Tally()
        rows = iter(await asyncio.to_thread(lambda: list(self._adapter.read(file.content))))
        while chunk := list(islice(rows, CHUNK_ROWS)):
            await asyncio.to_thread(self._take_chunk, chunk, tally)
            self._published()
        self._log.info(
            "file_taken",
            events=tally.published,
            repeats=tally.repeats,
            refused=len(tally.rejected),
        )
        if not tally.rejected:
            return Verdict(True)
        return Verdict(
            True,
            "rows_refused",
            f"{len(tally.rejected)} of the file's records were not taken.",
            tuple(tally.reasons),
            rejected_file(file.path.suffix, [item.raw for item in tally.rejected]),
        )

    def _take_chunk(self, chunk: list[Row | Rejected], tally: _Tally) -> None:
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            context = Context(
                self._agency, self._partners, StoreLinks(tx, self._publisher.shared_id)
            )
            for item in chunk:
                if isinstance(item, Rejected):
                    self._reject(tx, item, tally, logged=False)
                    continue
                try:
                    self._take_row(acceptance, item, context, tally)
                except MappingError as error:
                    self._reject(tx, Rejected(item.line, item.raw, error), tally, logged=False)
                except EventError as error:  # the publisher has logged its refusal
                    refusal = MappingError(error.detail, code=error.code, where=error.where)
                    self._reject(tx, Rejected(item.line, item.raw, refusal), tally, logged=True)

    def _take_row(self, acceptance: Acceptance, row: Row, context: Context, tally: _Tally) -> None:
        outgoing = self._adapter.to_event(row, context)
        event_id = acceptance.publish(outgoing.event, self._clock(), source_key=outgoing.key)
        if event_id is None:
            tally.repeats += 1
        else:
            tally.published += 1

    def _reject(self, tx: Transaction, rejected: Rejected, tally: _Tally, *, logged: bool) -> None:
        error = rejected.error
        self._metrics.item_refused(error.code)
        self._log.warning("row_refused", line=rejected.line, code=error.code)
        if not logged:
            append_entries(tx, [refused(None, error.code, self._clock(), OPERATOR)])
        tally.rejected.append(rejected)
        tally.reasons.append(RowReason(rejected.line, error.code, error.where, error.detail))
