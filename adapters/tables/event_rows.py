"""Rows of the outbox in the form of Debezium: the payload is an event as JSON.

The payload is the body of `POST /events`: type, recipients and data. If the settings name a column
of recipients, the payload is the data alone, and type and recipients are in their columns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from adapters.exchange.caller import side_caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.from_parts import acceptance_of
from adapters.exchange.json_input import require_shallow
from adapters.sides import SideParts
from adapters.tables.outbox import RowAnswer, RowContent, UnansweredRow
from broker.agency.config import DATABASE
from broker.agency.database_section import OutboxSection
from broker.strict_json import StrictJsonError, parse_strict_json
from contracts.errors import EventError

if TYPE_CHECKING:
    from sqlalchemy import Connection


class EventRows:
    """Accepts the events of rows.

    Args:
        section: names of the columns.
        parts: those of all sources.
    """

    def __init__(self, section: OutboxSection, parts: SideParts) -> None:
        self._names = section.columns
        self._caller = side_caller(DATABASE, correctable=True)
        self._acceptance = acceptance_of(parts)

    def columns(self, _connection: Connection) -> tuple[str, ...]:
        """Return the columns that are read."""
        names = self._names
        own = () if names.recipients is None else (names.recipients,)
        return (names.type, names.payload, *own)

    def take(self, row: UnansweredRow, content: RowContent) -> RowAnswer:
        """Accept the event of a row.

        Raises:
            EventError: the row is refused.
            RegistryError, StoreError: nothing can be accepted now.
        """
        try:
            body = self._body(content)
        except EventError as refusal:
            self.refuse(row, refusal)
            raise
        try:
            accepted = self._acceptance.accept(self._caller, row.item, body)
        except ExchangeError as error:
            # Another content under the key of an accepted row, or a document that nests too deeply.
            refused = EventError(error.detail, code=error.code)
            self.refuse(row, refused)
            raise refused from None
        answer = accepted.answer.decode()
        return RowAnswer("accepted", event_id=json.loads(answer)["id"], answer=answer)

    def refuse(self, row: UnansweredRow, refusal: EventError) -> None:
        """Write the refusal of a row that is no event into the log."""
        self._acceptance.refuse(self._caller, row.item, row.item.encode(), refusal)

    def _body(self, content: RowContent) -> bytes:
        """Return the document in the form of `POST /events`."""
        names = self._names
        payload = content.values[names.payload] or b""
        type_ = content.values[names.type] or b""
        if names.recipients is None:
            _require_same_type(payload, type_, names.type)
            return payload
        data = _parsed(payload, names.payload)
        raw = (content.values[names.recipients] or b"").strip()
        if raw.startswith(b"["):
            recipients = _parsed(raw, names.recipients)
        else:  # `a,b`, or an array of PostgreSQL: `{a,b}`
            text = raw.decode("utf-8", "replace").removeprefix("{").removesuffix("}")
            recipients = [one for part in text.split(",") if (one := part.strip().strip('"'))]
        document = {
            "type": type_.decode("utf-8", "replace"),
            "recipients": recipients,
            "data": data,
        }
        return json.dumps(document, ensure_ascii=False).encode()


def _require_same_type(payload: bytes, type_: bytes, name: str) -> None:
    """Refuse a row whose column of the type contradicts its payload."""
    try:
        document = parse_strict_json(payload) if len(payload) else None
    except (StrictJsonError, RecursionError):
        return  # refused by the acceptance, with the reason
    stated = document.get("type") if isinstance(document, dict) else None
    if isinstance(stated, str) and stated.encode("utf-8", "replace") != type_:
        raise EventError(
            "The type of the row is not the type of its payload.",
            code="event_malformed",
            where=name,
        )


def _parsed(raw: bytes, name: str) -> object:
    try:
        require_shallow(raw)
        return parse_strict_json(raw)
    except (ExchangeError, StrictJsonError):
        raise EventError(
            "The column is not a JSON document, or nests too deeply.",
            code="event_malformed",
            where=name,
        ) from None
