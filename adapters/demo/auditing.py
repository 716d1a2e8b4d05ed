"""Audit questions of an information governance officer, answered from verified logs.

Every agency's disclosure log is verified first: each entry is recomputed, and each signed head must
match, also the heads that other agencies kept from its heartbeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from broker import pseudonyms
from broker.agency.participant import Participant
from broker.audit.log import LogHead, log_origin
from broker.audit.query import FieldDisclosure, recipients_of_case
from broker.audit.verification import verify_log
from broker.clock import now_ms
from broker.errors import NoteError
from broker.store.database import Store, open_store
from broker.store.rows import ReferralRow
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """One agency's log, verified.

    Attributes:
        agency: id of the agency.
        head: size and root of the log, and the position up to which it is signed.
        witnessed: heads of this log that other agencies kept.
        disclosures: recipients of the field of the case, according to this log.
    """

    agency: str
    head: LogHead
    witnessed: int
    disclosures: tuple[FieldDisclosure, ...]


def audit(
    participants: Mapping[str, Participant], case_id: str, field: str
) -> tuple[VerifiedLog, ...]:
    """Verify every agency's log, then list the recipients of a field of a case.

    Raises:
        DisclosureLogError: a log differs from what was signed.
        ConcordantError: a log cannot be read.
    """
    stores = {agency: _store(participant) for agency, participant in participants.items()}
    try:
        heads = _heads(stores)
        return tuple(
            _audited(participant, stores[agency], heads.get(agency, ()), case_id, field)
            for agency, participant in participants.items()
        )
    finally:
        for store in stores.values():
            store.close()


def referrals_of(participant: Participant, case_id: str) -> tuple[ReferralRow, ...]:
    """Return an agency's referrals of a case and their status."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            return tuple(tx.referrals.for_case(case_id))
    finally:
        store.close()


def newest_referral(participant: Participant, to: str) -> str | None:
    """Return the event id of an agency's newest open referral to another, or None."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            made = [row.event_id for row in tx.referrals.open() if row.counterparty == to]
    finally:
        store.close()
    return made[-1] if made else None


def overdue(participant: Participant) -> tuple[ReferralRow, ...]:
    """Return an agency's referrals that are past their deadline."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            return tuple(tx.referrals.overdue(now_ms()))
    finally:
        store.close()


def audit_time(time_ms: int) -> str:
    """Format a time for people: UTC, to the second."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")


def _store(participant: Participant) -> Store:
    return open_store(participant.state)


def _heads(stores: Mapping[str, Store]) -> dict[str, tuple[tuple[int, bytes], ...]]:
    """Return the heads of each agency's log that the others kept from its last heartbeat."""
    found: dict[str, tuple[tuple[int, bytes], ...]] = {}
    for reader, store in stores.items():
        with store.reading() as tx:
            rows = tx.heads.all()
        for row in rows:
            if row.agency != reader:
                found[row.agency] = (*found.get(row.agency, ()), (row.log_size, row.log_root))
    return found


def _audited(
    participant: Participant,
    store: Store,
    heads: tuple[tuple[int, bytes], ...],
    case_id: str,
    field: str,
) -> VerifiedLog:
    def verify(signed: SignedCheckpoint) -> None:
        key = participant.manifests.stream_key(participant.agency, signed.line.key_id)
        if key is None or key.at(signed.line.timestamp * 1000) != "valid":
            raise NoteError("none of this agency's stream keys signed it", code="key_unknown")
        verify_cosignature(signed.line, key.verifier, signed.body)

    case_key = pseudonyms.case_key(participant.keyring.secret(), case_id)
    with store.reading() as tx:
        origin = log_origin(participant.deployment, participant.agency)
        head = verify_log(tx, origin, verify, heads)
        disclosures = tuple(recipients_of_case(tx, case_key, field))
    return VerifiedLog(participant.agency, head, len(heads), disclosures)
