"""Status of an agency: one snapshot of its state, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from broker.agency.issuing_guard import foreign_manifests
from broker.agency.participant import Participant, load_participant
from broker.agency.running import adapter_runs, open_held_state
from broker.held.inventory import held_folders, held_groups
from broker.judging.partition_state import parse_outline
from broker.judging.state_limits import MAX_STATE_GAPS
from broker.observing.side_faults import SideFault, side_faults
from broker.observing.state_gauges import NOT_TAKEN_SHOWN_MS
from broker.observing.tallies import kept
from broker.operations.agency_progress import (
    DELEGATION_WARNING_MS,
    delegation_due_text,
    delegation_ends,
    stage_and_next_step,
)
from broker.operations.agreement_state import AgreementState, NextStep, agreement_states
from broker.operations.checks.machine_checks import CERTIFICATE_SOON_MS
from broker.operations.counts_status import CountsState, counts_states
from broker.operations.desk.counts import DeskCounts, desk_counts
from broker.operations.folders import FolderState, folder_states
from broker.operations.held_status import Held, for_a_person, held_lines
from broker.operations.partner_flow import PartnerFlow, partner_flows
from broker.operations.registry_state import (
    MissingManifest,
    RegistryDifference,
    missing_manifests,
    registry_differences,
)
from broker.operations.too_large_status import TooLarge, too_large_statements
from broker.operations.union_status import HeldPart, held_parts
from broker.receiving.persistence import NEARLY_FULL, filled
from broker.registry.awaited import awaited
from broker.registry.contract_book import ContractBook
from broker.store.adapters_seen import AdaptersSeen
from broker.store.rows import FailingDeliveries, InboxCounts, OutboxCounts, ReferralRow
from broker.store.transaction import Transaction
from broker.transport.tls_ends import TlsEnds
from contracts.referral import referral_rules

NOT_TAKEN_LISTED = 100
"""Maximum number of events that `status` lists as not taken by a recipient."""


@dataclass(frozen=True, slots=True)
class ContractLine:
    """A contract, the state of our own part of it, and whether it awaits our signature."""

    name: str
    version: str
    state: str
    departed: dict[str, str]
    ends_ms: int
    awaits_us: bool = False


@dataclass(frozen=True, slots=True)
class OwnStream:
    """A stream that this agency writes; trial streams of ``event seal`` are not among them."""

    topic: str
    partition: int
    generation: str
    size: int
    log_time_ms: int


@dataclass(frozen=True, slots=True)
class OtherStream:
    """State of another sender's partition.

    ``gaps`` are (generation, first index, last index), both included; ``without_content`` are
    (generation, number of records) of which only the leaf arrived.
    """

    agency: str
    topic: str
    partition: int
    generation: str
    size: int
    log_time_ms: int
    stopped: bool
    gaps: tuple[tuple[str, int, int], ...]
    without_content: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The earliest record of a sender that cannot be judged yet, and the reason."""

    agency: str
    topic: str
    partition: int
    offset: int
    reason: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The last heartbeat of an agency; silent if it is older than the alarm's limit."""

    agency: str
    heard_ms: int | None
    silent: bool


@dataclass(frozen=True, slots=True)
class Raised:
    """Number of alarms about an agency, and the time of the last."""

    code: str
    agency: str
    count: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """A referral past a deadline: `acknowledge` (not acknowledged) or `respond`."""

    referral: str
    own_reference: str | None
    role: str
    counterparty: str
    status: str
    missed: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class ReferralNumbers:
    """Numbers of referrals made by and to this agency, and the late ones."""

    open: int
    cancelled: int
    cancellation_requested: int
    overdue: tuple[Overdue, ...]


@dataclass(frozen=True, slots=True)
class HeldRecords:
    """Held records of one sender: number, bytes, and the filled part of its quota."""

    agency: str
    records: int
    bytes: int
    filled: float

    @property
    def nearly_full(self) -> bool:
        """Return whether a person should act before its records have to wait."""
        return self.filled >= NEARLY_FULL


@dataclass(frozen=True, slots=True)
class TlsEnd:
    """End of the TLS `certificate` or of its `authority`; 0 if the files cannot be used."""

    what: str
    ends_ms: int
    soon: bool


