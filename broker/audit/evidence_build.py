"""Builder of one event's evidence (docs/spec/evidence.md).

The result is checked in the same way as the recipient will check it. So a heartbeat whose key has
since been revoked is skipped for a later one.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.agency.participant import Participant
from broker.audit.evidence import FORMAT, ClassicalPart, ContractPart, Evidence, HeadPart
from broker.audit.evidence_lookup import Located
from broker.audit.evidence_verify import EvidenceLink, check_chain
from broker.errors import EvidenceError, NoteError
from broker.keys.governance import key_name
from broker.keys.kid import ML_DSA_44, STREAM
from broker.keys.manifest import VerifiedManifest
from broker.registry.contracts import SignedContract
from broker.statements.heartbeats import Head, read_heartbeat
from broker.store.reader_rows import KeptHeadRow
from broker.store.transaction import Transaction
from broker.tlog.cosignature import parse_signed_checkpoint
from broker.tlog.note import ML_DSA_44 as NOTE_ML_DSA_44
from broker.tlog.note import key_id


def show_evidence(
    tx: Transaction, participant: Participant, located: Located
) -> tuple[Evidence, tuple[EvidenceLink, ...]]:
    """Return the evidence of an event and its links, all of which hold.

    Args:
        tx: the transaction in which `located` was found.
        participant: the agency that shows the evidence, with its contracts and manifests.
        located: position of the event.

    Raises:
        EvidenceError: `heartbeat_awaited`, `leaves_missing`, or the code of the link that does not
            hold, if this is so for every heartbeat that covers the event.
    """
    covering = tx.heartbeats.covering(located.log, located.index)
    if not covering:
        raise EvidenceError(
            f"The event is newer than the last heartbeat of {located.log.agency} "
            "that is kept here.",
            code="heartbeat_awaited",
            fix="Ask again in two minutes, while the adapter runs.",
        )
    classical = _classical(located)
    broken = EvidenceLink(
        "stream key", "no manifest that this agency has lists the key", "key_unknown"
    )
    for kept in covering:
        note = tx.heartbeats.note(kept.heartbeat_id)
        path = located.path(kept.size)
        for evidence in _candidates(participant, located, kept, note, path, classical):
            links = check_chain(
                evidence, participant.contracts, participant.manifests, lambda _: "held here"
            )
            if links[-1].holds:
                return evidence, links
            broken = links[-1]
    raise EvidenceError(
        f"The heartbeat that covers the event is not valid: {broken.name}: {broken.detail}.",
        code=broken.code,
        fix="Keep the state folder, and compare it with other recipients.",
    )


def _candidates(
    participant: Participant,
    located: Located,
    kept: KeptHeadRow,
    note: bytes,
    path: tuple[bytes, ...],
    classical: ClassicalPart | None,
) -> Iterator[Evidence]:
    """Yield the evidence for each manifest that lists the key and each contract that pins one."""
    head = _head(participant.deployment, kept, note)
    for verified, kid in _vouching(participant, kept):
        for signed in _pinning(participant, kept.agency):
            yield Evidence(
                format=FORMAT,
                deployment=participant.deployment,
                agency=located.log.agency,
                event=located.event,
                contract=ContractPart(
                    name=signed.contract.name,
                    version=signed.contract.version,
                    sha256=signed.hash.hex(),
                ),
                manifest=verified.raw.decode(),
                stream_key=kid.hex(),
                heartbeat=note.decode(),
                head=HeadPart(
                    topic=head.topic,
                    partition=head.partition,
                    generation=head.generation,
                    size=head.size,
                    root=head.root.hex(),
                ),
                index=located.index,
                leaf=located.leaf.hex(),
                path=tuple(node.hex() for node in path),
                classical=classical,
            )


def _head(deployment: str, kept: KeptHeadRow, note: bytes) -> Head:
    _, beat = read_heartbeat(note, deployment)
    place = (kept.topic, kept.partition, kept.generation, kept.size)
    return next(h for h in beat.heads if (h.topic, h.partition, h.generation, h.size) == place)


def _vouching(
    participant: Participant, kept: KeptHeadRow
) -> Iterator[tuple[VerifiedManifest, bytes]]:
    name = key_name(participant.deployment, kept.agency)
    for verified in participant.manifests.history(kept.agency):
        for key in verified.manifest.keys_of(STREAM, ML_DSA_44):
            short = key_id(name, NOTE_ML_DSA_44, key.public)
            if short == kept.key_id and kept.time_ms < verified.manifest.expires:
                yield verified, key.kid


def _pinning(participant: Participant, agency: str) -> Iterator[SignedContract]:
    for signed in reversed(participant.contracts.trusted()):
        if agency in signed.contract.governance_keys:
            yield signed


def _classical(located: Located) -> ClassicalPart | None:
    """Return the Ed25519 checkpoint beside the chain, if one is stored with its path."""
    if not located.checkpoint:
        return None
    try:
        size = parse_signed_checkpoint(located.checkpoint).checkpoint.size
        path = located.path(size)
    except (NoteError, EvidenceError):
        return None
    return ClassicalPart(
        checkpoint=located.checkpoint.decode(), path=tuple(node.hex() for node in path)
    )
