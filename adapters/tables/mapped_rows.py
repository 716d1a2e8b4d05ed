"""Rows of the agency's own table or view, through its mapping file (`[adapter] kind = "mapped"`).

Only columns that the mapping knows are read. Each value is the text that the database gives it, and
NULL is an empty text.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from adapters.base import Context, MappingError, Outgoing, Row
from adapters.exchange.caller import side_caller
from adapters.links import PendingLinks, StoreLinks
from adapters.mapping.adapter import MappedAdapter
from adapters.sides import SideParts
from adapters.tables.catalog import find_table
from adapters.tables.connecting import database_error
from adapters.tables.outbox import RowAnswer, RowContent, UnansweredRow
from broker.agency.config import CONFIG_NAME, DATABASE
from broker.agency.database_section import OutboxSection
from broker.errors import ConfigError
from broker.observing.logs import logger
from broker.operations.event_acceptance import accepted_answer
from contracts.errors import EventError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FAULTS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Exceptions that a defect of an adapter's own code raises."""


def require_mapping(adapter: object) -> MappedAdapter:
    """Return the adapter, if rows of a table can go through its mapping.

    Raises:
        ConfigError: `config_invalid`: its kind has no mapping of columns.
    """
    if isinstance(adapter, MappedAdapter) and adapter.mapping.document.style == "text":
        return adapter
    raise ConfigError(
        "Own columns of a table need a kind of adapter with a mapping of columns.",
        code="config_invalid",
        where=f"{CONFIG_NAME}: adapter.kind",
        fix='Set kind = "mapped" with a mapping file whose format is csv, xlsx or ods, or set form '
        'to "events" in the section [database].',
    )


class MappedRows:
    """Accepts rows through the mapping.

    Args:
        section: names of the table and of its key.
        parts: those of all sources.
    """

    def __init__(self, section: OutboxSection, parts: SideParts) -> None:
        self._section = section
        self._adapter = require_mapping(parts.system.adapter)
        self._system = parts.system
        self._store = parts.store
        self._publisher = parts.publisher
        self._metrics = parts.metrics
        self._clock = parts.clock
        self._operator = side_caller(DATABASE).operator
        self._log = logger("intake")

    def columns(self, connection: Connection) -> tuple[str, ...]:
        """Return the columns of the table that the mapping knows.

        Raises:
            DatabaseError: `database_table_missing`: the table, or a column that the mapping needs.
        """
        section = self._section
        found = find_table(connection, section.schema_, section.table)
        mapping = self._adapter.mapping
        if found is None or not found.columns.keys() >= set(mapping.export_columns):
            raise database_error("database_table_missing")
        readable = {name for name, one in found.columns.items() if "SELECT" in one.rights}
        return tuple(name for name in mapping.known_columns if name in readable)

    def take(self, row: UnansweredRow, content: RowContent) -> RowAnswer:
        """Accept the event of a row, or state that the mapping does not send the row.

        Raises:
            EventError: the row is refused.
            RegistryError, StoreError: nothing can be accepted now.
        """
        try:
            values = {
                name: "" if raw is None else raw.decode("utf-8")
                for name, raw in content.values.items()
            }
        except UnicodeDecodeError:
            refusal = EventError("A column is not UTF-8 text.", code="text_encoding")
            self.refuse(row, refusal)
            raise refusal from None
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            links = PendingLinks(StoreLinks(tx, self._publisher.shared_id))
            try:
                outgoing = self._event(values, content.size, links)
                if outgoing is None:
                    return RowAnswer("filtered")
                event_id = acceptance.publish(
                    outgoing.event,
                    self._clock(),
                    source_key=outgoing.key,
                    operator=self._operator,
                    leave_out=self._system.leave_out,
                )
                links.write()
            except EventError as error:  # the publisher has logged its refusal
                refused, new = error, acceptance.newly_refused
            except MappingError as error:
                refused = EventError(error.detail, code=error.code, where=_column(error.where))
                key = _refused_key(row, values)
                new = acceptance.refuse(key, refused.code, self._clock(), operator=self._operator)
            else:
                known = tx.items.find(outgoing.key) if event_id is None else None
                event_id = known.event_id if known else event_id
                answer = accepted_answer(event_id, acceptance).decode()
                return RowAnswer("accepted", event_id=event_id, answer=answer)
        if new:
            self._tell(refused)
        raise refused

    def _event(self, values: dict[str, str], size: int, links: PendingLinks) -> Outgoing | None:
        context = Context(self._system.agency, self._system.partners, links)
        try:
            return self._adapter.to_event(Row(0, values, 0, size), context)
        except _FAULTS as error:
            # Only the type: the message of such an exception may hold values.
            detail = f"the adapter failed on this row ({type(error).__name__})"
            raise MappingError(detail, code="mapping_failed") from None

    def refuse(self, row: UnansweredRow, refusal: EventError) -> None:
        """Write the refusal of a row whose content was not read into the log."""
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            key, now = _refused_key(row, {}), self._clock()
            new = acceptance.refuse(key, refusal.code, now, operator=self._operator)
        if new:
            self._tell(refusal)

    def _tell(self, refusal: EventError) -> None:
        self._metrics.item_refused(refusal.code)
        self._log.warning("row_refused", code=refusal.code)


def _column(where: str | None) -> str | None:
    return where and where.removeprefix("column ")


def _refused_key(row: UnansweredRow, values: dict[str, str]) -> bytes:
    content = json.dumps([row.item, values], sort_keys=True)
    return sha256(f"refused table row\0{content}".encode()).digest()
