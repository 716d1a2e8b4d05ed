"""Content of kept events and of drafts, encrypted under the agency's secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import SealBroken, lp
from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.receiving.inbox_payload import format_payload, parse_payload
from broker.store.desk_rows import DeskEventRow, DraftRow
from contracts.phrases import N_, phrase
from contracts.policy import LeftOut

_EVENT: Final = b"concordant/1/desk-event"
_DRAFT: Final = b"concordant/1/desk-draft"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as the agency's people see it.

    Attributes:
        event: a received event, or one that this agency sent.
        left_out: fields of a sent event that some recipient did not get.
        not_sealed: (agency, code) of recipients to which a sent event was not sealed then.
    """

    event: OpenedEvent
    left_out: tuple[LeftOut, ...] = ()
    not_sealed: tuple[tuple[str, str], ...] = ()


class Contents:
    """Encryption of kept events and drafts.

    Args:
        secret: the agency's secret.
        agency: the agency's id.
    """

    def __init__(self, secret: bytes, agency: str) -> None:
        self._events = AtRestKey(secret, _EVENT)
        self._drafts = AtRestKey(secret, _DRAFT)
        self._agency = agency

    def seal_event(self, kept: KeptEvent) -> bytes:
        """Encrypt an event for its row."""
        event = kept.event
        text = orjson.dumps(
            {
                "event": orjson.Fragment(format_payload(event)),
                "left_out": [list(one) for one in kept.left_out],
                "not_sealed": [list(one) for one in kept.not_sealed],
            }
        )
        return self._events.seal(text, _row(event.source, event.id))

    def open_event(self, row: DeskEventRow) -> KeptEvent | None:
        """Decrypt the event of a row; None if its content was removed.

        Raises:
            StoreError: `store_corrupt`.
        """
        if row.content is None:
            return None
        try:
            text = self._events.open(row.content, _row(row.source or self._agency, row.event_id))
            stored: Any = orjson.loads(text)
            return KeptEvent(
                parse_payload(orjson.dumps(stored["event"])),
                tuple(LeftOut(*one) for one in stored["left_out"]),
                tuple((agency, code) for agency, code in stored["not_sealed"]),
            )
        except (SealBroken, ValueError, KeyError, TypeError):
            raise corrupt("An event that is kept for the desk") from None

    def seal_draft(self, draft_id: str, content: object) -> bytes:
        """Encrypt the content of a draft, which is JSON, for its row."""
        return self._drafts.seal(orjson.dumps(content), draft_id.encode())

    def open_draft(self, row: DraftRow) -> Any:
        """Decrypt the content of a draft.

        Raises:
            StoreError: `store_corrupt`.
        """
        try:
            return orjson.loads(self._drafts.open(row.content, row.draft_id.encode()))
        except (SealBroken, ValueError):
            raise corrupt("A draft") from None


def corrupt(what: str) -> StoreError:
    """Return the error for content that is not what was written."""
    return StoreError(
        phrase("%(what)s is not what was written there.", what=what),
        code="store_corrupt",
        fix=N_("Restore the state database from a backup, then read again from Kafka."),
    )


def _row(source: str, event_id: str) -> bytes:
    return lp(source.encode(), event_id.encode())
