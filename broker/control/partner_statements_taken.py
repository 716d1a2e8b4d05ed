"""Taking of statements for partners: the steps that every kind has in common.

docs/spec/partner-statements.md, "Taken". A statement at fault is counted and dropped; nothing else
follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from broker.control.budgets import Budgets
from broker.envelope.primitives import sha256
from broker.errors import RefusedError
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
from broker.tlog.note import Note


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

    def open(
        self, form: StatementForm, value: bytes, is_old: Callable[[SealedStatement], bool]
    ) -> tuple[SealedStatement, bytes] | None:
        """Verify and open a statement.

        Args:
            form: its kind.
            value: of the record.
            is_old: whether a statement is not newer than the one that is kept.

        Returns:
            The statement and its content; None for one that is passed over.

        Raises:
            RefusedError: it is dropped.
            KeyAccessError: an exchange key cannot be used now; it must be given again.
        """
        statement = parse_statement(form, value)
        place, resolver = statement.place, self.trust.resolver
        foreign = place.deployment != resolver.manifests.deployment
        if foreign or place.agency == resolver.agency or resolver.agency not in statement.wraps:
            return None
        if place.agency not in self.present:
            raise RefusedError(2, "party_left", "its maker takes no part in a contract of ours")
        if place.time_ms > self.now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the statement is ahead of this clock")
        if is_old(statement):  # before the cost of a signature check
            return None
        self.budgets.require_statement(form, place.agency, place.time_ms)
        require_author(statement.note, resolver.manifests, place.agency, RECEIPT, place.time_ms)
        self.budgets.statement(form, place.agency, place.time_ms)
        content = self._content(statement)
        return None if content is None else (statement, content)

    def _content(self, statement: SealedStatement) -> bytes | None:
        """Return the content; None for an old statement whose exchange key is gone."""
        keys, _ = self.trust.opening_keys(statement.place.time_ms)
        try:
            return open_statement(statement, self.trust.resolver.agency, keys)
        except RefusedError as refusal:
            age_ms = self.now - statement.place.time_ms
            unopenable = refusal.code == statement.form.unopenable().code
            if unopenable and age_ms > statement.form.renew_ms:
                return None  # its maker has published a newer one since
            raise


def order_of(time_ms: int, note: Note) -> tuple[int, bytes]:
    """Return the order of statements; the hash decides between two of one time."""
    return time_ms, sha256(note.text)
