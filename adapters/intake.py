"""Intake of export files: from a file of the agency's system to rows in the outbox.

A file is read record by record and taken in chunks. Each chunk is one transaction with its links,
outbox rows and log entries. Memory does not grow with the file. A crash in the middle does no harm:
the file is read again, and the idempotency key identifies each item that was already published.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from adapters.base import AgencySystem, Context, MappingError, Records, Rejected, Row
from adapters.limits import CHUNK_BYTES, CHUNK_ROWS, MAX_REFUSED
from adapters.links import PendingLinks, StoreLinks
from adapters.sources.rejects import rejected_pieces, rest_pieces, stream_size
from adapters.sources.source_file import SourceFile, Verdict
from broker.held.reason_file import RowReason
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.sending.addressees import NotSealed
from broker.sending.publishing import Acceptance, Publisher
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.errors import EventError
from contracts.policy import LeftOut

_FAULTS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Exceptions that a defect in an adapter's own code raises, as opposed to a disk or database fault.
"""
IMPORT_LATE_S: Final = 180.0
"""Seconds after which a look at the import folder, or a chunk of a file, counts as late."""
MAX_LINES: Final = 100
"""Number of lines that are listed for one field, agency and reason; ``records`` counts all."""


@dataclass(slots=True)
class _Where:
    records: int = 0
    lines: list[int] = field(default_factory=list)


class LeftOutReport:
    """Collects the fields left out of one file, and the lines of the rows that were filtered.

    Its size is bounded: fields x agencies x reasons.

    The same file always gives the same report: only the contract decides, and not which rows were
    published before.
    """

    def __init__(self) -> None:
        self._where: dict[LeftOut, _Where] = {}
        self._not_sealed: dict[NotSealed, _Where] = {}
        self._filtered = _Where()

    def add(
        self, line: int, left_out: Iterable[LeftOut], not_sealed: Iterable[NotSealed] = ()
    ) -> None:
        """Record the fields left out of one record, and the agencies to which it was not sealed."""
        found = [self._where.setdefault(one, _Where()) for one in left_out]
        found += [self._not_sealed.setdefault(one, _Where()) for one in not_sealed]
        for where in found:
            where.records += 1
            if len(where.lines) < MAX_LINES:
                where.lines.append(line)

    def filter(self, line: int) -> None:
        """Record a row that the mapping does not send."""
        self._filtered.records += 1
        if len(self._filtered.lines) < MAX_LINES:
            self._filtered.lines.append(line)

    @property
    def filtered(self) -> int:
        """Return the number of rows that the mapping does not send."""
        return self._filtered.records

    @property
    def fields(self) -> int:
        """Return the number of fields that were left out of any record."""
        return len({one.path for one in self._where})

    def format(self, sha256: str) -> bytes | None:
        """Return the file's content, or None if nothing was left out.

        Args:
            sha256: hash of the export, hexadecimal.
        """
        if not self._where and not self._not_sealed and not self.filtered:
            return None
        report: dict[str, object] = {
            "sha256": sha256,
            "left_out": [
                one.as_json() | {"records": where.records, "lines": where.lines}
                for one, where in sorted(self._where.items())
            ],
        }
        if self._not_sealed:
            report["not_sealed"] = [
                one.as_json() | {"records": where.records, "lines": where.lines}
                for one, where in sorted(self._not_sealed.items())
            ]
        if self.filtered:
            report["filtered"] = {"records": self.filtered, "lines": self._filtered.lines}
        return json.dumps(report, indent=2).encode() + b"\n"


@dataclass(slots=True)
class _Tally:
    published: int = 0
    repeats: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    reasons: list[RowReason] = field(default_factory=list)
    left_out: LeftOutReport = field(default_factory=LeftOutReport)
    taken_of_chunk: int = 0
    sent_of_chunk: list[tuple[int, str | None, bytes]] = field(default_factory=list)
    """Line, event id and item key of each row; no id if the item was sent before."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Destination of events that were made from records.

    Attributes:
        publisher: puts them into the outbox.
        published: called after each transaction that added something.
    """

    publisher: Publisher
    published: Callable[[], None]


