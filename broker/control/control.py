"""Processing of the control topics: manifests, contracts, heartbeats, receipts and notices.

docs/spec/topics.md. Kafka is not trusted: each record is a signed note, which is verified here
before it changes anything. Records that do not verify are counted and dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from broker.control.budgets import Budgets
from broker.control.counts_taken import CountsTaken
from broker.control.heartbeat_retention import contradicted, keep_heard
from broker.control.judged_statements import JudgedStatements
from broker.control.listings_taken import take_listing
from broker.control.named_manifests import (
    ASK_AGAIN_MS,
    ASK_SELDOM_MS,
    awaited_manifests,
    note_named,
)
from broker.control.own_record import OwnRecord
from broker.control.partner_statements_taken import StatementReader
from broker.control.receipts_kept import ReceiptRules
from broker.control.replay_requests import ReplayRequests, require_recent
from broker.control.reports_taken import (
    ReportFaultError,
    ReportTaken,
    early_reports,
    take_report,
)
from broker.envelope.primitives import sha256
from broker.errors import KeyAccessError, NoteError, RefusedError
from broker.judging.ends import RECEIPTS_AFTER_MS
from broker.judging.key_resolver import TrustStore
from broker.judging.partition_state import parse_outline
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.kid import RECEIPT
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
from broker.registry.newest_manifests import Awaited, KnownDelegations
from broker.registry.repository import Repository
from broker.statements.acknowledgements import (
    acknowledgements_of,
    is_acknowledgement,
    parse_acknowledgement,
)
from broker.statements.authorship import read_note, require_author, require_both_authors
from broker.statements.heartbeats import Head, Heartbeat, read_heartbeat, withheld
from broker.statements.manifest_requests import is_manifest_request, parse_manifest_request
from broker.statements.notices import REFUSAL_HEADING, REPLAY_HEADING, Notice, parse_notice
from broker.statements.presence import Presence
from broker.statements.receipts import parse_receipt
from broker.statements.signed_contract import is_signed_contract, unpack_contract
from broker.store.database import Store
from broker.store.reader_rows import CheckpointRow, HeadsRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin, Place, parse_origin
from broker.tlog.cosignature import verify_cosignature
from broker.tlog.generation_links import GENERATION
from broker.tlog.note import Note
from broker.transport.topics import all_readable_topics, control_topics
from contracts.durations import DAY_MS
from contracts.errors import ConcordantError

HEARD_WITH: Final = "manifests-heard-with"
"""Name in the state of what `Control.heard_with` says."""
CONTRADICTED_LOGS: Final = 16
"""Maximum number of logs of one agency with a heartbeat kept as evidence.