@dataclass(frozen=True, slots=True)
class NotTaken:
    """An own event that a recipient put aside or refused, and since when."""

    event: str
    recipient: str
    state: str
    code: str | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class Status:
    """One snapshot. Times in milliseconds since the epoch; `next` is that of `agency status`.

    `copies` is the number of events that wait for an agency. `manifests_not_ours` are versions of
    manifests of this agency that this folder did not make. `delegation_due` says who must do what;
    None while more than 90 days are left. `signing_token` is None if the signing keys are in files,
    `present`, or the code of its fault. `results_overdue` is the number of events that were offered
    and whose result is overdue; `oldest_result_ms` is when the oldest was offered.
    `deliveries_failing` are events that the agency's system did not take and that are tried again.
    `not_taken` are own events that a recipient put aside or refused in the last 7 days.
    `side_faults` are what keeps a running adapter from Kafka, its source or its sink.
    `desk` counts what the agency's people keep; None if they keep nothing.
    `too_large` are statements for figures that no record can hold, so they are not sent.
    `adapter_runs` is whether the agency's adapter runs now. `put_aside` is the number of records
    and events of each agency that wait for a person. `partners` has the flow of each partner.
    """

    agency: str
    deployment: str
    time_ms: int
    contracts: tuple[ContractLine, ...]
    next: NextStep
    manifest_version: int | None
    manifest_expires_ms: int | None
    outbox: OutboxCounts
    inbox: InboxCounts
    streams: tuple[OwnStream, ...]
    received: tuple[OtherStream, ...]
    waiting: tuple[Waiting, ...]
    quarantined: dict[str, int]
    quarantine: tuple[HeldRecords, ...]
    held: tuple[Held, ...]
    evidence: int
    heartbeats: tuple[Heard, ...]
    referrals: ReferralNumbers
    folders: tuple[FolderState, ...] = ()
    tls: tuple[TlsEnd, ...] = ()
    alarms: tuple[Raised, ...] = ()
    notices_left_out: dict[str, int] = field(default_factory=dict)
    signing_token: str | None = None
    desk: DeskCounts | None = None
    copies: int = 0
    oldest_copy_ms: int | None = None
    delegation_expires_ms: int | None = None
    delegation_due: str | None = None
    manifests_not_ours: tuple[int, ...] = ()
    manifests_not_received: tuple[MissingManifest, ...] = ()
    registry_differs: tuple[RegistryDifference, ...] = ()
    results_overdue: int = 0
    oldest_result_ms: int | None = None
    deliveries_failing: FailingDeliveries | None = None
    not_taken: tuple[NotTaken, ...] = ()
    side_faults: tuple[SideFault, ...] = ()
    adapter_runs: bool = False
    adapters: AdaptersSeen | None = None
    put_aside: dict[str, int] = field(default_factory=dict)
    unions: tuple[HeldPart, ...] = ()
    counts: tuple[CountsState, ...] = ()
    too_large: tuple[TooLarge, ...] = ()
    partners: tuple[PartnerFlow, ...] = ()


def report(agency: Path, now: int) -> Status:
    """Return a snapshot of an agency.

    Args:
        agency: its folder.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: the folder cannot be loaded, or its state cannot be read; `state_missing`
            if the adapter has not run yet.
    """
    participant = load_participant(agency, now)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            return agency_status(participant, tx, now)
    finally:
        store.close()


def agency_status(participant: Participant, tx: Transaction, now: int) -> Status:
    """Return a snapshot of an agency that is already loaded.

    Args:
        participant: the agency.
        tx: its state.
        now: milliseconds since the epoch.
    """
    shared = tx.lease.adapters()
    runs = adapter_runs(participant.root) if shared is None else shared.works is not None
    manifest = participant.manifests.newest(participant.agency)
    sizes = tx.quarantine.sizes()
    states = agreement_states(participant, now)
    ends = delegation_ends(participant)
    foreign = foreign_manifests(participant.root, participant.agency, participant.manifests)
    due = ends is not None and ends - now < DELEGATION_WARNING_MS
    within_ms = participant.config.result_within_ms
    groups = held_groups(tx, held_folders(participant), now)
    overdue, oldest_offer = tx.offers.unanswered(now - within_ms)
    heartbeats = _heartbeats(participant, tx, now)
    referrals = _referrals(participant.contracts, tx, now)
    for_people = for_a_person(groups)
    return Status(
        agency=participant.agency,
        deployment=participant.deployment,
        time_ms=now,
        contracts=_contracts(states),
        next=stage_and_next_step(participant, states, now)[1],
        manifest_version=None if manifest is None else manifest.version,
        manifest_expires_ms=None if manifest is None else manifest.expires,
        outbox=tx.outbox.counts(),
        inbox=tx.inbox.counts(),
        streams=tuple(
            OwnStream(row.topic, row.partition, row.name, row.size, row.log_time_s * 1000)
            for row in tx.streams.heads()
        ),
        received=_received(tx),
        waiting=tuple(
            Waiting(row.agency, row.topic, row.partition, row.offset, row.reason, row.since_ms)
            for row in tx.reader.all_deferred()
        ),
        quarantined={agency: held.records for agency, held in sizes.items()},
        quarantine=tuple(
            HeldRecords(agency, held.records, held.size, round(filled(held), 3))
            for agency, held in sizes.items()
        ),
        held=held_lines(groups),
        put_aside=for_people,
        evidence=len(tx.evidence.list()),
        heartbeats=heartbeats,
        referrals=referrals,
        folders=folder_states(participant, now),
        tls=tuple(
            TlsEnd(part, end, end - now < CERTIFICATE_SOON_MS)
            for part, end in TlsEnds(participant.kafka_connection()).read().items()
        ),
        alarms=tuple(
            Raised(one.code, one.about, one.count, one.last_ms)
            for one in sorted(kept(tx), key=lambda one: -one.last_ms)
            if one.kind == "alarm"
        ),
        notices_left_out={one.code: one.count for one in kept(tx) if one.kind == "notice"},
        signing_token=_token_state(participant),
        desk=desk_counts(tx),
        copies=tx.copies.count()[0],
        oldest_copy_ms=tx.copies.count()[1],
        delegation_expires_ms=ends,
        delegation_due=delegation_due_text(ends, now) if due and ends is not None else None,
        manifests_not_ours=tuple(one.manifest.version for one in foreign),
        manifests_not_received=missing_manifests(participant, tx, now),
        registry_differs=registry_differences(participant, tx, now),
        results_overdue=overdue,
        oldest_result_ms=oldest_offer,
        deliveries_failing=tx.attempts.failing(),
        side_faults=side_faults(tx) if runs else (),
        adapter_runs=runs,
        adapters=shared,
        not_taken=_not_taken(tx, now),
        unions=held_parts(tx),
        counts=counts_states(participant, tx, now),
        too_large=too_large_statements(participant, tx, now),
        partners=partner_flows(
            tx,
            (one.agency for one in heartbeats),
            for_people,
            (one.counterparty for one in referrals.overdue),
            now,
        ),
    )