class Intake:
    """Takes the files of one agency.

    Args:
        system: reads them.
        store: the agency's state.
        publication: takes the events.
        metrics: counts refused records and files.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        system: AgencySystem,
        store: Store,
        publication: Publication,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._adapter = system.adapter
        self._agency = system.agency
        self._partners = system.partners
        self._encoding = system.encoding
        self._leave_out = system.leave_out
        self._store = store
        self._publisher = publication.publisher
        self._published = publication.published
        self._metrics = metrics
        self._clock = clock
        self._log = logger("intake")

    async def take(self, file: SourceFile) -> Verdict:
        """Take a file. When this returns, each of its records is durable, or refused with a reason.

        Raises:
            ConcordantError: nothing more can be taken now; the file is offered again.
        """
        tally = _Tally()
        with file.open() as content:
            records = await asyncio.to_thread(self._adapter.read, content, self._encoding)
            items = iter(records)
            first_left: Row | Rejected | None = None
            while chunk := await asyncio.to_thread(_next_chunk, items):
                self._metrics.turned("import", IMPORT_LATE_S)
                await asyncio.to_thread(self._take_chunk, file, chunk, tally)
                self._published()
                if len(tally.rejected) >= MAX_REFUSED:
                    left = chunk[tally.taken_of_chunk :]
                    first_left = left[0] if left else await asyncio.to_thread(next, items, None)
                    break
            file.check()
        return self._verdict(file, records, tally, first_left)

    def _verdict(
        self, file: SourceFile, records: Records, tally: _Tally, first_left: Row | Rejected | None
    ) -> Verdict:
        self._log.info(
            "file_taken",
            events=tally.published,
            repeats=tally.repeats,
            refused=len(tally.rejected),
            fields=tally.left_out.fields,
            filtered=tally.left_out.filtered,
        )
        left_out = tally.left_out.format(file.sha256)
        if not tally.rejected:
            return Verdict(True, left_out=left_out)
        rejected = rejected_pieces(records, tally.rejected)
        reasons = tuple(tally.reasons)
        refused = f"{len(tally.rejected)} of the file's records were not taken."
        if first_left is None:
            return Verdict(
                True,
                "rows_refused",
                refused,
                reasons,
                rejected,
                left_out=left_out,
                source=records.source,
                suffix=records.suffix,
            )
        self._metrics.rest_put_aside()
        self._log.warning("rest_put_aside", line=first_left.line, code="rest_put_aside")
        return Verdict(
            True,
            "rest_put_aside",
            f"{refused} These are too many: the rest of the file, from line {first_left.line} "
            "on, was not read. Correct the fault that they share, then drop both files again.",
            reasons,
            rejected,
            rest_pieces(records, first_left, stream_size(records, file.size)),
            left_out,
            records.source,
            records.suffix,
        )

    def _take_chunk(self, file: SourceFile, chunk: list[Row | Rejected], tally: _Tally) -> None:
        tally.taken_of_chunk = 0
        tally.sent_of_chunk.clear()
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            links = StoreLinks(tx, self._publisher.shared_id)
            file.check()  # the part read so far is from the settled file
            for item in chunk:
                if len(tally.rejected) >= MAX_REFUSED:
                    break
                self._take_item(file, acceptance, item, links, tally)
                tally.taken_of_chunk += 1
            rows = [(line, id_ or _known(tx, key)) for line, id_, key in tally.sent_of_chunk]
            known = [(line, id_) for line, id_ in rows if id_ is not None]
            tx.exports.add(bytes.fromhex(file.sha256), file.name, known, self._clock())

    def _take_item(
        self,
        file: SourceFile,
        acceptance: Acceptance,
        item: Row | Rejected,
        links: StoreLinks,
        tally: _Tally,
    ) -> None:
        if isinstance(item, Rejected):
            self._reject(acceptance, item, _place_key(file, item), tally)
            return
        try:
            self._take_row(acceptance, item, PendingLinks(links), tally)
        except MappingError as error:
            rejected = Rejected(item.line, error, item.start, item.end)
            self._reject(acceptance, rejected, _row_key(item), tally)
        except EventError as error:  # the publisher has logged its refusal
            refusal = MappingError(error.detail, code=error.code, where=error.where)
            rejected = Rejected(item.line, refusal, item.start, item.end)
            self._reject(acceptance, rejected, None, tally)

    def _take_row(
        self, acceptance: Acceptance, row: Row, links: PendingLinks, tally: _Tally
    ) -> None:
        try:
            context = Context(self._agency, self._partners, links)
            outgoing = self._adapter.to_event(row, context)
        except _FAULTS as error:  # a defect of the adapter: the other rows are taken
            # Log only the type: the message of such an exception may hold values.
            detail = f"the adapter failed on this row ({type(error).__name__})"
            where = f"line {row.line}"
            raise MappingError(detail, code="mapping_failed", where=where) from None
        if outgoing is None:
            tally.left_out.filter(row.line)
            return
        event_id = acceptance.publish(
            outgoing.event,
            self._clock(),
            source_key=outgoing.key,
            leave_out=self._leave_out,
        )
        links.write()  # a refused row leaves no link behind
        tally.left_out.add(row.line, acceptance.left_out, acceptance.not_sealed)
        tally.sent_of_chunk.append((row.line, event_id, outgoing.key))
        if event_id is None:
            tally.repeats += 1
        else:
            tally.published += 1

    def _reject(
        self, acceptance: Acceptance, rejected: Rejected, key: bytes | None, tally: _Tally
    ) -> None:
        """Set a record aside. Without a key, the publisher has already logged its refusal."""
        error = rejected.error
        new = (
            acceptance.newly_refused
            if key is None
            else acceptance.refuse(key, error.code, self._clock())
        )
        if new:  # only at the first try of the file
            self._metrics.item_refused(error.code)
            self._log.warning("row_refused", line=rejected.line, code=error.code)
        tally.rejected.append(rejected)
        tally.reasons.append(RowReason(rejected.line, error.code, error.where, error.detail))


def _known(tx: Transaction, key: bytes) -> str | None:
    """Return the event of an item that was sent before."""
    item = tx.items.find(key)
    return None if item is None else item.event_id


def _next_chunk(items: Iterator[Row | Rejected]) -> list[Row | Rejected]:
    """Return the next records, few enough for one transaction and for memory."""
    chunk: list[Row | Rejected] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += item.end - item.start if isinstance(item, Row) else 0
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            break
    return chunk


def _row_key(row: Row) -> bytes:
    """Return a key of a row that could not become an event: the same row has the same key."""
    values = json.dumps(dict(row.values), default=str, sort_keys=True)
    return sha256(f"refused row\0{values}".encode()).digest()


def _place_key(file: SourceFile, rejected: Rejected) -> bytes:
    """Return a key of a record that could not be read, from its place in the file."""
    return sha256(f"refused record\0{file.sha256}\0{rejected.line}".encode()).digest()
