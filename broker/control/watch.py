"""Periodic checks: missing heartbeats, records and manifests, gaps, overdue referrals, ends.

They run about once a second. Each alarm is raised once for its subject, and again only after the
subject was corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.agency.own_manifest import destroy_exchange_keys, longest_retention_ms
from broker.agency.participant import LoadedAgency, Participant
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.audit.recording import OPERATOR, erased
from broker.control.heartbeat_retention import forget_heartbeats
from broker.control.missing_content import MissingContent
from broker.control.named_manifests import DIFFERS, NOT_RECEIVED, Differing, NamedManifests
from broker.control.taken_after_end import note_new_ends
from broker.envelope.layout import MAX_VALUE_BYTES
from broker.figures.counting_partners import counting_partners
from broker.figures.recording import RETAINED_MS
from broker.held.inventory import held_counts, held_folders, held_in_folders
from broker.held.items import HeldItem
from broker.held.retrying import asked_ms
from broker.judging.key_resolver import KeyResolver, TrustStore
from broker.judging.partition_state import PartitionOutline, parse_outline
from broker.keys.kid import EXCHANGE, LONGEST_LIFE_MS
from broker.keys.manifest import VerifiedManifest
from broker.observing.metrics import Expiring, Metrics
from broker.receiving.persistence import filled, has_room
from broker.receiving.retry_later import EQUIVOCATION
from broker.record import KafkaPartition
from broker.registry.awaited import awaited
from broker.registry.manifests import TRIED_AFTER_END_MS, ManifestBook
from broker.statements.heartbeats import Heartbeat
from broker.store.database import Store
from broker.store.rows import HeldSize
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Origin
from broker.tlog.merkle import MAX_LOG_SIZE
from broker.transport.tls_ends import TlsEnds
from contracts.calendar import agreement_dates, day_ms

EXCHANGE_LIFE_MS: Final = LONGEST_LIFE_MS[EXCHANGE]
WITHHELD_AFTER_MS: Final = 10_000
"""A heartbeat may arrive before the records that it names.

After this time they count as withheld.
"""
ASK_AGAIN_MS: Final = 30_000
JUDGE_AGAIN_MS: Final = 5_000
WAITED_PARTS: Final = 4
NEWS_PARTS: Final = 64
"""A waiting record is judged again after this fraction of the time that it has waited.

