"""Verification and queries of an agency's own disclosure log.

Reading the log is a consultation too: before `DisclosureLog.show` returns an answer, it appends an
entry that records who read, which case and which filter.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import ContractReference, EntryKind
from broker.audit.entry_shape import kind_of, recipients_of
from broker.audit.head_signing import log_act
from broker.audit.log import LogHead, log_origin
from broker.audit.query import PlacedEntry, entries_of_case, shared_fields
from broker.audit.reasons import reason_of
from broker.audit.remembered_log import RememberedLog
from broker.audit.verification import CheckpointVerifier, entries_at, verify_log, verify_onward
from broker.errors import NoteError, WrongInputError
from broker.operations.log_answer import LogAnswer, LogEntry, LoggedLeftOut, LogQuery, ReceivedField
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.store.database import Store
from broker.store.transaction import Transaction
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature
from contracts.names import require_known
from contracts.phrases import N_

_RECEIVING: Final[frozenset[EntryKind]] = frozenset({"collection", "consultation", "disclosure"})


class DisclosureLog:
    """An agency's own log."""

    def __init__(
        self,
        participant: Participant,
        store: Store,
        now: int,
        remembered: RememberedLog | None = None,
    ) -> None:
        """Read the log of an agency that is loaded.

        Args:
            participant: the agency.
            store: its state; `close` closes it.
            now: milliseconds since the epoch.
            remembered: the part that this process has verified, and to which it adds; with None
                the first query verifies the whole log.
        """
        self._now = now
        self._participant = participant
        self._store = store
        self._remembered = RememberedLog() if remembered is None else remembered

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
        """Recompute every entry and check every signed head, and the part that is remembered.

        If it fails, each later query of this process verifies the whole log too.

        Raises:
            DisclosureLogError: it was altered; exit code 1.
        """
        with self._remembered.lock, self._store.reading() as tx:
            return self._verify_whole(tx)

    def verify_new(self) -> LogHead:
        """Verify what follows the remembered part; the whole log if nothing is remembered.

        Raises:
            DisclosureLogError: it was altered.
        """
        with self._remembered.lock, self._store.reading() as tx:
            return self._verify_onward(tx)

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
        with self._remembered.lock, self._store.reading() as tx:
            case_key = None
            if query.case is not None:
                case_key = pseudonyms.case_key(secret, case_id(tx, query.case, secret))
            head = self._verify_onward(tx)
            answer = self._answer(tx, query, case_key, head, secret)
        entry = recording.log_read(case_key, query.filter(), self._now)
        with self._store.transaction() as tx:
            log_act(tx, self._participant, actor, secret, [entry], self._now)
        return answer

    def _verify_whole(self, tx: Transaction) -> LogHead:
        remembered = self._remembered
        known = (remembered.size, remembered.frontier.root())
        remembered.doubted = True
        head = verify_log(tx, self._origin, self._verifier, [*self._heard(tx), known])
        remembered.doubted = False
        return head

    def _verify_onward(self, tx: Transaction) -> LogHead:
        remembered = self._remembered
        if remembered.doubted:
            self._verify_whole(tx)
        newest = self._participant.manifests.newest_verified(self._participant.agency)
        keys = None if newest is None else (newest.place, newest.hash)
        if remembered.keys != keys:
            remembered.checkpoint = None  # a revocation may concern heads that were valid before
        head = verify_onward(tx, self._origin, self._verifier, self._heard(tx), remembered)
        remembered.keys = keys
        return head

    @property
    def _origin(self) -> str:
        return log_origin(self._participant.deployment, self._participant.agency)

    @property
    def _verifier(self) -> CheckpointVerifier:
        mine = self._participant
        return partial(_verify_head, mine.manifests, mine.agency, mine.key_name)

    def _heard(self, tx: Transaction) -> list[tuple[int, bytes]]:
        """Return the log's head in this agency's own last heartbeat, as Kafka delivered it."""
        row = tx.heads.get(self._participant.agency)
        return [] if row is None else [(row.log_size, row.log_root)]

    def _matching(
        self, tx: Transaction, query: LogQuery, case_key: bytes | None
    ) -> tuple[Iterable[PlacedEntry], int]:
        """Read the entries that match; also return the number of older ones beyond the limit."""
        remembered = self._remembered
        if case_key is not None:
            of_case = entries_at(tx, remembered, remembered.of_case(case_key))
            found = (one for one in of_case if one.entry.case_key == case_key)
            return [one for one in found if query.matches(one)], 0
        indexes, number = remembered.newest(
            query.accepts, query.since_ms, query.until_ms, query.before, query.limit
        )
        return entries_at(tx, remembered, indexes), number - len(indexes)

    def _answer(
        self, tx: Transaction, query: LogQuery, case_key: bytes | None, head: LogHead, secret: bytes
    ) -> LogAnswer:
        matching, more = self._matching(tx, query, case_key)
        received: list[ReceivedField] = []
        left_out: list[LoggedLeftOut] = []
        entries: list[LogEntry] = []
        for placed in matching:
            entry = placed.entry
            shown = self._shown(tx, placed, head, secret)
            here = [
                ReceivedField(shown, recipient, path, clause, *_contract(entry.contract))
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

    def _shown(
        self, tx: Transaction, placed: PlacedEntry, head: LogHead, secret: bytes
    ) -> LogEntry:
        entry = placed.entry
        reason = reason_of(tx, secret, entry)
        return LogEntry(
            index=placed.index,
            time_ms=entry.time_ms,
            kind=kind_of(entry),
            type=entry.type or "",
            source=entry.source or self._participant.agency,
            event_id=entry.event_id or "",
            recipients=tuple(sorted(recipients_of(entry))),
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
            item=entry.item or "",
            settings=entry.settings,
            settings_before="" if entry.settings_before is None else entry.settings_before.hex(),
            settings_after="" if entry.settings_after is None else entry.settings_after.hex(),
        )


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
        N_("The case is neither a shared id nor a reference of this agency."),
        code="case_unknown",
        fix=N_("Give the shared id (a UUID), or the reference of the agency's own system."),
    )


def unsent_case_id(secret: bytes, reference: str) -> str:
    """Return the shared id that the first record of a case of ours would get."""
    return pseudonyms.minted_id(secret, "case", reference.strip())


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
        raise NoteError(N_("No stream key of this agency."), code="cosignature_unknown")
    verify_cosignature(line, key.verifier, signed.body)


def _contract(contract: ContractReference | None) -> tuple[str, str]:
    if contract is None:
        return "", ""
    return f"{contract.name} {contract.version}", contract.hash
