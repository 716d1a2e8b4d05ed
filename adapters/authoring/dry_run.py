"""Dry run of exports: for each row what would be sent to whom, or why it would not.

It reads the same files through the same mapping, and asks the same decision of the agreement, as a
running adapter. It stores, sends and logs nothing; ids that it would have to make are placeholders.
It does not follow the course of a referral over several rows (whether this status may follow that
one), which the adapter checks when it takes the row.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from adapters.base import AgencyAdapter, Context, MappingError, Outgoing, Rejected, Row
from adapters.links import PendingLinks, StoreLinks
from broker.agency.participant import Participant
from broker.errors import RegistryError
from broker.sending.addressees import NotSealed
from broker.sending.sealing_context import SealingContext
from broker.store.database import open_store, state_exists
from broker.store.transaction import Transaction
from contracts.decision import without_ungranted
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.simulation import Simulated, simulate

__all__ = ["DryRun", "Outcome", "RowRefusal", "RowResult"]

Outcome: TypeAlias = Literal["send", "refused", "filtered", "repeat"]
_NOT_ALLOWED: Final = "field_not_granted"


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Reason for which a row would be refused.

    Attributes:
        code: reason code.
        field: own column, or field of the event; empty if the whole row is at fault.
        detail: one sentence, without values.
    """

    code: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row.

    Attributes:
        file: the export.
        line: line or element number in it.
        outcome: `send`, `refused`, `filtered` by the mapping, or a `repeat` of a row that was sent.
        type: event type; None if the row became no event.
        recipients: agency -> the fields that it would get, in the order of the event.
        left_out: agency, field, reason and clause of each field that an agency would not get.
        not_reached: addressed agencies that cannot be reached now, with the reason.
        refused: the reason, for the outcome `refused`.
        row: the row, for the coverage of columns and codes; None if it could not be read.
    """

    file: Path
    line: int
    outcome: Outcome
    type: str | None = None
    recipients: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: Sequence[Mapping[str, str | None]] = ()
    not_reached: Sequence[NotSealed] = ()
    refused: RowRefusal | None = None
    row: Row | None = None


class DryRun:
    """Tries exports of one agency.

    Args:
        participant: the agency.
        adapter: reads and maps its files.
        now: milliseconds since the epoch.
    """

    def __init__(self, participant: Participant, adapter: AgencyAdapter, now: int) -> None:
        self._participant = participant
        self._adapter = adapter
        self._now = now
        self._leave_out = participant.config.intake.ungranted_fields == "leave_out"
        self._sealing = SealingContext(participant.contracts, participant.manifests)
        self._seen: set[bytes] = set()
        self._tx: Transaction | None = None
        self.assumed: Contract | None = None
        """The agreement by which rows were judged although none is in force; None otherwise."""

    def rows(self, files: Sequence[Path]) -> Generator[RowResult, None, None]:
        """Yield the outcome of each row of the files, in order.

        A file that is refused as a whole is one refused row, at line 0 or where the fault is.

        Raises:
            ConcordantError: a file or the database cannot be read.
        """
        encoding = self._participant.config.adapter.encoding
        with ExitStack() as opened:
            self._tx = self._known(opened)
            links = PendingLinks(None if self._tx is None else StoreLinks(self._tx))
            context = Context(self._participant.agency, self._participant.config.partners, links)
            for file in files:
                with file.open("rb") as content:
                    try:
                        for item in self._adapter.read(content, encoding):
                            yield self._result(file, item, context)
                    except MappingError as error:
                        yield RowResult(file, 0, "refused", refused=_reason(error))

    def _known(self, opened: ExitStack) -> Transaction | None:
        """Return the agency's database for reading; None if it has none yet."""
        place = self._participant.state
        if not state_exists(place):
            return None
        store = open_store(place)
        opened.callback(store.close)
        return opened.enter_context(store.reading())

    def _result(self, file: Path, item: Row | Rejected, context: Context) -> RowResult:
        if isinstance(item, Rejected):
            return RowResult(file, item.line, "refused", refused=_reason(item.error))
        try:
            outgoing = self._adapter.to_event(item, context)
        except MappingError as error:
            return RowResult(file, item.line, "refused", refused=_reason(error), row=item)
        if outgoing is None:
            return RowResult(file, item.line, "filtered", row=item)
        if self._repeated(outgoing):
            return RowResult(file, item.line, "repeat", outgoing.event.type, row=item)
        return self._judged(file, item, outgoing)

    def _repeated(self, outgoing: Outgoing) -> bool:
        sent = None if self._tx is None else self._tx.items.find(outgoing.key)
        repeated = outgoing.key in self._seen or (sent is not None and sent.outcome == "published")
        self._seen.add(outgoing.key)
        return repeated

    def _judged(self, file: Path, row: Row, outgoing: Outgoing) -> RowResult:
        event, me = outgoing.event, self._participant.agency
        try:
            contract, missing = self._contract(event)
        except EventError as error:
            refused = RowRefusal(error.code, error.where or "", error.detail)
            return RowResult(file, row.line, "refused", event.type, refused=refused, row=row)
        if not self._leave_out:
            _, gone = without_ungranted(contract, me, event)
            if gone:
                refused = RowRefusal(_NOT_ALLOWED, gone[0].path, "the agreement does not grant it")
                return RowResult(file, row.line, "refused", event.type, refused=refused, row=row)
        view = simulate(contract, me, event, self._now)
        if not view.permitted:
            detail = view.detail.removeprefix(f"{view.field}: ")
            refused = RowRefusal(view.code, view.field or "", detail)
            return RowResult(file, row.line, "refused", event.type, refused=refused, row=row)
        return RowResult(
            file,
            row.line,
            "send",
            event.type,
            {agency: one.reads for agency, one in view.recipients.items()},
            _left_out(view),
            missing,
            row=row,
        )

    def _contract(self, event: PlainEvent) -> tuple[Contract, Sequence[NotSealed]]:
        """Return the agreement that decides on an event, and who cannot be reached under it.

        Raises:
            EventError: no agreement has the type, or several have it.
        """
        try:
            found = self._sealing.addressees(event.type, event.recipients, self._now)
        except RegistryError:  # none is in force: the newest one that has the type shows the terms
            known = [signed.contract for signed in self._participant.contracts.all()]
            having = [one for one in known if event.type in one.event_types] or known
            if not having:
                raise
            self.assumed = having[-1]
            return having[-1], ()
        return found.in_force.contract, found.not_reached


def _reason(error: MappingError) -> RowRefusal:
    column = (error.where or "").partition("column ")[2]
    return RowRefusal(error.code, column, error.detail)


def _left_out(view: Simulated) -> tuple[Mapping[str, str | None], ...]:
    return tuple(
        {"agency": agency, "field": one.field, "reason": one.reason, "clause": one.clause}
        for agency, found in view.recipients.items()
        for one in found.left_out
    )
