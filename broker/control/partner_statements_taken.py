"""Taking of statements for partners: the steps that every kind has in common.

docs/spec/partner-statements.md, "Taken". A statement at fault is counted and dropped; nothing else
follows from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from broker.control.budgets import Budgets
from broker.control.statement_limits import Admission
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
from broker.figures.altered_rows import altered_rows_named
from broker.judging.key_resolver import Trust
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
from broker.statements.authorship import require_author
from broker.statements.partner_statements import (
    SealedStatement,
    StatementForm,
    open_statement,
    parse_statement,
)
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.tlog.note import Note

Taken = TypeVar("Taken")
TakenT_co = TypeVar("TakenT_co", covariant=True)


class PlacedStatement(ABC, Generic[TakenT_co]):
    """A statement that its author may make now, with what decides on it."""

    @abstractmethod
    def is_old(self, tx: Transaction) -> bool:
        """Return whether it is a replay, not newer than the one that is kept, or not needed."""

    @abstractmethod
    def read(self, content: bytes) -> TakenT_co:
        """Check the content; returns what its reader is told of it.

        Raises:
            ValueError: it does not have the required form; the text says what is wrong.
        """

    @abstractmethod
    def keep(self, tx: Transaction, content: bytes) -> None:
        """Store the content, which was checked."""

    def refused(self, tx: Transaction, refusal: RefusedError, now: int) -> None:
        """Note that the content was refused, at ``now`` (ms); most kinds note nothing."""


@dataclass(frozen=True, slots=True)
class StatementReader:
    """Reader of statements for partners, for one agency at one time.

    Attributes:
        trust: what is believed now.
        present: the active parties of this agency's contracts.
        budgets: how many statements are processed.
        now: ms.
    """

    trust: Trust
    present: Collection[str]
    budgets: Budgets
    now: int

    def take(
        self, form: StatementForm, value: bytes, store: Store, place: Place[Taken]
    ) -> Taken | None:
        """Take a statement, if it is for this agency and newer than the one that is kept.

        Args:
            form: its kind.
            value: of the record.
            store: the agency's state.
            place: finds what decides on it; raises RefusedError if its author may not make it now.

        Returns:
            What `PlacedStatement.read` says; None for a statement that is passed over.

        Raises:
            RefusedError: it is dropped.
            KeyAccessError: an exchange key cannot be used now; it must be given again.
            StoreError: nothing was written; it must be given again.
        """
        statement = self._for_us(form, value)
        if statement is None:
            return None
        placed = place(statement, self)
        with store.reading() as tx, altered_rows_named():
            if placed.is_old(tx):  # before the cost of a signature check
                return None
        opened = self._opened(statement)
        if opened is None:
            return None
        admission, content = opened
        taken = self._read(placed, content, form, store, admission)
        with store.transaction() as tx, altered_rows_named():
            if placed.is_old(tx):
                return None
            placed.keep(tx, content)
        return taken

    def _for_us(self, form: StatementForm, value: bytes) -> SealedStatement | None:
        """Return a statement of another party for this agency; None if it is passed over."""
        statement = parse_statement(form, value)
        place, resolver = statement.place, self.trust.resolver
        foreign = place.deployment != resolver.manifests.deployment
        if foreign or place.agency == resolver.agency or resolver.agency not in statement.wraps:
            return None
        if place.agency not in self.present:
            raise RefusedError(2, "party_left", "its maker takes no part in a contract of ours")
        if place.time_ms > self.now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the statement is ahead of this clock")
        return statement

    def _opened(self, statement: SealedStatement) -> tuple[Admission, bytes] | None:
        """Return a statement's admission and content; None if it is old and its key is gone."""
        form, place = statement.form, statement.place
        digest = sha256(statement.note.text)
        admission = self.budgets.statement(form, place.agency, place.time_ms, digest)
        try:
            admission.require()
            content = self._content(statement, admission)
        except RefusedError as refusal:
            unopenable = refusal.code == form.unopenable().code
            if unopenable and self.now - place.time_ms > form.renew_ms:
                return None  # its maker has published a newer one since
            raise
        return admission, content

    def _content(self, statement: SealedStatement, admission: Admission) -> bytes:
        """Return the content of a statement, whose author is verified and counted first."""
        place, resolver = statement.place, self.trust.resolver
        require_author(statement.note, resolver.manifests, place.agency, RECEIPT, place.time_ms)
        admission.count()
        keys, _ = self.trust.opening_keys(place.time_ms)
        with admission.judged():
            content = open_statement(statement, resolver.agency, keys)
        assert content is not None  # it has a wrap for this agency
        return content

    def _read(
        self,
        placed: PlacedStatement[Taken],
        content: bytes,
        form: StatementForm,
        store: Store,
        admission: Admission,
    ) -> Taken:
        try:
            with admission.judged():
                try:
                    return placed.read(content)
                except ValueError as error:
                    raise form.malformed(str(error)) from None
        except RefusedError as refusal:
            with store.transaction() as tx:
                placed.refused(tx, refusal, self.now)
            raise


Place: TypeAlias = Callable[[SealedStatement, StatementReader], PlacedStatement[Taken]]
"""Finds what decides on a statement; raises RefusedError if its author may not make it now."""


def order_of(time_ms: int, note: Note) -> tuple[int, bytes]:
    """Return the order of statements; the hash decides between two of one time."""
    return time_ms, sha256(note.text)
