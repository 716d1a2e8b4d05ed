"""Processing of the control topics: manifests, contracts, heartbeats, receipts and notices.

docs/spec/topics.md. Kafka is not trusted: each record is a signed note, which is verified here
before it changes anything. Records that do not verify are counted and dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from broker.control.budgets import Budgets
from broker.control.counts_taken import CountsTaken
from broker.control.heartbeats_taken import HeartbeatTaker
from broker.control.judged_statements import JudgedStatements
from broker.control.listings_taken import take_listing
from broker.control.named_manifests import (
    awaited_manifests,
)
from broker.control.news import News
from broker.control.notices_taken import NoticeTaker
from broker.control.own_record import OwnRecord
from broker.control.partner_statements_taken import StatementReader
from broker.control.present_parties import PresentParties
from broker.control.receipts_taken import ReceiptTaker
from broker.control.replay_requests import ReplayRequests
from broker.control.reports_taken import (
    ReportFaultError,
    early_reports,
    take_report,
)
from broker.envelope.primitives import sha256
from broker.errors import KeyAccessError
from broker.judging.key_resolver import TrustStore
from broker.keys.manifest import parse_manifest
from broker.receiving.position_guard import save_position
from broker.record import (
    CONTENT_TYPE_HEADER,
    COUNTS_CONTENT_TYPE,
    LISTING_CONTENT_TYPE,
    PING_CONTENT_TYPE,
    RECEIPT_CONTENT_TYPE,
    REPORT_CONTENT_TYPE,
    UNION_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.registry.repository import Repository
from broker.statements.presence import Presence
from broker.statements.signed_contract import is_signed_contract, unpack_contract
from broker.store.database import Store
from broker.transport.topics import all_readable_topics, control_topics
from contracts.errors import ConcordantError

HEARD_WITH: Final = "manifests-heard-with"
"""Name in the state of what `Control.heard_with` says."""

Handle: TypeAlias = Callable[[Record, News, int], None]
"""Takes a record of one control topic, at a time (ms)."""
TakeAgreement: TypeAlias = Callable[[bytes, ContractBook, int], ContractBook]
"""Takes a record of the contracts topic, the book and the time (ms); returns the book with it."""
TakeUnion: TypeAlias = Callable[[bytes, StatementReader], str | None]
"""Takes a statement for a union; returns its author, or None for one that is passed over."""
TakeCounts: TypeAlias = Callable[[bytes, StatementReader], CountsTaken | None]
"""Takes a record with counts; None for counts that are passed over."""


@dataclass(frozen=True, slots=True)
class Takers:
    """Parts of a running adapter that take some records; without one they are passed over.

    Attributes:
        ping: takes a record with a ping or pong, and the time (ms).
        union: takes a statement for a union.
        counts: takes a record with counts.
    """

    ping: Callable[[bytes, int], None] | None = None
    union: TakeUnion | None = None
    counts: TakeCounts | None = None


class Control:
    """Keeps what is believed, its files and the store current from the control topics.

    Args:
        trust: what is believed now; news replaces it.
        repository: where newer contracts and manifests are stored.
        store: the agency's state.
        exchange: verifies and stores a record with a version that this agency has not signed, or
            with entries. Without it such a record is refused: a subscription leaves it to the
            adapter.
        takers: take the records that only a running adapter takes.
    """

    def __init__(
        self,
        trust: TrustStore,
        repository: Repository,
        store: Store,
        exchange: TakeAgreement | None = None,
        takers: Takers | None = None,
    ) -> None:
        self.trust = trust
        self.topics = control_topics(trust.manifests.deployment)
        self._agency = trust.current.resolver.agency
        self._repository = repository
        self._store = store
        self._exchange = exchange
        self._takers = takers or Takers()
        self._budgets = Budgets()
        self._budgets_of = trust.current
        self._heard_manifests: dict[bytes, tuple[str, bytes]] = {}
        self._judged = JudgedStatements()
        self.replay_requests = ReplayRequests()
        self.own_record = OwnRecord(self._agency)
        self._present = PresentParties(trust)
        parts = (trust, self._present, store, self._budgets)
        self._heartbeats = HeartbeatTaker(*parts)
        self._receipts = ReceiptTaker(*parts)
        self._notices = NoticeTaker(*parts, self.replay_requests)
        self._by_content_type: dict[bytes, Callable[[bytes, News, int], None]] = {
            RECEIPT_CONTENT_TYPE: self._receipts.take,
            PING_CONTENT_TYPE: self._ping,
            REPORT_CONTENT_TYPE: self._report,
            LISTING_CONTENT_TYPE: self._listing,
            UNION_CONTENT_TYPE: self._union,
            COUNTS_CONTENT_TYPE: self._counts,
        }

    @property
    def contracts(self) -> ContractBook:
        """Contracts that are believed now."""
        return self.trust.contracts

    def known_contracts(self) -> ContractBook:
        """Return the contracts that are known now, for a part that asks each time."""
        return self.trust.contracts

    @property
    def manifests(self) -> ManifestBook:
        """Manifests that are believed now."""
        return self.trust.manifests

    def data_topics(self) -> tuple[str, ...]:
        """Data topics that this agency reads, of every contract that it has signed."""
        contracts = (signed.contract for signed in self.contracts.trusted())
        return all_readable_topics(contracts, self._agency)

    def believed(self) -> bytes:
        """A hash of which contracts are believed."""
        return sha256(b"".join(sorted(one.hash for one in self.contracts.trusted())))

    def heard_with(self) -> bytes | None:
        """Return the contracts trusted when all manifests were last read, as ``believed``."""
        with self._store.reading() as tx:
            return tx.meta.get(HEARD_WITH)

    def note_heard_with(self, believed: bytes) -> None:
        """Store that all manifests were read with these trusted contracts."""
        with self._store.transaction() as tx:
            tx.meta.set(HEARD_WITH, believed)

    def take(self, partition: KafkaPartition, records: list[Record], now: int) -> News:
        """Take a batch of one control topic and store the position after it.

        Raises:
            StoreError, RegistryError: nothing can be written; the batch must be given again.
        """
        news = News()
        handlers = {
            self.topics.manifests: self._manifest,
            self.topics.contracts: self._contract,
            self.topics.heartbeats: self._heartbeat,
            self.topics.receipts: self._receipt_or_notice,
        }
        topic = partition.topic
        handle = handlers[topic]
        self._early_reports(topic, news, now)
        for record in records:
            if self._budgets_of is not self.trust.current:
                self._budgets_of = self.trust.current
                self._budgets.forget_refusals()
            if topic == self.topics.manifests:
                self.own_record.met(record)
            if not record.value:
                continue  # ignore a tombstone: manifests and contracts cannot be withdrawn
            code = self._judged_before(topic, record.value)
            if code is None:
                code = self._judge(handle, record, news, now)
                if topic in (self.topics.manifests, self.topics.contracts):
                    self._judged.add(sha256(record.value), code, self.contracts, self.manifests)
            if code:
                news.rejected.append(code)
        if records:
            with self._store.transaction() as tx:
                save_position(tx, records[-1].offset + 1, records)
                if news.heartbeats:
                    news.awaited = awaited_manifests(tx)
        return news

    def _judge(self, handle: Handle, record: Record, news: News, now: int) -> str:
        """Take a record; returns the code of its refusal, or nothing."""
        try:
            handle(record, news, now)
        except ConcordantError as error:
            if _comes_again(error):
                raise
            if isinstance(error, ReportFaultError):
                news.reports_dropped.append((error.agency, error.code))
            if error.code == "manifest_conflict":
                news.alarms.append((_agency_of(record), error.code))
            return error.code
        return ""

    def _judged_before(self, topic: str, value: bytes) -> str | None:
        """Return the outcome of a manifest or contract that was judged before, else None."""
        if topic not in (self.topics.manifests, self.topics.contracts):
            return None
        return self._judged.code(sha256(value), self.contracts, self.manifests)

    def _manifest(self, record: Record, news: News, now: int) -> None:
        """Take a manifest; one that is already in the book is not verified again."""
        assert record.value is not None
        # compare without signatures: anyone can add lines of other keys
        text = sha256(record.value.rpartition(b"\n\n")[0])
        agency, digest = self._heard_manifests.get(text, ("", b""))
        if any(one.hash == digest for one in self.manifests.history(agency)):
            return
        book = self._repository.store_manifest(record.value, self.contracts, self.manifests, now)
        signed = parse_manifest(record.value)
        self._heard_manifests[text] = (signed.manifest.agency, sha256(signed.note.text))
        if book is not self.manifests:
            self.trust.believe(self.contracts, book)

    def _heartbeat(self, record: Record, news: News, now: int) -> None:
        assert record.value is not None
        self._heartbeats.take(record.value, news, now)

    def _contract(self, record: Record, _news: News, now: int) -> None:
        """Take a contract, more signatures of a known one that lacks some, or an entry."""
        assert record.value is not None
        if not is_signed_contract(record.value):
            if self._exchange is not None:
                self._exchanged(self._exchange, record.value, now)
            return
        raw, note = unpack_contract(record.value)
        known = self.contracts.by_hash(sha256(raw))
        if known is not None and note in {one.raw for one in known.notes}:
            return
        if known is None and self._exchange is not None:
            self._exchanged(self._exchange, record.value, now)
            return
        contracts = self._repository.store_contract(raw, note, self.contracts, now)
        if contracts is not self.contracts:
            self.trust.believe(contracts, self.manifests)

    def _exchanged(self, exchange: TakeAgreement, value: bytes, now: int) -> None:
        contracts = exchange(value, self.contracts, now)
        if contracts is not self.contracts:
            self.trust.believe(contracts, self.manifests)

    def _receipt_or_notice(self, record: Record, news: News, now: int) -> None:
        """Take a record of the receipts topic, by its content type; without one it is a notice."""
        assert record.value is not None
        content_types = [v for name, v in record.headers if name == CONTENT_TYPE_HEADER]
        content_type = (content_types[0] if len(content_types) == 1 else None) or b""
        take = self._by_content_type.get(content_type, self._notices.take)
        take(record.value, news, now)

    def _ping(self, value: bytes, _news: News, now: int) -> None:
        if self._takers.ping is not None:
            self._takers.ping(value, now)

    def _report(self, value: bytes, news: News, now: int) -> None:
        """Take a report. Nothing but the state of this agency's events follows from it."""
        trust, parties = self.trust.current, self.present().parties
        taken = take_report(value, self._store, trust, parties, self._budgets, now)
        if taken is not None:
            news.reports.append(taken)

    def _listing(self, value: bytes, news: News, now: int) -> None:
        """Take a listing, which says what another agency offers."""
        agency = take_listing(value, self._store, self._statement_reader(now))
        if agency is not None:
            news.listings.append(agency)

    def _union(self, value: bytes, news: News, now: int) -> None:
        """Take a key, tokens or the result of a union."""
        if self._takers.union is not None:
            agency = self._takers.union(value, self._statement_reader(now))
            if agency is not None:
                news.unions.append(agency)

    def _counts(self, value: bytes, news: News, now: int) -> None:
        """Take counts, which say how many cases another agency minted."""
        if self._takers.counts is not None:
            taken = self._takers.counts(value, self._statement_reader(now))
            if taken is not None:
                news.counts.append(taken)

    def _statement_reader(self, now: int) -> StatementReader:
        return StatementReader(self.trust.current, self.present().parties, self._budgets, now)

    def _early_reports(self, topic: str, news: News, now: int) -> None:
        """Take the reports whose time has come, before newer ones of the same agency."""
        if topic not in (self.topics.heartbeats, self.topics.receipts):
            return  # registry records may bring the keys that verify them
        for row in early_reports(self._store, now):
            try:
                self._report(row.value, news, now)
            except KeyAccessError:
                return  # it waits on, and so does every newer one
            except ReportFaultError as error:
                news.reports_dropped.append((error.agency, error.code))
                news.rejected.append(error.code)
            with self._store.transaction() as tx:
                tx.results.forget_early(row.agency, row.time_ms)

    def thin_receipts(self, now: int) -> None:
        """Remove receipts that are superfluous by now."""
        self._receipts.thin(now)

    def present(self) -> Presence:
        """Return the active parties, by the present books."""
        return self._present.now()


def _comes_again(error: ConcordantError) -> bool:
    """Return whether the record is not at fault: the machine cannot take it now."""
    if isinstance(error, KeyAccessError):  # of an exchange key, which opens reports
        return True
    return error.code == "registry_unwritable" or error.code.startswith("store_")


def _agency_of(record: Record) -> str:
    """Return the agency of a manifest that was parsed before."""
    assert record.value is not None
    return parse_manifest(record.value).manifest.agency
