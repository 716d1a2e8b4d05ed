"""Release of a sender's partition that an equivocation stopped (step 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.agency.running import ADAPTER_LOCK, open_held_state
from broker.judging.partition_state import parse_state
from broker.judging.store_context import write_state
from broker.store.exclusion import exclusive
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Place
from contracts.model import topic_name, trial_topic_name
from contracts.names import require_known


@dataclass(frozen=True, slots=True)
class Released:
    """A released partition.

    Attributes:
        stream: the sender's stream.
        next_offset: offset at which reading continues, None if nothing was read yet.
    """

    stream: Place
    next_offset: int | None

    def as_json(self) -> dict[str, object]:
        """Return the result for scripts."""
        return {
            "released": True,
            **self.stream._asdict(),
            "next_offset": self.next_offset,
        }


def release_partition(directory: Path, stream: Place, now: int) -> Released | None:
    """Release a stopped partition.

    Args:
        directory: this agency's folder.
        stream: the sender, the full name of the Kafka topic and the partition.
        now: milliseconds since the epoch.

    Returns:
        None if it is not stopped.

    Raises:
        UnknownNameError: ``agency_unknown`` or ``name_unknown``: no such sender or topic.
        StoreError: ``state_missing``, or ``already_running``: the adapter must be stopped first.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        with exclusive(participant.path(ADAPTER_LOCK)), store.transaction() as tx:
            released = release_stream(tx, stream)
            if released is None:
                _require_names(tx, participant, stream)
            return released
    finally:
        store.close()


def _require_names(tx: Transaction, participant: Participant, stream: Place) -> None:
    """Check that an agency and a topic that are not stopped exist."""
    read = [place for place, _head in tx.reader.state_heads()]
    senders = {*participant.manifests.agencies(), *(place.agency for place in read)}
    require_known(
        "sender", stream.agency, senders - {participant.agency}, code="agency_unknown", exact=True
    )
    topics = {place.topic for place in read}
    for signed in participant.contracts.all():
        for logical in signed.contract.topics:
            topics |= {
                topic_name(signed.contract, logical),
                trial_topic_name(signed.contract, logical),
            }
    require_known("topic", stream.topic, topics, code="name_unknown", exact=True)


def release_stream(tx: Transaction, stream: Place) -> Released | None:
    """Release a stopped partition within a transaction; None if it is not stopped."""
    stored = tx.reader.state(stream)
    if stored is None:
        return None
    version, state = stored[0], parse_state(stored[1])
    if not state.stopped:
        return None
    running = replace(state, stopped=False)
    write_state(tx, stream, version, state, running)
    partition = stream.kafka_partition
    waiting = {row.agency: row.offset for row in tx.reader.deferred(partition)}
    contradiction = waiting.pop(stream.agency, None)
    tx.reader.clear_deferred(stream)
    position = tx.reader.position(partition)
    if position is not None and contradiction is not None:
        # Continue after the contradicting record, which would stop the stream again. Later records
        # of other senders are read again, and each is a repeat.
        position = min([max(position, contradiction + 1), *waiting.values()])
        tx.reader.save_position(partition, position)
    return Released(stream, position)
