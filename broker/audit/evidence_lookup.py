"""Look-up of an event's position in its sender's log, and of the stored part of that log.

docs/spec/evidence.md, "Path". A reader has leaf hashes from its start on, the frontier there, and
the frontier after each open gap. A sender has every leaf of its own log. Neither needs the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from broker.audit.inclusion import path_from
from broker.errors import EvidenceError, NoteError, ProofError
from broker.judging.partition_state import parse_state
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.tlog.merkle import Frontier
from broker.tlog.proof import parse_proof

Leaves = Callable[[int, int], Sequence[tuple[int, bytes]]]
"""(first, last), both included -> (index, leaf hash) of the stored leaves, by index."""


@dataclass(frozen=True, slots=True)
class Located:
    """Position of an event: its log, its index, its leaf hash.

    Attributes:
        event: the id in the clear of its record, in canonical form.
        log: the sender's stream and generation.
        bases: known frontiers of this log, besides the empty one.
        leaves: stored leaf hashes of this log; valid while the transaction is open.
        checkpoint: an Ed25519 checkpoint above the index, as a signed note; empty if none is
            stored.
    """

    event: str
    log: GenerationPlace
    index: int
    leaf: bytes
    bases: tuple[Frontier, ...]
    leaves: Leaves
    checkpoint: bytes

    def path(self, size: int) -> tuple[bytes, ...]:
        """Return the inclusion path under the head of `size`.

        Raises:
            EvidenceError: `leaves_missing`.
        """
        known = (Frontier(), *self.bases)
        base = max((b for b in known if b.size <= self.index), key=lambda b: b.size)
        try:
            return path_from(base, self._held, self.index, size)
        except ProofError:
            raise _missing(self.log.agency, base.size, size - 1) from None

    def _held(self, start: int, stop: int) -> list[bytes]:
        found = self.leaves(start, stop - 1)
        if [index for index, _ in found] != list(range(start, stop)):
            held = {index for index, _ in found}
            first = next(index for index in range(start, stop) if index not in held)
            raise _missing(self.log.agency, first, stop - 1)
        return [leaf for _, leaf in found]


def locate(
    tx: Transaction, me: str, agencies: Iterable[str], event: str, source: str | None = None
) -> Located:
    """Find an event that this agency sent or opened.

    Args:
        tx: a transaction of any kind.
        me: this agency.
        agencies: senders to search.
        event: its id, or the id in the clear of its record.
        source: its sender, if two senders may have used the same id.

    Raises:
        EvidenceError: `event_unknown`, `event_ambiguous` or `event_not_sent`.
    """
    try:
        event_id = str(UUID(event))
    except ValueError:
        raise _unknown("It is not an event's id, which is a UUID.") from None
    found: list[Located] = []
    for agency in sorted({*agencies, me}):
        if source in {None, agency}:
            one = _sent(tx, me, event_id) if agency == me else _taken(tx, agency, event_id)
            found += [one] if one is not None else []
    if len(found) > 1:
        raise EvidenceError(
            "Two agencies sent an event of this id.",
            code="event_ambiguous",
            fix="Name its sender with --source.",
        )
    if not found:
        raise _unknown("This agency's adapter neither sent nor received an event of this id.")
    return found[0]


def _taken(tx: Transaction, agency: str, event_id: str) -> Located | None:
    row = tx.inbox.find_record(agency, event_id)
    if row is None:
        return None
    place = Place(agency, row.topic, row.partition)
    log = place.generation(row.generation)
    leaf = tx.reader_logs.leaf(log, row.index)
    if leaf is None:
        raise _missing(agency, row.index, row.index)
    kept = tx.reader_logs.checkpoint_above(log, row.index)
    return Located(
        row.clear_id or row.event_id,
        log,
        row.index,
        leaf[0],
        _bases(tx, place, row.generation),
        lambda first, last: [
            (index, hash_) for index, hash_, _ in tx.reader_logs.leaves(log, first, last)
        ],
        # a checkpoint from a link belongs to another log
        kept.text if kept is not None and kept.time_s else b"",
    )


def _bases(tx: Transaction, place: Place, generation: str) -> tuple[Frontier, ...]:
    stored = tx.reader.state(place)
    held = parse_state(stored[1]).generations.get(generation) if stored is not None else None
    if held is None:  # the content was cleared, but its leaves remain
        return ()
    after_gaps = tuple(gap.after for gap in held.gaps if gap.after is not None)
    return after_gaps if held.base is None else (held.base, *after_gaps)


def _sent(tx: Transaction, me: str, event_id: str) -> Located | None:
    row = tx.outbox.find(event_id)
    if row is None:
        return None
    if row.generation is None or row.index is None or row.leaf is None or row.proof is None:
        raise EvidenceError(
            "The event is not in a stream yet.",
            code="event_not_sent",
            fix="Start the adapter, which sends it, then give the command again.",
        )
    log = GenerationPlace(me, row.topic, row.partition, row.generation)
    try:
        checkpoint = parse_proof(row.proof).checkpoint_text
    except (NoteError, ProofError):
        checkpoint = b""
    return Located(
        row.record_id,
        log,
        row.index,
        row.leaf,
        (),
        lambda first, last: tx.outbox.leaves(log, first, last),
        checkpoint,
    )


def _unknown(detail: str) -> EvidenceError:
    return EvidenceError(
        detail, code="event_unknown", fix="Ask the event's sender or one of its recipients."
    )


def _missing(agency: str, first: int, last: int) -> EvidenceError:
    return EvidenceError(
        f"Some of the records {first} to {last} of that stream of {agency} are not stored here, "
        "so the path to the signed head cannot be shown.",
        code="leaves_missing",
        fix=f"The adapter requests them again; until they arrive, ask {agency}",
    )
