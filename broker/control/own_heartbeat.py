"""This agency's own heartbeat: built, signed by both stream keys, and kept.

docs/spec/heartbeats.md. The head of the disclosure log is signed with it, so that every receiver of
the heartbeat has it too. The heartbeat is stored before it is sent: the sender can show evidence of
its own events even if Kafka loses the heartbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from broker.agency.participant import Participant
from broker.audit.log import log_origin, sign_head
from broker.control.heartbeat_retention import keep_own
from broker.keys.kid import ML_DSA_44
from broker.statements.authorship import author, cosigner, post_quantum_author
from broker.statements.heartbeats import Head, Heartbeat, format_heartbeat, named_heads
from broker.store.database import Store
from broker.tlog.cosignature import signed_checkpoint


def own_heartbeat(participant: Participant, store: Store, heads: Sequence[Head], now: int) -> bytes:
    """Sign and keep a heartbeat.

    Args:
        participant: the agency.
        store: its state.
        heads: heads of its streams, up to Kafka's acknowledgement.
        now: ms.

    Returns:
        The signed note.

    Raises:
        RegistryError: `manifest_missing`, `manifest_expired` or `signing_key_expired`.
        KeyAccessError: a private key is not available.
        StoreError: it cannot be stored, and must not be sent.
    """
    name = participant.key_name
    key = participant.stream_signer(now)
    post_quantum = post_quantum_author(name, participant.stream_signer(now, ML_DSA_44))
    with store.transaction() as tx:
        log = sign_head(
            tx,
            log_origin(participant.deployment, participant.agency),
            partial(signed_checkpoint, cosigner(name, key)),
            now,
        )
        beat = Heartbeat(
            participant.deployment,
            participant.agency,
            now,
            named_heads(heads),
            (log.size, log.root),
        )
        note = format_heartbeat(beat, [author(name, key), post_quantum])
        keep_own(tx, beat, note, post_quantum.key_id)
    return note
