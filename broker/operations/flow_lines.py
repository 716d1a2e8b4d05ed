"""Events of an agency as they are sent, received, delivered and refused, without their content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.audit.entries import parse_log_entry
from broker.keys.instant import format_instant
from broker.store.event_flow import InboxEvent
from broker.store.transaction import Transaction

FlowStep: TypeAlias = Literal["sent", "received", "delivered", "put_aside", "discarded", "refused"]
"""``sent``: Kafka acknowledged an own event. ``received``: an event of a partner came.

``delivered``: our own system has it. ``put_aside``: our own system did not take it.
``discarded``: a person discarded it. ``refused``: an own row or a record of a partner was refused.
"""
MOST: Final = 1000
"""Maximum number of lines of one kind in one look; the next look continues after them."""


@dataclass(frozen=True, slots=True)
class FlowLine:
    """One step of one event.

    Attributes:
        time_ms: when it happened.
        step: what happened.
        partners: recipients of an own event, or the sender of a received one; none if unknown.
        about: type of the event, or topic of an own one.
        event_id: id of the event; empty if it has none.
        code: reason code; empty without one.
    """

    time_ms: int
    step: FlowStep
    partners: tuple[str, ...]
    about: str
    event_id: str
    code: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the line for scripts."""
        return {
            "time": format_instant(self.time_ms),
            "step": self.step,
            "partners": list(self.partners),
            "about": self.about,
            "event": self.event_id,
            "code": self.code or None,
        }


class FlowTail:
    """Steps since a time: each look returns those that are new.

    It is a view for a person. The record of what was shared is the disclosure log.
    """

    def __init__(self, tx: Transaction, since_ms: int | None, now: int) -> None:
        """Begin at a time, or with the next step.

        Args:
            tx: the agency's state.
            since_ms: the first time of which steps are returned; None for those after now.
            now: milliseconds since the epoch.
        """
        self._since_ms = now if since_ms is None else since_ms
        if since_ms is None:
            self._received, self._logged = tx.flow.last_received(), tx.flow.last_logged()
            self._sent = (now, tx.outbox.last())
            self._delivered = self._held = (now, self._received)
            self._oldest = tx.flow.first_undelivered()
        else:
            self._received, self._logged = tx.flow.received_before(since_ms), -1
            self._sent = self._delivered = self._held = (since_ms, 0)
            self._oldest = 1

    def look(self, tx: Transaction) -> list[FlowLine]:
        """Return the new steps, oldest first."""
        oldest = tx.flow.first_undelivered()
        lines = [*self._new_sent(tx), *self._new_received(tx), *self._new_delivered(tx)]
        lines += [*self._new_held(tx), *self._new_refusals(tx)]
        if not lines:  # else there may be more delivered ones of this look
            self._oldest = oldest
        return sorted(lines, key=lambda one: one.time_ms)

    def _new_sent(self, tx: Transaction) -> Iterator[FlowLine]:
        for row in tx.flow.sent(*self._sent, MOST):
            self._sent = row.sent_ms, row.seq
            to = tx.recipients.of_event(row.event_id)
            agencies = tuple(one.agency for one in to if one.outbox_seq == row.seq)
            yield FlowLine(row.sent_ms, "sent", agencies, row.topic, row.event_id)

    def _new_received(self, tx: Transaction) -> Iterator[FlowLine]:
        for row in tx.flow.received(self._received, MOST):
            self._received = row.seq
            yield _line(row, "received")

    def _new_delivered(self, tx: Transaction) -> Iterator[FlowLine]:
        for row in tx.flow.delivered(self._oldest, *self._delivered, MOST):
            self._delivered = row.time_ms, row.seq
            yield _line(row, "delivered" if row.code is None else "discarded")

    def _new_held(self, tx: Transaction) -> Iterator[FlowLine]:
        for row in tx.flow.held(*self._held, MOST):
            self._held = row.time_ms, row.seq
            yield _line(row, "put_aside")

    def _new_refusals(self, tx: Transaction) -> Iterator[FlowLine]:
        for index, text in tx.flow.refusals(self._logged, MOST):
            self._logged = index
            entry = parse_log_entry(text)
            if entry.time_ms >= self._since_ms:
                yield FlowLine(
                    entry.time_ms,
                    "refused",
                    (entry.source,) if entry.source else entry.recipients,
                    entry.type or "",
                    entry.event_id or "",
                    entry.reason or "",
                )


def _line(row: InboxEvent, step: FlowStep) -> FlowLine:
    code = row.code if step in {"put_aside", "discarded"} else None
    return FlowLine(row.time_ms, step, (row.source,), row.type, row.event_id, code or "")
