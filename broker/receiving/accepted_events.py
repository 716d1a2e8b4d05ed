"""Persistence of accepted events, for receiving (step 11) and for a retry from the quarantine.

An event that passed steps 0 to 10 becomes a row of the inbox, a change of its referral, a fact for
figures and entries of the disclosure log, in one transaction.
"""

from __future__ import annotations

from broker import pseudonyms
from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.audit.joining import combined
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.figures.recording import FactRecorder
from broker.judging.store_context import StoreContext
from broker.judging.verification import VerifiedRecord
from broker.receiving.inbox_payload import inbox_row
from broker.referrals import Referrals
from broker.store.rows import NewInboxRow
from broker.store.transaction import Transaction
from contracts.errors import EventError


class AcceptedEvents:
    """The accepted events of one transaction.

    Args:
        tx: the transaction in which all of it is written.
        context: what the reader knows, as of this transaction.
        secret: this agency's key for pseudonyms.
        now: ms.
        operator: name of the actor in the disclosure log.
    """

    def __init__(
        self,
        tx: Transaction,
        context: StoreContext,
        secret: bytes,
        now: int,
        operator: str = recording.OPERATOR,
    ) -> None:
        self._tx = tx
        self._context = context
        self._secret = secret
        self._now = now
        self._operator = operator
        self._referrals = Referrals(tx)
        self._facts = FactRecorder(tx, secret, context.agency)
        self._rows: list[NewInboxRow] = []
        self._sources: dict[tuple[bytes, str], None] = {}  # in order, each once

    def accept(self, event: OpenedEvent, verified: VerifiedRecord) -> list[NewLogEntry]:
        """Accept one event; ``write`` writes it.

        Args:
            event: the opened event.
            verified: its record.

        Returns:
            Its entries for the disclosure log.

        Raises:
            RefusedError: step 11: the status of its referral does not allow the event. Nothing of
                the event is stored.
        """
        signed = self._context.resolver.contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        case_key = pseudonyms.case_key(self._secret, event.case_id)
        try:
            self._referrals.received(event, signed.contract, self._now, self._context.agency)
        except EventError as error:
            raise RefusedError(11, error.code, error.detail) from None
        self._rows.append(
            inbox_row(event, verified, self._context.opened(event), case_key, self._now)
        )
        self._sources[case_key, event.source] = None
        self._facts.received(event, signed.contract, case_key, self._now)
        return recording.received(
            event,
            signed.text,
            self._context.agency,
            case_key,
            self._now,
            self._operator,
        )

    def write(self) -> None:
        """Write the rows of the inbox, the referrals and the facts for figures."""
        self._referrals.write()
        self._facts.write()
        self._tx.inbox.add_many(self._rows)

    def combinations(self) -> list[NewLogEntry]:
        """Record which agencies the records of each case come from.

        Return a log entry for each source that is new to a case with records of other sources.
        """
        return combined(self._tx, self._sources, self._context.agency, self._now, self._operator)
