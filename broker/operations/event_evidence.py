"""Post-quantum evidence of one event: shown or checked.

docs/spec/evidence.md. Both need public material and the agency's state, but no passphrase and no
Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from broker.agency.participant import load_participant
from broker.agency.running import open_held_state
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.evidence import Evidence
from broker.audit.evidence_build import show_evidence
from broker.audit.evidence_ed25519 import check_classical
from broker.audit.evidence_lookup import locate
from broker.audit.evidence_verify import EvidenceLink, LinkError, check_chain
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.envelope.layout import LayoutError, parse_value
from broker.errors import EvidenceError, WrongInputError
from broker.event import uuid_text
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
    RecordFormatError,
    parse_record,
)
from broker.store.database import Store, state_exists
from broker.tlog.merkle import leaf_hash
from contracts.names import suggestion


@dataclass(frozen=True, slots=True)
class CheckedEvidence:
    """The links of a document, and the separate classical link."""

    links: tuple[EvidenceLink, ...]
    classical: EvidenceLink | None

    @property
    def holds(self) -> bool:
        """Return whether every link of the chain holds."""
        return all(link.holds for link in self.links)

    @property
    def every(self) -> tuple[EvidenceLink, ...]:
        """Return the links of the chain, and the classical one if it was checked."""
        return self.links if self.classical is None else (*self.links, self.classical)


class AgencyEvidence:
    """Evidence that one agency shows or checks with its contracts, manifests and state."""

    def __init__(self, directory: Path, now: int) -> None:
        """Load the agency; open its state on first use.

        Raises:
            ConcordantError: the agency's folder cannot be loaded.
        """
        self._participant = load_participant(directory, now)
        self._database = self._participant.state

    def show(self, event: str, source: str | None) -> tuple[Evidence, CheckedEvidence]:
        """Return the evidence of an event, checked.

        Raises:
            EvidenceError: there is none, or not yet; exit code 1.
            StoreError: `state_missing`, or the state cannot be opened.
            WrongInputError: `agency_unknown`.
        """
        mine = self._participant
        if source is not None and mine.manifests.newest(source) is None:
            raise WrongInputError(
                "No manifest of this agency is stored here.",
                code="agency_unknown",
                where=source,
                fix=f"Give the id of a party. {suggestion(source, mine.manifests.agencies())}",
            )
        with self._state().reading() as tx:
            located = locate(tx, mine.agency, mine.manifests.agencies(), event, source)
            evidence, links = show_evidence(tx, mine, located)
        return evidence, CheckedEvidence(links, check_classical(evidence, mine.manifests))

    def sealed_record(self, shown: Evidence, actor: Actor, now: int) -> Record:
        """Return the sealed record of a shown event, for a party that lacks the event.

        A sender keeps the record until its content is cleared. A reader keeps only the leaf hash
        and what it could open, so it has no record. The export is logged.

        Args:
            shown: the evidence of the event.
            actor: the person who exports it, and the reason.
            now: ms.

        Raises:
            EvidenceError: `record_not_held`; exit code 1.
            StoreError: the state cannot be opened.
            KeyAccessError: a reason is given and the agency's secret is not available.
        """
        if shown.agency != self._participant.agency:
            raise EvidenceError(
                "A recipient keeps an event's hash and what it could open, not the record.",
                code="record_not_held",
                fix=f"Ask {shown.agency}: concordant event evidence {shown.event} --agency DIR "
                "--with-record FILE",
            )
        with self._state().reading() as tx:
            row = tx.outbox.find(shown.event)
        if row is None or row.value is None or row.proof is None:
            raise EvidenceError(
                "The record's content was cleared; its hash is in the evidence.",
                code="record_not_held",
                fix="Use any copy of the topic that Kafka or a recipient still has.",
            )
        headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, row.proof))
        secret = self._participant.keyring.secret() if actor.reason else None
        with self._state().transaction() as tx:
            entry = recording.released(shown.agency, shown.event, now)
            append_entries(tx, attributed(tx, actor, secret, [entry]))
        return Record(row.topic, row.partition, headers, row.value)

    def check(self, evidence: Evidence, record: Iterable[bytes | None] | None) -> CheckedEvidence:
        """Check every link of a document from another party.

        Args:
            evidence: the document.
            record: lines that hold the event's sealed record; without them our own state is used.

        Raises:
            StoreError: the state cannot be opened.
        """
        mine = self._participant

        def event(stated: Evidence) -> str:
            return self._known(stated) if record is None else _sealed(stated, record)

        links = check_chain(evidence, mine.contracts, mine.manifests, event)
        classical = check_classical(evidence, mine.manifests) if links[-1].holds else None
        return CheckedEvidence(links, classical)

    def _state(self) -> Store:
        """Open the adapter's state."""
        return open_held_state(self._participant)

    def _known(self, stated: Evidence) -> str:
        """Check link 7 with our own state: the event's sealed value has that leaf.

        The earlier links have proved the leaf's position. It can have several positions: a sender
        publishes again what a revoked key had signed.
        """
        mine = self._participant
        not_held = LinkError(
            "event_not_held",
            "this agency does not hold the event: give its sealed record with --record",
        )
        if not state_exists(self._database):
            raise not_held
        try:
            with self._state().reading() as tx:
                found = locate(tx, mine.agency, [stated.agency], stated.event, stated.agency)
        except EvidenceError:
            raise not_held from None
        if found.leaf.hex() != stated.leaf:
            raise LinkError("leaf_wrong", "the event that this agency holds has another leaf")
        return f"record {stated.index} is event {stated.event}, as this agency stored it"


def is_event_id(text: str) -> bool:
    """Return whether the text has the form of an event's id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _sealed(stated: Evidence, lines: Iterable[bytes | None]) -> str:
    """Check link 7 with the sealed record itself: its id and its leaf hash."""
    for line in lines:
        try:
            record = parse_record(line or b"")
            value = record.value or b""
            if uuid_text(parse_value(value).id) != stated.event:
                continue
        except (RecordFormatError, LayoutError):
            continue
        if leaf_hash(value).hex() != stated.leaf:
            raise LinkError("leaf_wrong", "the leaf is not the hash of the given record")
        return f"the given record is event {stated.event}, with the hash of record {stated.index}"
    raise LinkError("record_not_found", "the file has no sealed record of that event")
