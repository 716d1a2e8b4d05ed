"""Events that a key compromise affects: accepted under a stream key that was already compromised.

docs/guides/when-a-key-is-lost.md. A reader that accepted an event before it learned of the
revocation keeps the event, and the people who act on it must be told. An event is in doubt if this
agency accepted it after the revocation's time, under the revoked key, unless another agency's
receipt over it is older, or its sender has published it again under a key that is not revoked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.errors import WrongInputError
from broker.judging.key_resolver import KeyResolver
from broker.judging.partition_state import Generation, parse_state
from broker.sending.recovery import revoked_stream_keys
from broker.store.reader_rows import CheckpointRow
from broker.store.rows import InboxRow
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import GenerationPlace, Place
from broker.tlog.cosignature import SignedCheckpoint, parse_signed_checkpoint
from broker.tlog.generation_links import opening_time
from contracts.names import suggestion


@dataclass(frozen=True, slots=True)
class AffectedEvent:
    """An event in doubt. Times in milliseconds.

    Attributes:
        event_id: its id.
        type: its type.
        received_ms: when this agency accepted it.
        delivered_ms: when the agency's own system received it, None if it has not.
        topic: its place, with ``partition``, ``generation`` and ``index``.
        partition: its partition.
        generation: its generation.
        index: its index.
    """

    event_id: str
    type: str
    received_ms: int
    delivered_ms: int | None
    topic: str
    partition: int
    generation: str
    index: int


def affected_events(directory: Path, sender: str, now: int) -> tuple[AffectedEvent, ...]:
    """Return the accepted events of a sender that this agency can no longer trust.

    Args:
        directory: this agency's folder.
        sender: the other agency.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError: ``agency_unknown``: no manifest of it is here; or ``agency_own``.
        ConcordantError: the agency's folder cannot be loaded.
        StoreError: its state cannot be opened.
    """
    participant = load_participant(directory, now)
    if sender == participant.agency:
        raise WrongInputError(
            f"{sender} is this agency itself; name another agency, whose events may be in doubt.",
            code="agency_own",
            fix=f"If a key of {sender} is lost: concordant keys revoke KID --since TIME "
            f"--reason TEXT --agency {directory}; then each other party asks: "
            f"concordant keys doubted {sender} --agency DIR",
        )
    if participant.manifests.newest(sender) is None:
        raise WrongInputError(
            "No manifest of this agency is stored here.",
            code="agency_unknown",
            where=sender,
            fix=f"Give the id of another party. {suggestion(sender, _others(participant))}",
        )
    revoked = revoked_stream_keys(participant.manifests, sender)
    if not revoked:
        return ()
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            earliest = min(key.since for key in revoked)
            streams = _Streams(tx, participant, sender, earliest)
            rows = tx.inbox.received_since(sender, earliest)
            return tuple(_affected(row) for row in rows if streams.affects(row))
    finally:
        store.close()


def _others(participant: Participant) -> list[str]:
    agencies = participant.manifests.agencies()
    return [agency for agency in agencies if agency != participant.agency]


class _Streams:
    """State of one sender's streams, during one reading of the state.

    Args:
        tx: this agency's state.
        participant: this agency.
        sender: the other one.
        earliest: earliest revocation time of any of its stream keys, milliseconds.
    """

    def __init__(
        self, tx: Transaction, participant: Participant, sender: str, earliest: int
    ) -> None:
        self._tx = tx
        self._sender = sender
        self._earliest = earliest
        self._deployment = participant.deployment
        self._resolver = KeyResolver(
            participant.agency, participant.manifests, participant.contracts
        )
        self._good: dict[Place, frozenset[bytes]] = {}

    def affects(self, row: InboxRow) -> bool:
        """Return whether an accepted event is in doubt."""
        log = GenerationPlace(self._sender, row.topic, row.partition, row.generation)
        kept = self._tx.reader_logs.checkpoint_above(log, row.index)
        since = self._earliest
        if kept is not None and (signed := self._signed(log, kept)) is not None:
            revoked = self._revoked_since(signed)
            if revoked is None:
                return False
            since = revoked
            if self._covered(log, row.index, since):
                return False
        leaf = self._tx.reader_logs.leaf(log, row.index)
        again = self._published_again(log.place)
        return row.received_ms >= since and (leaf is None or leaf[0] not in again)

    def _covered(self, log: GenerationPlace, index: int, since: int) -> bool:
        """Return whether the stored leaves, this one among them, fold to an earlier receipt."""
        next_gap = self._tx.reader.gap_ranges(log.agency, (log, index), 1)
        same = [first for where, first, _ in next_gap if where == log]
        for receipt in self._tx.receipts.from_size(
            log.origin(self._deployment).format(), index + 1
        ):
            if same and same[0] < receipt.size:
                return False
            kept = self._tx.reader_logs.checkpoint_at(log, receipt.size)
            if kept is None or kept.root != receipt.root or not kept.time_s:
                continue
            if self._resolver.receipt_believed(receipt.text, since):
                return True
        return False

    def _signed(self, log: GenerationPlace, kept: CheckpointRow) -> SignedCheckpoint | None:
        """Return the checkpoint that was signed; None if only a successor named the size."""
        signed = parse_signed_checkpoint(kept.text)
        origin = log.origin(self._deployment).format()
        return signed if signed.checkpoint.origin == origin else None

    def _revoked_since(self, signed: SignedCheckpoint) -> int | None:
        key = self._resolver.manifests.stream_key(self._sender, signed.line.key_id)
        return None if key is None else key.revoked_since

    def _published_again(self, place: Place) -> frozenset[bytes]:
        """Return leaves of this partition that a key covers that is not revoked."""
        if place not in self._good:
            stored = self._tx.reader.state(place)
            held = parse_state(stored[1]).generations.values() if stored else ()
            self._good[place] = frozenset(
                leaf
                for each in held
                if opening_time(each.name) >= self._earliest  # recovery begins later than that
                for leaf in self._good_leaves(place.generation(each.name), each)
            )
        return self._good[place]

    def _good_leaves(self, log: GenerationPlace, held: Generation) -> Iterator[bytes]:
        until, good = -1, False
        for index, leaf, _status in self._tx.reader_logs.leaves(log, held.start, held.size - 1):
            if index >= until:
                kept = self._tx.reader_logs.checkpoint_above(log, index)
                signed = None if kept is None else self._signed(log, kept)
                until = index + 1 if kept is None else kept.size
                good = signed is not None and self._revoked_since(signed) is None
            if good:
                yield leaf


def _affected(row: InboxRow) -> AffectedEvent:
    return AffectedEvent(
        row.event_id,
        row.type,
        row.received_ms,
        row.delivered_ms,
        row.topic,
        row.partition,
        row.generation,
        row.index,
    )
