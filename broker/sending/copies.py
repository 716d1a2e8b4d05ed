"""Copies for agencies that could not be reached when an event was sealed.

docs/spec/sending.md, "Addressees that cannot be reached". The event is stored, encrypted with a key
that is derived from the sender's secret, until the addressee can be reached. Then a copy is sealed
to this addressee alone. The copy is sent at a random time, so that Kafka's host cannot link it to
the event. Copies of one case keep their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from secrets import randbelow
from typing import Final

import orjson

from broker.audit import recording
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries
from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import SealBroken, lp
from broker.errors import RegistryError, StoreError
from broker.sending.recipients import recipient_rows
from broker.sending.sealing import EventSealer, Prepared
from broker.store.database import Store
from broker.store.rows import CopyRow, NewCopyRow, NewOutboxRow
from broker.store.transaction import Transaction
from contracts.errors import EventError
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.referral import referral_rules
from contracts.vocabulary import Vocabulary

MAX_COPIES_BYTES: Final = 64 * 2**20
"""Maximum bytes of all copies that wait."""
SPREAD_MS: Final = 60 * 60 * 1000
"""A copy is sent at a random time within this span after its agency can be reached."""
DAY_MS: Final = 24 * 60 * 60 * 1000
DEFAULT_DAYS: Final = 30
"""Days for which a copy waits if the agreement states no retention on Kafka."""

SENT: Final = "sent"
CANCELLED: Final = "copy_cancelled"
EXPIRED: Final = "copy_expired"
CONSENT_WITHDRAWN: Final = "consent_missing"
ERASED: Final = "copy_erased"


@dataclass(frozen=True, slots=True)
class Kept:
    """Content of a copy.

    The referral and the consents are read when the event is accepted, with the vocabulary of its
    agreement: another version, with another vocabulary, may be in force later.

    Attributes:
        event: as it was accepted.
        addressed: every addressed agency.
        referral: id of the referral that the event makes or changes, if it does.
        makes: whether it makes the referral.
        consents: scopes for which the event says that there is consent.
    """

    event: PlainEvent
    addressed: tuple[str, ...]
    referral: str | None
    makes: bool
    consents: frozenset[str]


def _kept(words: Vocabulary, event: PlainEvent, addressed: Sequence[str]) -> Kept:
    """Return the content of a copy of an event, read with the vocabulary of its agreement."""
    flat = words.type(event.type).flatten(event.data)
    rules = referral_rules(words)
    made = rules.new_referral(event.type, flat) if rules else None
    changed = rules.status_change(event.type, flat) if rules else None
    said = made or changed
    return Kept(
        event,
        tuple(addressed),
        said.referral_id if said else None,
        made is not None,
        frozenset(scope for path, scope in words.answers.items() if flat.get(path) is True),
    )


def kept_rows(
    secret: bytes, prepared: Prepared, addressed: Sequence[str], case_key: bytes, now: int
) -> list[NewCopyRow]:
    """Return the rows of the copies of an event, one for each agency that may return.

    Args:
        secret: this agency's secret.
        prepared: the event.
        addressed: every addressed agency.
        case_key: key of its case.
        now: ms.
    """
    expires = now + retention_ms(prepared.in_force.contract, prepared.event.type)
    rows = []
    for one in prepared.not_sealed:
        if one.later:
            plain = PlainEvent(prepared.event.type, (one.agency,), prepared.event.data)
            kept = _kept(prepared.in_force.contract.vocabulary, plain, addressed)
            content = _sealed(secret, prepared.event_id, one.agency, kept)
            rows.append(
                NewCopyRow(
                    prepared.event_id,
                    one.agency,
                    case_key,
                    prepared.event.type,
                    one.reason,
                    content,
                    now,
                    expires,
                )
            )
    return rows


def decrypted_copy(secret: bytes, row: CopyRow) -> Kept:
    """Decrypt a copy that waits.

    Raises:
        StoreError: ``store_corrupt``.
    """
    sealed = row.content or b""
    aad = lp(row.event_id.encode(), row.agency.encode())
    try:
        text = _key(secret).open(sealed, aad)
        stored = orjson.loads(text)
        event = PlainEvent(stored["type"], (row.agency,), stored["data"])
        return Kept(
            event,
            tuple(stored["addressed"]),
            # earlier releases wrote copies without these members
            stored.get("referral"),
            stored.get("makes") is True,
            frozenset(stored.get("consents", ())),
        )
    except (SealBroken, ValueError, KeyError, TypeError):
        raise StoreError(
            "A copy that waits is not what was written there.",
            code="store_corrupt",
            fix="Restore the state database from a backup, then read again from Kafka.",
        ) from None


def _sealed(secret: bytes, event_id: str, agency: str, kept: Kept) -> bytes:
    text = orjson.dumps(
        {
            "type": kept.event.type,
            "data": kept.event.data,
            "addressed": kept.addressed,
            "referral": kept.referral,
            "makes": kept.makes,
            "consents": sorted(kept.consents),
        }
    )
    return _key(secret).seal(text, lp(event_id.encode(), agency.encode()))


def _key(secret: bytes) -> AtRestKey:
    return AtRestKey(secret, b"concordant/1/copy")


def retention_ms(contract: Contract, event_type: str) -> int:
    """Return how long Kafka keeps the records of an event type, in milliseconds."""
    stated = contract.event_types[event_type].retention
    return (stated.kafka_days if stated else DEFAULT_DAYS) * DAY_MS


# --- cancelling -----------------------------------------------------------------------------------


def cancel(
    tx: Transaction,
    secret: bytes,
    rows: Iterable[CopyRow],
    code: str,
    now: int,
    operator: str = recording.OPERATOR,
) -> list[NewLogEntry]:
    """Cancel copies. If a copy makes a referral, cancel the waiting changes of this referral too.

    Args:
        tx: a write transaction.
        secret: this agency's secret.
        rows: the copies.
        code: the reason.
        now: ms.
        operator: name of the actor, for the log.

    Returns:
        An entry for the disclosure log for each.
    """
    waiting = {row.seq: row for row in tx.copies.waiting()}
    entries = []
    for row in rows:
        for one in (row, *_changes_after(secret, row, waiting.values())):
            if tx.copies.end(one.seq, code, now):
                entries.append(
                    recording.refused(
                        one.type,
                        code,
                        now,
                        operator,
                        event_id=one.event_id,
                        case_key=one.case_key,
                        recipients=(one.agency,),
                    )
                )
    return entries


def _changes_after(secret: bytes, row: CopyRow, waiting: Iterable[CopyRow]) -> list[CopyRow]:
    """Return the waiting changes of the referral that a copy makes.

    If the copy is not sent, its agency would refuse these changes.
    """
    if row.content is None:
        return []
    kept = decrypted_copy(secret, row)
    if not kept.makes:
        return []
    return [
        other
        for other in waiting
        if other.seq > row.seq
        and (other.agency, other.case_key) == (row.agency, row.case_key)
        and decrypted_copy(secret, other).referral == kept.referral
    ]


def withdrawn_by(
    secret: bytes, prepared: Prepared, case_key: bytes, waiting: Iterable[CopyRow]
) -> list[CopyRow]:
    """Return the waiting copies of a case that need a consent which a newer event withdraws."""
    words = prepared.in_force.contract.vocabulary
    newer = words.type(prepared.event.type).flatten(prepared.event.data)
    refused = {scope for path, scope in words.answers.items() if newer.get(path) is False}
    if not refused:
        return []
    return [
        row
        for row in waiting
        if row.case_key == case_key and refused & decrypted_copy(secret, row).consents
    ]


# --- sending --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Round:
    """Result of one check of the waiting copies."""

    sent: int = 0
    ended: dict[str, int] = field(default_factory=dict)


class CopyRelease:
    """Seals the copies of agencies that can be reached again.

    Args:
        store: the agency's state.
        sealer: checks and seals.
    """

    def __init__(self, store: Store, sealer: EventSealer) -> None:
        self._store = store
        self._sealer = sealer

    def look(self, now: int) -> Round:
        """Send the copies that are due, and end the copies that have waited too long.

        One transaction writes the outbox, the log and the end of each copy.
        """
        done = Round()
        with self._store.reading() as tx:
            count, _ = tx.copies.count()
        if not count:
            return done
        with self._store.transaction() as tx:
            waiting = tx.copies.waiting()
            over = [row for row in waiting if row.expires_ms <= now]
            entries = cancel(tx, self._sealer.secret, over, EXPIRED, now)
            if entries:
                done.ended[EXPIRED] = len(entries)
            blocked: set[tuple[bytes, str]] = set()
            for row in self._due(tx, now):
                place = (row.case_key, row.agency)
                sent = None if place in blocked else self._send(tx, row, now, done)
                if sent is None:  # its agency has no key now: later copies of the case wait too
                    blocked.add(place)
                else:
                    entries += sent
            if entries:
                append_entries(tx, entries)
        return done

    def _due(self, tx: Transaction, now: int) -> Iterator[CopyRow]:
        """Yield the copies that go out now, and set the times of the others.

        A copy is never due before an earlier one of its case for the same agency.
        """
        latest: dict[tuple[bytes, str], int] = {}
        away: set[tuple[bytes, str]] = set()
        for row in tx.copies.waiting():
            place = (row.case_key, row.agency)
            if place in away or self._unreached(row, now) is not None:
                away.add(place)
                if row.due_ms is not None:
                    tx.copies.set_due(row.seq, None)
                continue
            due = row.due_ms
            if due is None:
                due = max(now + randbelow(SPREAD_MS), latest.get(place, 0))
                tx.copies.set_due(row.seq, due)
            latest[place] = max(due, latest.get(place, 0))
            if latest[place] <= now:
                yield row

    def _unreached(self, row: CopyRow, now: int) -> str | None:
        unreached = self._sealer.unreached
        try:
            try:
                return unreached(row.type, row.agency, (row.agency,), now)
            except EventError as error:
                if error.code != "contract_ambiguous":
                    raise
            # the agency alone does not decide between two agreements: all addressed agencies do
            addressed = decrypted_copy(self._sealer.secret, row).addressed
            return unreached(row.type, row.agency, addressed, now)
        except (EventError, RegistryError) as error:  # no contract is in force now
            return error.code

    def _send(
        self, tx: Transaction, row: CopyRow, now: int, done: Round
    ) -> list[NewLogEntry] | None:
        """Send one copy. Returns its log entries; None if it has to wait."""
        secret = self._sealer.secret
        kept = decrypted_copy(secret, row)
        try:
            one = self._sealer.prepare_copy(kept.event, now, row.event_id, kept.addressed)
        except RegistryError:
            return None
        except EventError as error:  # the agreement does not permit it any more
            entries = cancel(tx, secret, [row], error.code, now)
            done.ended[error.code] = done.ended.get(error.code, 0) + len(entries)
            return entries
        if not tx.copies.end(row.seq, SENT, now):  # cancelled with its referral in this round
            return []
        ((value,),) = self._sealer.seal_prepared([one])
        clear_id = one.drafts[0].clear_text
        urgent = row.type in one.in_force.contract.vocabulary.urgent_types
        new = NewOutboxRow(row.event_id, one.topic, one.partition, value, urgent, clear_id)
        seqs = tx.outbox.add_many([new], now)
        tx.recipients.add_many(recipient_rows([one], seqs, now), now)
        done.sent += 1
        return [
            recording.disclosed(
                one.event,
                row.event_id,
                one.decision,
                recording.contract_reference(one.in_force.text),
                row.case_key,
                now,
                recording.OPERATOR,
                record=clear_id,
            )
        ]
