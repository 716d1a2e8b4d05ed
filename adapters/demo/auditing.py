"""Questions that an information governance officer asks, answered from verified logs.

Every agency's disclosure log is verified first: each entry recomputed, each signed head met, and
against the heads that the other agencies kept from its heartbeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from broker import pseudonyms
from broker.agency.participant import Participant
from broker.audit.log import LogHead, log_origin, verify_log
from broker.audit.query import FieldDisclosure, received
from broker.clock import now_ms
from broker.store.database import Store, open_store
from broker.store.rows import ReferralRow
from broker.tlog.cosignature import SignedCheckpoint, verify_cosignature
from broker.tlog.errors import NoteError


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """One agency's log, verified.

    Attributes:
        agency: whose.
        head: its size and root, and up to where it is signed.
        witnessed: heads of it that other agencies had kept.
        disclosures: who received the field of the case, according to it.
    """

    agency: str
    head: LogHead
    witnessed: int
    disclosures: tuple[FieldDisclosure, ...]


def audit(
    participants: Mapping[str, Participant], case_id: str, field: str
) -> tuple[VerifiedLog, ...]:
    """Verify every agency's log, then ask each who received a field of a case.

    Raises:
        DisclosureLogError: a log is not what was signed.
        ConcordantError: it cannot be read.
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
    """An agency's referrals of a case, and how they stand."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            return tuple(tx.referrals.for_case(case_id))
    finally:
        store.close()


def newest_referral(participant: Participant, to: str) -> str | None:
    """The event by which an agency made its newest open referral to another, if there is one."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            made = [row.event_id for row in tx.referrals.open() if row.counterparty == to]
    finally:
        store.close()
    return made[-1] if made else None


def overdue(participant: Participant) -> tuple[ReferralRow, ...]:
    """An agency's referrals whose clock is over."""
    store = _store(participant)
    try:
        with store.reading() as tx:
            return tuple(tx.referrals.overdue(now_ms()))
    finally:
        store.close()


def moment(time_ms: int) -> str:
    """For people: UTC, to the second."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")


def _store(participant: Participant) -> Store:
    return open_store(participant.path(participant.config.state.database))


def _heads(stores: Mapping[str, Store]) -> dict[str, tuple[tuple[int, bytes], ...]]:
    """Heads of each agency's log as the others kept them from its last heartbeat."""
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
            raise NoteError("no stream key of this agency signed it", code="key_unknown")
        verify_cosignature(signed.line, key.verifier, signed.body)

    case_key = pseudonyms.case_key(participant.keyring.secret(), case_id)
    with store.reading() as tx:
        origin = log_origin(participant.deployment, participant.agency)
        head = verify_log(tx, origin, verify, heads)
        disclosures = tuple(received(tx, case_key, field))
    return VerifiedLog(participant.agency, head, len(heads), disclosures)
