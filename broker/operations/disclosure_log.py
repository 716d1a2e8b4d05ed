"""Verification and queries of an agency's own disclosure log.

Reading the log is a consultation too: before `DisclosureLog.show` returns an answer, it appends an
entry that records who read, which case and which filter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import ContractReference, Entry, EntryKind
from broker.audit.head_signing import log_act
from broker.audit.log import LogHead, log_origin, verify_log
from broker.audit.query import Placed, entries_of_case, entries_of_log, shared_fields
from broker.audit.reasons import reason_of
from broker.errors import NoteError, WrongInputError
from broker.keys.instant import format_instant
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature
from contracts.names import below, require_known

_RECEIVING: Final[frozenset[EntryKind]] = frozenset({"collection", "consultation", "disclosure"})


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Query of the log.

    Attributes:
        case: shared id or own reference; None for every case.
        field: a field path, which includes the paths below it. Empty for all.
        kinds: only entries of these kinds; empty for all.
        since_ms, until_ms: only entries from then on, and before then.
        recipient: only entries that name this agency as a recipient; empty for all.
        before: only entries with a lower index; None for all.
        limit: maximum number of entries, the newest ones, if no case is named.
    """

    case: str | None = None
    field: str = ""
    kinds: frozenset[EntryKind] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    recipient: str = ""
    before: int | None = None
    limit: int = 1000

    def matches(self, placed: Placed) -> bool:
        """Return whether an entry meets every condition. An erasure concerns every field."""
        time_ms = placed.entry.time_ms
        return (
            (not self.kinds or kind_of(placed.entry) in self.kinds)
            and (self.since_ms is None or time_ms >= self.since_ms)
            and (self.until_ms is None or time_ms < self.until_ms)
            and (self.before is None or placed.index < self.before)
            and (not self.recipient or self.recipient in _recipients(placed.entry))
            and (
                not self.field
                or placed.entry.kind == "erasure"
                or any(below(path, self.field) for path in _paths(placed.entry))
            )
        )

    def filter(self) -> Mapping[str, str]:
        """Return the conditions besides the case, as names that the log may hold."""
        asked: dict[str, str] = {}
        if self.field:
            asked["field"] = self.field
        if self.kinds:
            asked["kinds"] = "+".join(sorted(self.kinds))
        if self.since_ms is not None:
            asked["since"] = format_instant(self.since_ms)
        if self.until_ms is not None:
            asked["until"] = format_instant(self.until_ms)
        if self.recipient:
            asked["recipient"] = self.recipient
        if self.before is not None:
            asked["before"] = str(self.before)
        return asked


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry for display. Times in milliseconds; absent texts are empty.

    Attributes:
        kind: as `kind_of` returns it.
        source: the agency from which the records came.
        recipients: recipients of a disclosure, or agencies to which a refused event was not sent.
        not_sealed: addressed agency to which a disclosure was not sealed -> code of the reason.
        code: reason of a refusal, an erasure or a destruction.
        operator, acting_for, reason: actor, on whose behalf, and the reason in words.
        reason_removed: whether an erasure has removed the text of the reason.
        covered: whether a signed head covers the entry.
    """

    index: int
    time_ms: int
    kind: EntryKind
    type: str
    source: str
    event_id: str
    recipients: tuple[str, ...]
    code: str
    clause: str
    about: str
    joined: tuple[str, ...]
    count: int | None
    filter: Mapping[str, str]
    operator: str
    acting_for: str
    reason: str
    reason_removed: bool
    covered: bool
    has_fields: bool = field(default=False)
    not_sealed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """One field that one agency received, and the entry that records it."""

    entry: LogEntry
    recipient: str
    path: str
    clause: str
    contract: str
    contract_hash: str


@dataclass(frozen=True, slots=True)
class LoggedLeftOut:
    """One field that was not shared, and the reason code.

    Attributes:
        agency: the agency that did not get it although others did; empty if no addressed agency got
            it.
    """

    entry: LogEntry
    path: str
    reason: str
    agency: str = ""


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """Answer to a query.

    Attributes:
        head: head of the log, which was recomputed before the query.
        received: fields and their recipients.
        left_out: fields that were not shared.
        entries: every entry that matches, in the order of the log.
        more: number of matching entries older than the limit shows.
    """

    head: LogHead
    received: tuple[Received, ...]
    left_out: tuple[LoggedLeftOut, ...]
    entries: tuple[LogEntry, ...]
    more: int = 0

    @property
    def covered(self) -> bool:
        """Return whether signed heads cover every entry of the answer."""
        return all(entry.covered for entry in self.entries)


class DisclosureLog:
    """An agency's own log."""

    def __init__(self, participant: Participant, store: Store, now: int) -> None:
        """Read the log of an agency that is loaded.

        Args:
            participant: the agency.
            store: its state; `close` closes it.
            now: milliseconds since the epoch.
        """
        self._now = now
        self._participant = participant
        self._store = store

    @classmethod
    def opened(cls, agency: Path, now: int) -> Self:
        """Load an agency and open its state.

        Raises:
            ConcordantError: the agency's folder cannot be loaded.
            StoreError: ``state_missing``, or its state cannot be opened.
        """
        participant = load_participant(agency, now)
        return cls(participant, open_held_state(participant), now)

    @property
    def contracts(self) -> ContractBook:
        """Return the agreements of the agency."""
        return self._participant.contracts

    def close(self) -> None:
        """Close the state."""
        self._store.close()

    def verify(self) -> LogHead:
        """Recompute every entry and check every signed head.

        Raises:
            DisclosureLogError: it was altered; exit code 1.
        """
        with self._store.reading() as tx:
            return self._verified(tx)

    def show(self, query: LogQuery, actor: Actor) -> LogAnswer:
        """Verify the log, answer a query from it, and log that it was read.

        Args:
            query: the query.
            actor: the person who asks, and the reason.

        Raises:
            DisclosureLogError: the log was altered; nothing is shown.
            WrongInputError: ``case_unknown``: neither an id nor a reference of ours.
            UnknownNameError: ``field_unknown`` or ``agency_unknown``: no event type has such a
                field, or no agreement has such a party.
            KeyAccessError: the agency's secret is not available.
            StoreError: the reading cannot be logged; nothing is shown.
        """
        if query.field:
            known = _known_fields(self._participant)
            require_known("field", query.field, known, code="field_unknown")
        if query.recipient:
            parties = _known_parties(self._participant)
            require_known("party", query.recipient, parties, code="agency_unknown", exact=True)
        secret = self._participant.keyring.secret()
        with self._store.reading() as tx:
            case_key = None
            if query.case is not None:
                case_key = pseudonyms.case_key(secret, case_id(tx, query.case, secret))
            head = self._verified(tx)
            answer = self._answer(tx, query, case_key, head, secret)
        entry = recording.log_read(case_key, query.filter(), self._now)
        with self._store.transaction() as tx:
            log_act(tx, self._participant, actor, secret, [entry], self._now)
        return answer

    def _verified(self, tx: Transaction) -> LogHead:
        mine = self._participant
        return verify_log(
            tx,
            log_origin(mine.deployment, mine.agency),
            partial(_verify_head, mine.manifests, mine.agency, mine.key_name),
            _heard(tx, mine.agency),
        )

    def _answer(
        self, tx: Transaction, query: LogQuery, case_key: bytes | None, head: LogHead, secret: bytes
    ) -> LogAnswer:
        if case_key is None:
            newest: deque[Placed] = deque(maxlen=query.limit)
            number = 0
            for placed in entries_of_log(tx):
                if query.matches(placed):
                    newest.append(placed)
                    number += 1
            matching, more = list(newest), number - len(newest)
        else:
            found = entries_of_case(tx, case_key)
            matching, more = [placed for placed in found if query.matches(placed)], 0
        received: list[Received] = []
        left_out: list[LoggedLeftOut] = []
        entries: list[LogEntry] = []
        for placed in matching:
            entry = placed.entry
            shown = self._shown(tx, placed, head, secret)
            here = [
                Received(shown, recipient, path, clause, *_contract(entry.contract))
                for path, recipient, clause in shared_fields(entry, query.field)
                if shown.kind in _RECEIVING
            ]
            missing = [
                LoggedLeftOut(shown, path, code, agency)
                for agency, codes in (("", entry.left_out), *entry.left_out_for.items())
                for path, code in codes.items()
                if not query.field or path == query.field or path.startswith(f"{query.field}.")
            ]
            received += here
            left_out += missing
            if here or missing or not query.field or shown.kind == "erasure":
                entries.append(shown)
        return LogAnswer(head, tuple(received), tuple(left_out), tuple(entries), more)

    def _shown(self, tx: Transaction, placed: Placed, head: LogHead, secret: bytes) -> LogEntry:
        entry = placed.entry
        reason = reason_of(tx, secret, entry)
        return LogEntry(
            index=placed.index,
            time_ms=entry.time_ms,
            kind=kind_of(entry),
            type=entry.type or "",
            source=entry.source or self._participant.agency,
            event_id=entry.event_id or "",
            recipients=tuple(sorted(_recipients(entry))),
            code=entry.reason or "",
            clause=entry.clause or "",
            about=entry.about or "",
            joined=entry.joined,
            count=entry.count,
            filter=entry.filter,
            operator=entry.operator or "",
            acting_for=entry.acting_for or "",
            reason=reason or "",
            reason_removed=entry.reason_text is not None and reason is None,
            covered=head.covers(placed.index),
            has_fields=bool(entry.shares or entry.left_out or entry.left_out_for),
            not_sealed=dict(entry.not_sealed),
        )


