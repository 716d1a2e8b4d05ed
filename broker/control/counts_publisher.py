"""Counts of this agency, published to the parties that pursue statistics by the running adapter.

docs/spec/figures.md, "Exchange". Counts of an ended quarter are published again at most daily when
they have changed, those of the running quarter weekly: two counts of one quarter differ by the few
cases that changed between them, and the recipients see exact counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from broker.control.statement_publisher import DueStatements, StatementPublisher, TooLargeContent
from broker.control.statement_sender import DueStatement, StatementSender, last_sent, recipient_keys
from broker.control.too_large import waits_as_too_large
from broker.envelope.primitives import hmac_sha256, lp, lp_parts
from broker.envelope.sealing import WrapRecipient
from broker.figures.altered_rows import altered_rows_named
from broker.figures.counting import Period, quarter_of
from broker.figures.counts_content import packed
from broker.figures.facts import case_figures
from broker.figures.own_counts import own_counts
from broker.registry.active_partners import partners_under
from broker.registry.contracts import SignedContract
from broker.sending.sealing_context import SealingContext
from broker.statements.counts_statement import COUNTS
from broker.statements.partner_statements import MAX_PARTNERS
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from contracts.model import Contract

PERIODS_PUBLISHED: Final = 8
"""Quarters before the running one whose counts are published."""
CHANGED_MS: Final = DAY_MS
"""Least time between two counts of an ended quarter for the same parties."""
MOST_SENT: Final = 16
"""Most counts that one look sends; the others wait for the next one."""


def sent_counts_name(agreement: str, period: Period) -> str:
    """Return the name in the state of the counts that were sent last."""
    return f"counts-sent/{agreement}/{period.name}"


class CountsPublisher(StatementPublisher):
    """Publishes the counts of this agency when they are due.

    Args:
        store: the agency's state.
        secret: its key for pseudonyms.
        sealing: the contracts and keys that are believed now.
        sender: seals, signs and sends.
        clock: () -> ms.
    """

    def __init__(
        self,
        store: Store,
        secret: bytes,
        sealing: SealingContext,
        sender: StatementSender,
        clock: Callable[[], int],
    ) -> None:
        super().__init__(store, sender, clock)
        self._agency = sealing.contracts.agency
        self._secret = secret
        self._sealing = sealing
        self._unchanged: dict[str, int] = {}

    def due(self, now: int) -> DueStatements:
        """Return the counts that are due, newest quarters first."""
        drafts: list[DueStatement] = []
        too_large: list[TooLargeContent] = []
        for signed in self._sealing.contracts.live(now):
            keys = self._recipients(signed, now)
            counted = case_figures(signed.contract) and self._agency in signed.contract.contributors
            if not counted or not keys:
                continue
            for period in self._periods(signed.contract, now):
                with self._store.reading() as tx, altered_rows_named():
                    found = self._of_period(tx, signed.contract, period, keys, now)
                if isinstance(found, TooLargeContent):
                    too_large.append(found)
                elif found is not None:
                    drafts.append(found)
                if len(drafts) >= MOST_SENT:
                    return DueStatements(tuple(drafts), tuple(too_large))
        return DueStatements(tuple(drafts), tuple(too_large))

    def _recipients(self, signed: SignedContract, now: int) -> tuple[WrapRecipient, ...]:
        contracts, manifests = self._sealing.contracts, self._sealing.manifests
        partners = partners_under(signed, contracts, manifests, now)
        return recipient_keys(self._sealing, partners & signed.contract.statistics_parties, now)

    def _periods(self, contract: Contract, now: int) -> Iterator[Period]:
        """Yield the quarters since this agency counts, newest first.

        An agency that counts since the middle of a year says nothing of the quarters before.
        """
        name = f"counts-since/{contract.name}"
        running = quarter_of(now)
        with self._store.reading() as tx:
            first_case = tx.figure_facts.first_minted(contract.name)
            first_referral = tx.figure_referrals.first_sent(contract.name)
            noted = tx.meta.get(name)
        if noted is None:
            with self._store.transaction() as tx:
                tx.meta.set(name, running.first_ms.to_bytes(8, "big"))
        since = running.first_ms if noted is None else int.from_bytes(noted, "big")
        known = (one for one in (first_case, first_referral) if one is not None)
        since = min((since, *known))
        for back in range(PERIODS_PUBLISHED + 1):
            period = quarter_of(now, back)
            if since < period.end_ms:
                yield period

    def _of_period(
        self,
        tx: Transaction,
        contract: Contract,
        period: Period,
        keys: tuple[WrapRecipient, ...],
        now: int,
    ) -> DueStatement | TooLargeContent | None:
        """Return the counts of a period; None if they are not due."""
        name = sent_counts_name(contract.name, period)
        if waits_as_too_large(tx, name, now):
            return None
        last = last_sent(tx, name, now)
        before = None if last is None else _Said.parse(last.said)
        parties = frozenset(key.agency for key in keys)
        if last is not None and before is not None and parties <= before.parties:
            pause = CHANGED_MS if period.end_ms <= now else COUNTS.renew_ms
            if now - max(last.time_ms, self._unchanged.get(name, 0)) < pause:
                return None
        found = own_counts(tx, self._secret, contract, self._agency, period)
        assert found is not None  # the agreement counts
        content = packed(found)
        if content is None:
            return TooLargeContent(name, contract.name, period.name)
        mac = hmac_sha256(self._secret, lp(b"concordant/1/counts-sent", found.digest))
        said = _Said(mac, parties)
        same = before is not None and before.mac == mac and parties <= before.parties
        if last is not None and same and now - last.time_ms < COUNTS.renew_ms:
            self._unchanged[name] = now
            return None
        return DueStatement(
            COUNTS, name, said.formatted(), content, keys, (contract.name, period.name)
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """Counts that were sent: a keyed hash, since few cases could be guessed, and for whom."""

    mac: bytes
    parties: frozenset[str]

    def formatted(self) -> bytes:
        return lp(self.mac, *(agency.encode() for agency in sorted(self.parties)))

    @classmethod
    def parse(cls, said: bytes) -> _Said:
        parts = lp_parts(said, 1 + MAX_PARTNERS)
        assert parts is not None  # this agency wrote it
        return cls(parts[0], frozenset(part.decode() for part in parts[1:]))
