"""Reader of a file of records that are judged without Kafka: opened, or only verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, assert_never

from broker import pseudonyms
from broker.agency.participant import load_participant
from broker.audit.actor import Actor
from broker.audit.consultations import shown_to
from broker.audit.entries import NewLogEntry
from broker.audit.head_signing import log_act
from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging.continuity_types import Placement
from broker.judging.file_context import FileContext
from broker.judging.judgements import (
    BeforeStart,
    Deferred,
    Equivocation,
    Judgement,
    LeafTaken,
    NotAddressed,
    Opened,
    Placed,
    Refused,
    Repeat,
    Unplaced,
    Unverified,
)
from broker.judging.judging import judge, place_record
from broker.judging.key_resolver import TrustStore
from broker.judging.verification import verify_record
from broker.judging.verification_cache import VerificationCache
from broker.record import MAX_LINE_BYTES, Record, RecordFormatError, parse_record
from broker.store.database import Store, open_store, state_exists

_MALFORMED: Final = RefusedError(0, "record_malformed", "the line is not a record")


def open_line(
    line: bytes | None, context: FileContext, cache: VerificationCache, now: int
) -> tuple[dict[str, object], OpenedEvent | None]:
    """Judge one line of a file and update the context.

    Args:
        line: without its end; None for one that is too long.
        context: what the reader knows, this file's earlier records included.
        cache: what saves work, kept from one record of the file to the next.
        now: the reader's clock, ms.

    Returns:
        The answer to print, and the event if one was opened.
    """
    record = _parse(line)
    if record is None:
        return _refusal(_MALFORMED), None
    judgement = judge(record, context, cache, now)
    context.took(judgement)
    return _answer(judgement), judgement.event if isinstance(judgement, Opened) else None


class FileReader:
    """Judges the records of one file, chunk by chunk.

    Attributes:
        refused: whether any record was refused so far, or came after a gap.
    """

    def __init__(self, directory: Path, actor: Actor | None, now: int) -> None:
        self._participant = load_participant(directory, now)
        self._actor = actor
        self._database = self._participant.state
        trust = TrustStore(
            self._participant.agency,
            self._participant.contracts,
            self._participant.manifests,
            self._participant.keyring,
            allow_trial=True,
        ).current
        self._resolver = trust.resolver
        self._store: Store | None = None
        self._context = FileContext(trust, self._receipts, now)
        self._cache = VerificationCache()
        self.refused = False

    # --- open ------------------------------------------------------------------------------------

    def open(self, lines: Sequence[bytes | None], now: int) -> list[dict[str, object]]:
        """Open records for this agency; opened events are in the log when this returns.

        Raises:
            ReasonMissingError: an agreement asks for a reason, and the person states none; none of
                these records is opened.
        """
        answers: list[dict[str, object]] = []
        entries: list[NewLogEntry] = []
        for line in lines:
            answer, event = open_line(line, self._context, self._cache, now)
            self._note(answer)
            answers.append(answer)
            if event is not None:
                entries.append(self._consultation(event, now))
        if entries:
            assert self._actor is not None
            secret = self._participant.keyring.secret()
            with self._opened_store().transaction() as tx:
                log_act(tx, self._participant, self._actor, secret, entries, now)
        return answers

    def _consultation(self, event: OpenedEvent, now: int) -> NewLogEntry:
        signed = self._resolver.contracts.by_hash(bytes.fromhex(event.contract[2]))
        assert signed is not None
        secret = self._participant.keyring.secret()
        assert self._actor is not None
        return shown_to(
            self._actor,
            event,
            signed.text,
            self._participant.agency,
            pseudonyms.case_key(secret, event.case_id),
            now,
        )

    # --- verify ----------------------------------------------------------------------------------

    def verify(self, lines: Sequence[bytes | None], now: int) -> list[dict[str, object]]:
        """Verify each record's sender and position: steps 0 to 4."""
        answers: list[dict[str, object]] = []
        for line in lines:
            record = _parse(line)
            if record is None:
                answers.append(_refusal(_MALFORMED))
                continue
            try:
                verified = verify_record(record, self._context, self._cache, now)
            except RefusedError as refusal:
                answers.append(_refusal(refusal))
                continue
            placed = place_record(verified, self._context)
            if not isinstance(placed, Placement):
                self._context.took(placed)
                answers.append(_refusal(placed.refusal))
                continue
            self._context.moved(verified, placed)
            answer: dict[str, object] = {
                "verified": True,
                "origin": verified.origin.format(),
                "index": verified.position.index,
            }
            answers.append(_with_gap(answer, placed))
        for answer in answers:
            self._note(answer)
        return answers

    # --- shared by both ---------------------------------------------------------------------------

    def _note(self, answer: dict[str, object]) -> None:
        self.refused |= "refused" in answer or "gap" in answer

    def _receipts(
        self, origin: str, index: int, before: int, among: frozenset[str] | None = None
    ) -> list[tuple[int, bytes]]:
        if self._store is None and not state_exists(self._database):
            return []  # no receipt was ever stored; a query must not create a database
        with self._opened_store().reading() as tx:
            rows = tx.receipts.from_size(origin, index + 1)
        return [
            (row.size, row.root)
            for row in rows
            if self._resolver.receipt_believed(row.text, before, among)
        ]

    def _opened_store(self) -> Store:
        if self._store is None:
            self._store = open_store(self._database)
        return self._store


def _parse(line: bytes | None) -> Record | None:
    if line is None or len(line) > MAX_LINE_BYTES:
        return None
    try:
        return parse_record(line)
    except RecordFormatError:
        return None


def _answer(judgement: Judgement) -> dict[str, object]:
    found = judgement.refused if isinstance(judgement, Deferred) else judgement
    match found:
        case Opened(event=event):
            answer = event.as_json()
        case Repeat():
            answer = {"repeat": True}
        case NotAddressed():
            answer = {"not_addressed": True}
        case BeforeStart():
            answer = _refusal(
                RefusedError(4, "before_start", "it is before the first record read of its stream")
            )
        case LeafTaken():
            answer = _refusal(RefusedError(4, "content_missing", "a leaf replay has no content"))
        case Refused() | Unverified() | Unplaced() | Equivocation():
            answer = _refusal(found.refusal)
        case _:
            assert_never(found)
    return _with_gap(answer, found.placement) if isinstance(found, Placed) else answer


def _with_gap(answer: dict[str, object], placement: Placement) -> dict[str, object]:
    if placement.gap is not None:
        _, first, last = placement.gap
        answer["gap"] = [first, last]
    return answer


def _refusal(refusal: RefusedError) -> dict[str, object]:
    return {"refused": refusal.code, "step": refusal.step}