def _recipients(entry: Entry) -> frozenset[str]:
    """Return the agencies that got something, or to which a refused event was not sent."""
    return frozenset(
        (*(one for share in entry.shares for one in share.recipients), *entry.recipients)
    )


def _paths(entry: Entry) -> Iterator[str]:
    """Yield the paths of the fields that an entry names, shared or left out."""
    for share in entry.shares:
        yield from share.fields
    yield from entry.left_out
    for codes in entry.left_out_for.values():
        yield from codes


def kind_of(entry: Entry) -> EntryKind:
    """Return the kind of an entry for display.

    Earlier versions logged records from a partner as a disclosure; they are a collection.
    """
    if entry.kind == "disclosure" and entry.source is not None:
        return "collection"
    return entry.kind


def case_id(tx: Transaction, case: str, secret: bytes) -> str:
    """Return the shared id of a case, given by that id or by this agency's own reference.

    A case of which no event was ever sent has no link. Log entries about it, such as its erasure,
    are stored under the id that its first record would have got.

    Raises:
        WrongInputError: ``case_unknown``.
    """
    linked = tx.links.case_for(case)
    if linked is not None:
        return linked
    with suppress(ValueError):
        return str(UUID(case))
    unsent = unsent_case_id(secret, case)
    if entries_of_case(tx, pseudonyms.case_key(secret, unsent)):
        return unsent
    raise WrongInputError(
        "The case is neither a shared id nor a reference of this agency.",
        code="case_unknown",
        fix="Give the shared id (a UUID), or the reference of the agency's own system.",
    )