Each time, the later records of all senders are read again, and one sender can cause a wait of
months. So the judgements become rarer (denial of service).
"""
MAX_MISSING: Final = 256
"""Maximum number of streams per agency that are remembered as withheld."""
MAX_ASKED: Final = 4096
"""Maximum number of remembered requests for ranges; older ones are forgotten."""
FILES_READ_EVERY_MS: Final = 5_000
GAPS_A_LOOK: Final = 16
"""Gaps of one sender that one check requests; a sender may get 30 notices a minute."""
_DUE: Final[dict[str, Expiring]] = {
    "review": "review",
    "assessment": "assessment",
    "equality_assessment": "equality_assessment",
}
"""Dates of an agreement that are due, by their kind in `contracts.calendar`."""
FORGET_EVERY_MS: Final = 60 * 60 * 1000


@dataclass(slots=True)
class Found:
    """Result of a check.

    Attributes:
        alarms: (agency, code).
        ask_again: (origin of the generation, first, last) of missing records.
        ask_manifests: agencies that are asked to publish their newest manifest again.
        differing: registry hashes for which an alarm is raised.
        judge_again: partitions to be judged again.
        send_again: whether a person asked to send events again that Kafka did not accept.
        judge_unheard: whether to judge records again that arrived after their sender's part ended.
        thin_receipts: whether to remove superfluous receipts, once an hour.
    """

    alarms: list[tuple[str, str]] = field(default_factory=list)
    ask_again: list[tuple[Origin, int, int]] = field(default_factory=list)
    ask_manifests: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    judge_again: list[KafkaPartition] = field(default_factory=list)
    send_again: bool = False
    thin_receipts: bool = False
    judge_unheard: bool = False


@dataclass(slots=True)
class _Waiting:
    """A partition with waiting records: start, last judgement, news, and agency."""

    since: int
    judged: int
    by_news: int
    resolver: KeyResolver


class Watch:
    """Tracks since when a state has been wrong."""

    def __init__(
        self,
        loaded: LoadedAgency,
        store: Store,
        clock: Callable[[], int],
        metrics: Metrics,
        trust: TrustStore,
    ) -> None:
        self._loaded = loaded
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._trust = trust
        self._missing: dict[GenerationPlace, tuple[int, int]] = {}
        self._given: set[tuple[str, str, str]] = set()
        self._asked: dict[tuple[str, int, int], int] = {}
        self._next_gap: dict[str, tuple[GenerationPlace, int] | None] = {}
        self._waiting: dict[KafkaPartition, _Waiting] = {}
        self._content = MissingContent(self._participant.deployment, self._participant.agency)
        self._named = NamedManifests()
        self._forgotten = 0
        self._files: list[HeldItem] = []
        self._files_read = 0
        self._retry_asked = 0
        self._unheard = 0
        self._ends_of: ManifestBook | None = None
        self._began = clock()
        self._tls_ends = TlsEnds(self._participant.kafka_connection())

    @property
    def _participant(self) -> Participant:
        """Return the agency as last loaded: manifests and contracts change at run time."""
        return self._loaded.participant

    def heard(self, beat: Heartbeat) -> None:
        """Note a heartbeat of an agency."""
        self._given.discard((beat.agency, "silence", ""))

    def heard_others_since(self, since: int) -> bool:
        """Return whether a heartbeat of another agency states this time (ms) or a later one."""
        own = self._participant.agency
        with self._store.reading() as tx:
            return any(row.agency != own and row.heard_ms >= since for row in tx.heads.all())

    def missing(self, place: GenerationPlace, last: int) -> None:
        """Note that a heartbeat names records up to ``last`` that have not arrived."""
        since = self._missing.get(place, (0, self._clock()))[1]
        of_sender = sum(other.agency == place.agency for other in self._missing)
        if place not in self._missing and of_sender >= MAX_MISSING:
            return
        self._missing[place] = (last + 1, since)

    def look(self) -> Found:
        """Run all checks once."""
        now = self._clock()
        found, parties = Found(), self._awaited(now)
        found.thin_receipts = self._forget(now)
        self._new_ends(now, found)
        with self._store.reading() as tx:
            self._withheld(tx, now, found)
            self._gaps(tx, now, found)
            found.ask_again += self._content.due(tx, now)
            self._metrics.without_content(self._content.counts())
            self._silence(tx, now, parties, found)
            self._newest(tx, now, parties, found)
            self._overdue(tx, now, found)
            self._deferred(tx, now, found)
            resolver = self._trust.current.resolver
            counting = counting_partners(resolver.contracts, resolver.manifests, now)
            self._metrics.refresh(tx, now, parties, counting)
            within_ms = self._participant.config.result_within_ms
            self._metrics.results_overdue(tx.offers.unanswered(now - within_ms)[0])
            self._held(tx, now)
            self._asked_again(tx, found)
        if found.judge_unheard or now - self._unheard >= JUDGE_AGAIN_MS:
            found.judge_unheard = True
            self._unheard = now
        self._metrics.ends(self._ends(), now)
        self._unsigned(now)
        return found

    def keep(self, *, last: bool = False) -> None:
        """Write the counts since the last call, so that a restart loses none.

        Args:
            last: write the figures of the hour too, though their minute is not over.

        Raises:
            StoreError: they are not written; the next call tries again.
        """
        now, flow = self._clock(), self._metrics.flow
        if self._metrics.tallies.changed or flow.due(now) or (last and flow.changed):
            with self._store.transaction() as tx:
                self._metrics.keep(tx, now)

    def _awaited(self, now: int) -> Mapping[str, int]:
        """Return after how many ms without a heartbeat an agency counts as silent."""
        resolver, intervals = self._trust.current.resolver, self._participant.config.intervals
        agreed = awaited(resolver.contracts, resolver.manifests, now)
        return {agency: intervals.silence_ms(interval) for agency, interval in agreed.items()}

    def _withheld(self, tx: Transaction, now: int, found: Found) -> None:
        for place, (size, since) in list(self._missing.items()):
            held, last = _reach(tx, place)
            if held >= min(size, last):
                del self._missing[place]
                self._given.discard((place.agency, "withheld", place.generation))
            elif now - since >= WITHHELD_AFTER_MS:
                self._alarm(found, place.agency, "withheld", place.generation)
                origin = place.origin(self._participant.deployment)
                self._ask(found, origin, held, min(size, last) - 1, now)

    def _gaps(self, tx: Transaction, now: int, found: Found) -> None:
        agencies = self._trust.current.resolver.manifests.agencies()
        open_by_agency: dict[str, int] = dict.fromkeys(agencies, 0)
        bytes_by_agency: dict[str, int] = dict.fromkeys(agencies, 0)
        stopped = dict(open_by_agency)
        for agency, size, gaps, stops in tx.reader.state_sizes():
            open_by_agency[agency], bytes_by_agency[agency] = gaps, size
            stopped[agency] = stops
            if gaps:
                self._ask_next(tx, agency, now, found)
        self._metrics.gaps(open_by_agency)
        self._metrics.stopped(stopped)
        self._metrics.state_bytes(bytes_by_agency)

    def _ask_next(self, tx: Transaction, agency: str, now: int, found: Found) -> None:
        """Request the next few gaps of a sender in turn, so that a check has a fixed cost."""
        ranges = tx.reader.gap_ranges(agency, self._next_gap.get(agency), GAPS_A_LOOK)
        for log, first, last in ranges:
            self._ask(found, log.origin(self._participant.deployment), first, last, now)
        self._next_gap[agency] = ranges[-1][:2] if len(ranges) == GAPS_A_LOOK else None

    def _silence(self, tx: Transaction, now: int, awaited: Mapping[str, int], found: Found) -> None:
        """Raise an alarm for each agency without a heartbeat for too long, or ever."""
        heard = {heads.agency: heads.heard_ms for heads in tx.heads.all()}
        for agency, limit in awaited.items():
            last = max(heard.get(agency, 0), self._began)
            if agency != self._participant.agency and now - last > limit:
                self._alarm(found, agency, "silence", "")

    def _newest(self, tx: Transaction, now: int, parties: Iterable[str], found: Found) -> None:
        """Find manifests that are missing, and agencies that know other delegations than we do."""
        manifests = self._trust.current.resolver.manifests
        newest = self._named.look(tx, parties, manifests, now)
        found.ask_manifests += newest.asked
        self._given -= {
            one
            for one in self._given
            if (one[1] == NOT_RECEIVED and one[0] not in newest.missing)
            or (one[1] == DIFFERS and one[0] not in {each.agency for each in newest.differing})
        }
        for agency in newest.missing:
            self._alarm(found, agency, NOT_RECEIVED, "")
        for one in newest.differing:
            if (one.agency, DIFFERS, "") not in self._given:
                found.differing.append(one)
            self._alarm(found, one.agency, DIFFERS, "")
        missing, differing = set(newest.missing), {one.agency for one in newest.differing}
        others = [agency for agency in parties if agency != self._participant.agency]
        self._metrics.manifests_missing({one: int(one in missing) for one in others})
        self._metrics.registries_differing({one: int(one in differing) for one in others})

    def _overdue(self, tx: Transaction, now: int, found: Found) -> None:
        for row in tx.referrals.overdue(now):
            code = "referral_unacknowledged" if row.acknowledge_by_ms else "referral_unanswered"
            self._alarm(found, row.counterparty, code, row.referral_id)

    def _deferred(self, tx: Transaction, now: int, found: Found) -> None:
        """Find partitions to judge again: at once, on each change, and then ever less often."""
        rows = [row for row in tx.reader.all_deferred() if row.reason != EQUIVOCATION]
        places = {row.place.kafka_partition for row in rows}
        room = {
            row.place.kafka_partition
            for row in rows
            if row.reason == "quarantine_full"
            and has_room(tx.quarantine.size_of(row.agency), MAX_VALUE_BYTES)
        }
        resolver = self._trust.current.resolver
        for gone in self._waiting.keys() - places:
            del self._waiting[gone]
        for place in sorted(places):
            waiting = self._waiting.get(place)
            if waiting is None:
                self._waiting[place] = _Waiting(now, now, 0, resolver)
            else:
                age = now - waiting.since
                news = waiting.resolver is not resolver or place in room
                if now - waiting.judged < max(JUDGE_AGAIN_MS, age // WAITED_PARTS):
                    if not news or now - waiting.by_news < max(JUDGE_AGAIN_MS, age // NEWS_PARTS):
                        continue
                    waiting.by_news = now
                waiting.judged, waiting.resolver = now, resolver
            found.judge_again.append(place)

    def _new_ends(self, now: int, found: Found) -> None:
        """Find accepted events that their sender logged after its end, if manifests changed."""
        resolver = self._trust.current.resolver
        if self._ends_of is not resolver.manifests:
            found.alarms += note_new_ends(self._store, resolver, now)
            self._ends_of = resolver.manifests

    def _forget(self, now: int) -> bool:
        """Remove expired exchange keys and heartbeats. Returns whether it was time."""
        if now - self._forgotten < FORGET_EVERY_MS:
            return False
        self._forgotten = now
        retention = longest_retention_ms(self._participant)
        own = self._participant.manifests.newest(self._participant.agency)
        # If our manifest has expired, this clock may be wrong. Destroyed keys cannot be restored.
        certain = own is not None and now < own.expires
        if certain:
            self._destroy_keys(now)
        with self._store.transaction() as tx:
            forget_heartbeats(tx, self._trust.current.resolver.contracts, retention, now)
            tx.figure_facts.forget_facts_before(now - RETAINED_MS)
            tx.figure_referrals.forget_before(now - RETAINED_MS)
            if certain:
                # By then every recipient has destroyed the keys that could open it (streams.md,
                # "Replay").
                gone = tx.outbox.forget_content(
                    now - retention - TRIED_AFTER_END_MS - EXCHANGE_LIFE_MS
                )
                if gone:
                    append_entries(tx, [erased("archive_retention_over", gone, now)])
        self._store.fold()  # payloads that were cleared on delivery may still be in the WAL
        return True

    def _destroy_keys(self, now: int) -> None:
        """Destroy exchange keys that no record on Kafka can need, and log it."""
        gone = destroy_exchange_keys(self._participant, now)
        if gone:
            entry = NewLogEntry(
                kind="destruction", time_ms=now, reason="retention_over", operator=OPERATOR
            )
            with self._store.transaction() as tx:
                append_entries(tx, [entry] * len(gone))

    def _held(self, tx: Transaction, now: int) -> None:
        """Count held items; read the folder only every few seconds."""
        if now - self._files_read >= FILES_READ_EVERY_MS or now < self._files_read:
            self._files_read = now
            folders = held_folders(self._participant)
            self._files = held_in_folders(folders, now, with_reasons=False)
        for kind, held in held_counts(tx, self._files, now).items():
            self._metrics.held(kind, held.count, held.oldest_ms, now)
        sizes = tx.quarantine.sizes()
        agencies = self._trust.current.resolver.manifests.agencies()
        parts = {one: filled(sizes.get(one, HeldSize())) for one in {*agencies, *sizes}}
        self._metrics.quarantine(sum(one.size for one in sizes.values()), parts)

    def _asked_again(self, tx: Transaction, found: Found) -> None:
        """Handle a person's request to try waiting items again (``quarantine retry``)."""
        asked = asked_ms(tx)
        if asked == self._retry_asked:
            return
        self._retry_asked = asked
        found.send_again = found.judge_unheard = True
        places = {row.place.kafka_partition for row in tx.reader.all_deferred()}
        found.judge_again += sorted(places - set(found.judge_again))

    def _ends(self) -> dict[tuple[Expiring, str], int]:
        """Return the end of everything that this agency depends on, in ms.

        0 for what is missing.
        """
        resolver = self._trust.current.resolver
        found: dict[tuple[Expiring, str], int] = {}
        for agency in self._awaited(self._clock()):
            manifest = resolver.manifests.newest(agency)
            found["manifest", agency] = 0 if manifest is None else manifest.expires
            newest = resolver.manifests.newest_verified(agency)
            if newest is not None:
                ours = agency == self._participant.agency
                what: Expiring = "delegation" if ours else "partner_delegation"
                found[what, agency] = delegation_end(newest)
        for signed in resolver.contracts.trusted():
            contract: tuple[Expiring, str] = ("contract", signed.contract.name)
            found[contract] = max(found.get(contract, 0), signed.contract.ends_ms)
        for signed in resolver.contracts.live(self._clock()):
            for one in agreement_dates(signed.contract):
                kind = _DUE.get(one.kind)
                if kind is not None:
                    found[kind, signed.contract.name] = day_ms(one.day)
        self._own_ends(found)
        return found

    def _unsigned(self, now: int) -> None:
        """Count the versions that await a signature of ours, or of others after ours."""
        contracts = self._trust.current.resolver.contracts
        replaced = {
            before
            for one in contracts.all()
            if not one.missing
            for before in one.contract.previous_hashes
        }
        others = [
            one
            for one in contracts.trusted()
            if one.missing and one.hash not in replaced and now < one.contract.ends_ms
        ]
        self._metrics.agreements_unsigned(len(contracts.awaiting(now)), len(others))

    def _own_ends(self, found: dict[tuple[Expiring, str], int]) -> None:
        """Find the ends of this agency's own keys and certificate: the last one of each kind."""
        participant = self._participant
        manifest = participant.manifests.newest(participant.agency)
        for key in manifest.keys if manifest is not None else ():
            name: tuple[Expiring, str] = ("key", f"{key.role}-{key.algorithm}")
            found[name] = max(found.get(name, 0), key.not_after)
        for what, end in self._tls_ends.read().items():
            found[what, "kafka"] = end

    def _alarm(self, found: Found, agency: str, code: str, about: str) -> None:
        if (agency, code, about) not in self._given:
            self._given.add((agency, code, about))
            found.alarms.append((agency, code))

    def _ask(self, found: Found, origin: Origin, first: int, last: int, now: int) -> None:
        name = (origin.format(), first, last)
        if now - self._asked.get(name, 0) >= ASK_AGAIN_MS:
            self._asked[name] = now
            found.ask_again.append((origin, first, last))
        if len(self._asked) > MAX_ASKED:
            recent = now - ASK_AGAIN_MS
            self._asked = {what: asked for what, asked in self._asked.items() if asked > recent}


def delegation_end(newest: VerifiedManifest) -> int:
    """Return the time (ms) until which the manifest keys of an agency may sign."""
    return newest.delegation.delegation.expires


def _reach(tx: Transaction, place: GenerationPlace) -> tuple[int, int]:
    """Return the number of stored records of a generation, without gaps, and its possible maximum.

    No record can arrive from before the reader's start, from a generation that was passed over, or
    above the end at which a successor closed it (docs/spec/streams.md, "Generations").
    """
    head = tx.reader.state_head(place.place)
    if head is None:
        return 0, MAX_LOG_SIZE
    state: PartitionOutline = parse_outline(head)
    held = state.generations.get(place.generation)
    if held is None:
        return 0, MAX_LOG_SIZE if place.generation > state.newest else 0
    return held.size, MAX_LOG_SIZE if held.end is None else held.end