Each may have 512 kB, and an agency can contradict itself in any number of logs.
"""


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


@dataclass(slots=True)
class News:
    """Result of a batch of control records.

    Attributes:
        heartbeats: verified, newest of each agency last.
        missing: (log, last) of logs for which a heartbeat names more records, up to ``last``, than
            this reader has.
        replays: requests to this agency to publish a range again.
        refusals: notices that a record of this agency was refused: (reader, notice).
        receipts: number of stored receipts.
        let_go: dropped ranges of replay requests.
        awaited: after heartbeats, the manifests that they name and that are missing, by agency;
            None if there was no heartbeat.
        manifest_asked: whether an agency lacks our newest manifest and asks for it.
        manifests_wanted: agencies whose heartbeat verifies with no key that is known here, so that
            their newest manifest is asked for.
        reports: reports that were taken.
        listings: agencies whose listing was taken.
        unions: agencies whose statement for a union was taken.
        counts: counts that were taken.
        reports_dropped: (agency, code) of reports for this agency that were at fault.
        rejected: codes of records that did not verify.
        alarms: (agency, code) of states that need a person.
    """

    heartbeats: list[Heartbeat] = field(default_factory=list)
    missing: list[tuple[GenerationPlace, int]] = field(default_factory=list)
    replays: list[Notice] = field(default_factory=list)
    refusals: list[tuple[str, Notice]] = field(default_factory=list)
    receipts: int = 0
    let_go: int = 0
    awaited: Mapping[str, Awaited] | None = None
    manifest_asked: bool = False
    manifests_wanted: list[str] = field(default_factory=list)
    reports: list[ReportTaken] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    unions: list[str] = field(default_factory=list)
    counts: list[CountsTaken] = field(default_factory=list)
    reports_dropped: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)


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
        self._heard_manifests: dict[bytes, tuple[str, bytes]] = {}
        self._judged = JudgedStatements()
        self._known_delegations = KnownDelegations()
        self._unknown_keys: dict[str, tuple[int, int | None]] = {}
        self.replay_requests = ReplayRequests()
        self.own_record = OwnRecord(self._agency)
        self._rules = ReceiptRules(self._agency)
        self._rules_of: ManifestBook | None = None
        self._presence = Presence(trust.contracts, trust.manifests)

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
            if topic == self.topics.manifests:
                self.own_record.met(record)
            if not record.value:
                continue  # ignore a tombstone: manifests and contracts cannot be withdrawn
            code = self._judged_before(topic, record.value)
            if code is None:
                code = ""
                try:
                    handle(record, news, now)
                except ConcordantError as error:
                    if _comes_again(error):
                        raise
                    if isinstance(error, ReportFaultError):
                        news.reports_dropped.append((error.agency, error.code))
                    code = error.code
                    if code == "manifest_conflict":
                        news.alarms.append((_agency_of(record), code))
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

    def _heartbeat(self, record: Record, news: News, now: int) -> None:
        """Apply steps 1 to 5 of docs/spec/heartbeats.md, "Read"."""
        assert record.value is not None
        note, beat = read_heartbeat(record.value, self.manifests.deployment)  # 1
        if beat.agency not in self.present().parties:
            raise RefusedError(1, "party_left", "a heartbeat of an agency that takes no part")
        if beat.time > now + CLOCK_SKEW_MS:  # 2
            raise RefusedError(2, "early", "the heartbeat is ahead of this clock")
        with self._store.reading() as tx:  # 3, before the cost of a signature check
            if _stale(tx, beat):
                return
        if not self._budgets.hears_heartbeat(beat.agency, beat.time):
            news.rejected.append("heartbeats_many")
            return
        try:
            key_id = require_both_authors(note, self.manifests, beat.agency, beat.time)  # 4
        except RefusedError as refusal:
            if refusal.code == "key_unknown":
                self._want_manifest(beat.agency, news, now)
            raise
        self._unknown_keys.pop(beat.agency, None)
        self._budgets.heartbeat(beat.agency, beat.time)
        with self._store.transaction() as tx:
            if _stale(tx, beat):
                return
            contradiction = contradicted(tx, beat)
            if contradiction is not None:
                _keep_contradiction(tx, beat, *contradiction, record.value, now)
            else:
                tx.heads.save(HeadsRow(beat.agency, beat.time, *beat.log))
                if beat.agency != self._agency:
                    keep_heard(tx, beat, record.value, key_id)
                    books = (self.contracts, self.manifests)
                    note_named(tx, beat, self._known_delegations, *books, now)
        if contradiction is not None:  # 5
            news.alarms.append((beat.agency, "equivocation"))
            raise RefusedError(4, "equivocation", "a head contradicts a signed checkpoint")
        news.heartbeats.append(beat)
        if beat.agency != self._agency:
            self._compare(beat, news)

    def _want_manifest(self, agency: str, news: News, now: int) -> None:
        """Ask for the manifest of a party whose heartbeat verifies with no known key.

        The manifest that lists the key may be withheld. Anyone who can write to the topic can cause
        this, so it is bounded: every 30 seconds, and after a day every hour.
        """
        if agency == self._agency:
            return
        since, last = self._unknown_keys.get(agency, (now, None))
        pause = ASK_AGAIN_MS if 0 <= now - since < DAY_MS else ASK_SELDOM_MS
        if last is not None and 0 <= now - last < pause:
            return
        self._unknown_keys[agency] = (since, now)
        news.manifests_wanted.append(agency)

    def _compare(self, beat: Heartbeat, news: News) -> None:
        """Find heads above what arrived here."""
        held: dict[tuple[str, int, str], int] = {}
        with self._store.reading() as tx:
            for head in beat.heads:
                stored = tx.reader.state_head(Place(beat.agency, head.topic, head.partition))
                if stored is None:
                    continue
                for generation in parse_outline(stored).generations.values():
                    held[head.topic, head.partition, generation.name] = generation.size
        readable = self.data_topics()
        for head, _held in withheld(beat, held):
            if head.topic in readable:
                log = GenerationPlace(beat.agency, head.topic, head.partition, head.generation)
                news.missing.append((log, head.size - 1))

    def _receipt_or_notice(self, record: Record, news: News, now: int) -> None:
        assert record.value is not None
        content_types = [v for name, v in record.headers if name == CONTENT_TYPE_HEADER]
        if content_types == [RECEIPT_CONTENT_TYPE]:
            self._receipt(record.value, news, now)
        elif content_types == [PING_CONTENT_TYPE]:
            if self._takers.ping is not None:
                self._takers.ping(record.value, now)
        elif content_types == [REPORT_CONTENT_TYPE]:
            self._report(record.value, news, now)
        elif content_types == [LISTING_CONTENT_TYPE]:
            self._listing(record.value, news, now)
        elif content_types == [UNION_CONTENT_TYPE]:
            self._of_union(record.value, news, now)
        elif content_types == [COUNTS_CONTENT_TYPE]:
            self._counts_of(record.value, news, now)
        else:
            self._notice(record.value, news, now)

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

    def _of_union(self, value: bytes, news: News, now: int) -> None:
        """Take a key, tokens or the result of a union."""
        if self._takers.union is not None:
            agency = self._takers.union(value, self._statement_reader(now))
            if agency is not None:
                news.unions.append(agency)

    def _counts_of(self, value: bytes, news: News, now: int) -> None:
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

    def _receipt(self, value: bytes, news: News, now: int) -> None:
        signed = parse_receipt(value)
        agency = signed.line.name.partition("/")[2]
        digest = sha256(value)
        if self._budgets.knows_receipt(agency, signed.line.timestamp, digest):
            return  # anyone can write it again (replay); it must not count again
        origin = self._require_stream(signed.checkpoint.origin, agency)
        key = self.manifests.receipt_key(agency, signed.line.key_id)
        if key is None or key.at(signed.line.timestamp * 1000) != "valid":
            raise RefusedError(2, "key_unknown", "no valid receipt key of this agency signed it")
        if key.revoked_since is not None and signed.line.timestamp * 1000 >= key.revoked_since:
            raise RefusedError(2, "key_revoked", "the receipt key is revoked")
        try:
            verify_cosignature(signed.line, key.verifier, signed.body)
        except NoteError:
            raise RefusedError(2, "signature_wrong", "the receipt does not verify") from None
        if signed.line.timestamp * 1000 > now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the receipt is ahead of this clock")
        self._budgets.receipt(agency, len(value), signed.line.timestamp, digest)
        rules = self._receipt_rules()
        try:
            with self._store.transaction() as tx:
                rules.keep(tx, origin, signed, value, now // 1000)
        except ConcordantError:
            rules.recount()
            raise
        news.receipts += 1

    def _receipt_rules(self) -> ReceiptRules:
        """Return the rules of storing, with the revocations that are known now."""
        if self._rules_of is not self.manifests:
            self._rules_of = self.manifests
            self._rules.ends = {
                agency: self.manifests.revocation_times(agency)
                for agency in self.manifests.agencies()
            }
            self._rules.stops = {
                agency: tuple(
                    -(-(stop.since + RECEIPTS_AFTER_MS) // 1000)
                    for stop in self.manifests.stops(agency)
                )
                for agency in self.manifests.agencies()
            }
        terms = [signed.contract for signed in self.contracts.trusted()]
        longest = max((contract.grace_ms for contract in terms), default=0)
        self._rules.retention_s = longest // 1000
        return self._rules

    def thin_receipts(self, now: int) -> None:
        """Remove receipts that are superfluous by now."""
        with self._store.transaction() as tx:
            self._receipt_rules().thin_all(tx, now // 1000)

    def present(self) -> Presence:
        """Return the active parties, by the present books."""
        if not self._presence.rests_on(self.contracts, self.manifests):
            self._presence = Presence(self.contracts, self.manifests)
        return self._presence

    def _require_stream(self, name: str, cosigner: str) -> Origin:
        """Check that a receipt is for another agency's stream that its signer may read."""
        try:
            origin = parse_origin(name)
        except NoteError:
            raise RefusedError(1, "receipt_malformed", "not a stream's name") from None
        known = self.manifests.newest(origin.agency) is not None
        if origin.deployment != self.manifests.deployment or not known or origin.agency == cosigner:
            raise RefusedError(1, "origin_wrong", "a receipt for no stream of another agency")
        if cosigner not in self.present().readers(origin.kafka_partition):
            raise RefusedError(2, "party_left", "its signer does not read this topic, or has left")
        if GENERATION.fullmatch(origin.generation) is None:
            raise RefusedError(1, "origin_wrong", "a receipt for no generation of a stream")
        return origin

    def _notice(self, value: bytes, news: News, now: int) -> None:
        note = read_note(value)
        if is_acknowledgement(note):
            self._acknowledgement(note, now)
            return
        if is_manifest_request(note):
            self._manifest_request(note, news, now)
            return
        notice = parse_notice(note)
        if notice.origin.agency != self._agency:
            return
        sender = note.signatures[0].name.partition("/")[2]
        if notice.kind == REPLAY_HEADING:
            require_recent(notice.time_ms, now)
        if self._budgets.knows_notice(sender, notice):
            return  # anyone can write it again (replay); it must not count again
        require_author(note, self.manifests, sender, RECEIPT, now)
        self._budgets.notice(sender, notice, now)
        origin = notice.origin
        if sender not in self.present().readers(origin.kafka_partition):
            raise RefusedError(2, "party_left", "its signer does not read this topic, or has left")
        if notice.kind == REFUSAL_HEADING:
            news.refusals.append((sender, notice))
            return
        news.let_go += self.replay_requests.ask(sender, notice, now)
        news.replays.append(notice)

    def _manifest_request(self, note: Note, news: News, now: int) -> None:
        """Note that a party lacks our newest manifest."""
        request = parse_manifest_request(note)
        if (request.deployment, request.agency) != (self.manifests.deployment, self._agency):
            return
        if news.manifest_asked:
            return  # before the cost of a signature check
        require_recent(request.time_ms, now)
        sender = note.signatures[0].name.partition("/")[2]
        if sender not in self.present().parties or sender == self._agency:
            raise RefusedError(2, "party_left", "its signer takes no part in a contract of ours")
        require_author(note, self.manifests, sender, RECEIPT, now)
        news.manifest_asked = True

    def _acknowledgement(self, note: Note, now: int) -> None:
        """Keep when a partner first said that it knows a suspension or departure of ours."""
        known, time_ms = parse_acknowledgement(note)
        own = (self.manifests.deployment, self._agency)
        if known not in acknowledgements_of(*own, self.manifests.stops(self._agency)):
            return
        sender = note.signatures[0].name.partition("/")[2]
        if sender not in self.present().parties or sender == self._agency:
            raise RefusedError(2, "party_left", "its signer takes no part in a contract of ours")
        name = f"{known.name}/{sender}"
        with self._store.reading() as tx:
            if tx.meta.get(name) is not None:
                return  # known, before the cost of a signature check
        require_author(note, self.manifests, sender, RECEIPT, now)
        if time_ms > now + CLOCK_SKEW_MS:
            raise RefusedError(2, "early", "the acknowledgement is ahead of this clock")
        with self._store.transaction() as tx:
            tx.meta.set(name, str(time_ms).encode())


def _comes_again(error: ConcordantError) -> bool:
    """Return whether the record is not at fault: the machine cannot take it now."""
    if isinstance(error, KeyAccessError):  # of an exchange key, which opens reports
        return True
    return error.code == "registry_unwritable" or error.code.startswith("store_")


def _agency_of(record: Record) -> str:
    """Return the agency of a manifest that was parsed before."""
    assert record.value is not None
    return parse_manifest(record.value).manifest.agency


def _stale(tx: Transaction, beat: Heartbeat) -> bool:
    last = tx.heads.get(beat.agency)
    return last is not None and last.heard_ms >= beat.time


def _keep_contradiction(
    tx: Transaction, beat: Heartbeat, head: Head, held: CheckpointRow, note: bytes, now: int
) -> None:
    """Store two signed roots for one size as evidence, once for each log, within a limit."""
    log = Origin(beat.deployment, beat.agency, head.topic, head.partition, head.generation).format()
    kept = tx.evidence.origins("heartbeat")
    theirs = sum(name.split("/")[1] == beat.agency for name in kept)
    if log not in kept and theirs < CONTRADICTED_LOGS:
        tx.evidence.add("heartbeat", log, held.text, note, now)