def _not_taken(tx: Transaction, now: int) -> tuple[NotTaken, ...]:
    """Return the newest own events that a recipient did not take."""
    rows = tx.recipients.newest_not_taken(now - NOT_TAKEN_SHOWN_MS, NOT_TAKEN_LISTED)
    return tuple(
        NotTaken(row.event_id, row.agency, row.state or "", row.code or None, row.since_ms or 0)
        for row in rows
    )


def _token_state(participant: Participant) -> str | None:
    """Return whether the token of the signing keys is there; its PIN is not needed."""
    token = participant.keyring.token
    return None if token is None else (token.state() or "present")


def _contracts(states: tuple[AgreementState, ...]) -> tuple[ContractLine, ...]:
    return tuple(
        ContractLine(
            one.line.name,
            one.line.version,
            one.state,
            dict(one.departed),
            one.ends_ms,
            one.awaits_us,
        )
        for one in states
    )


def _received(tx: Transaction) -> tuple[OtherStream, ...]:
    streams: list[OtherStream] = []
    leaves = tx.reader_logs.without_content()
    for place, head in tx.reader.state_heads():
        state = parse_outline(head)
        newest = state.generations[state.newest]
        gaps = tuple(
            (log.generation, first, last)
            for log, first, last in tx.reader.gap_ranges(
                place.agency, (place.generation(""), -1), MAX_STATE_GAPS
            )
            if log.place == place
        )
        streams.append(
            OtherStream(
                *place,
                newest.name,
                newest.size,
                state.log_time * 1000,
                state.stopped,
                gaps,
                tuple(
                    (log.generation, count)
                    for log, count in leaves
                    if log.place == place and log.generation in state.generations
                ),
            )
        )
    return tuple(streams)


def _heartbeats(participant: Participant, tx: Transaction, now: int) -> tuple[Heard, ...]:
    intervals = participant.config.intervals
    heard = {row.agency: row.heard_ms for row in tx.heads.all()}
    parties = awaited(participant.contracts, participant.manifests, now)
    return tuple(
        Heard(
            agency,
            heard.get(agency),
            agency not in heard or now - heard[agency] > intervals.silence_ms(agreed),
        )
        for agency, agreed in parties.items()
        if agency != participant.agency
    )


def _referrals(contracts: ContractBook, tx: Transaction, now: int) -> ReferralNumbers:
    found = (referral_rules(one.contract.vocabulary) for one in contracts.all())
    rules = [one for one in found if one is not None]
    called_off = frozenset[str]().union(*(one.called_off for one in rules))
    to_cancel = frozenset[str]().union(*(one.cancellation_requested for one in rules))
    cancelled = tx.referrals.closed_with_status(called_off)
    asked = tx.referrals.open_with_progress(to_cancel)
    late = tuple(_overdue(tx, row, now) for row in tx.referrals.overdue(now))
    return ReferralNumbers(sum(tx.referrals.open_counts().values()), cancelled, asked, late)


def _overdue(tx: Transaction, row: ReferralRow, now: int) -> Overdue:
    clocks = (("acknowledge", row.acknowledge_by_ms), ("respond", row.respond_by_ms))
    missed, due = min(
        ((name, due) for name, due in clocks if due is not None and due < now), key=lambda c: c[1]
    )
    return Overdue(
        row.referral_id.partition("/")[0],
        tx.links.own_for(row.case_id),
        row.role,
        row.counterparty,
        row.status,
        missed,
        due,
    )