def unsent_case_id(secret: bytes, reference: str) -> str:
    """Return the shared id that the first record of a case of ours would get."""
    return pseudonyms.shared_id(secret, "case", reference.strip())


def _known_fields(participant: Participant) -> frozenset[str]:
    """Return every field path that a contract of this agency, or its vocabulary, has."""
    return frozenset(
        path
        for signed in participant.contracts.all()
        for of_type in signed.contract.vocabulary.event_types.values()
        for path in of_type.leaves
    )


def _known_parties(participant: Participant) -> frozenset[str]:
    """Return every agency that an agreement of this agency names."""
    return frozenset(
        party.id for signed in participant.contracts.all() for party in signed.contract.parties
    )


def _verify_head(book: ManifestBook, agency: str, name: str, signed: SignedCheckpoint) -> None:
    """Check that a stream key of this agency, valid at that time, signed the head.

    Raises:
        NoteError: none did.
    """
    line = signed.line
    key = book.stream_key(agency, line.key_id)
    if line.name != name or key is None or key.at(line.timestamp * 1000) != "valid":
        raise NoteError("No stream key of this agency.", code="cosignature_unknown")
    verify_cosignature(line, key.verifier, signed.body)


def _heard(tx: Transaction, agency: str) -> list[tuple[int, bytes]]:
    """Return the log's head in this agency's own last heartbeat, as Kafka delivered it."""
    row = tx.heads.get(agency)
    return [] if row is None else [(row.log_size, row.log_root)]


def _contract(contract: ContractReference | None) -> tuple[str, str]:
    if contract is None:
        return "", ""
    return f"{contract.name} {contract.version}", contract.hash
