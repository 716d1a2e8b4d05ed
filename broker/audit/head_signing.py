"""Log entries of a person's action, and the signature of the disclosure log's head over them."""

from __future__ import annotations

from functools import partial

from broker.agency.participant import Participant
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.audit.log import append_entries, log_origin, sign_head
from broker.audit.reasons import attributed
from broker.audit.setting_changes import record_settings
from broker.errors import KeyAccessError, RegistryError
from broker.statements.authorship import cosigner
from broker.store.transaction import Transaction
from broker.tlog.cosignature import signed_checkpoint


def log_act(
    tx: Transaction,
    participant: Participant,
    actor: Actor,
    secret: bytes | None,
    entries: list[NewLogEntry],
    now: int,
) -> None:
    """Append the entries of a person's action, and sign the head over them.

    Settings that have changed since the last entry of this kind are recorded first.

    Args:
        tx: the transaction of the action.
        participant: the agency.
        actor: the person, and the reason.
        secret: the agency's secret; None only if no reason is given.
        entries: the actions.
        now: ms.
    """
    record_settings(tx, participant, actor, now)
    append_entries(tx, attributed(tx, actor, secret, entries))
    sign_own_head(tx, participant, now)


def sign_own_head(tx: Transaction, participant: Participant, now: int) -> bool:
    """Sign the head with this agency's stream key, if the key is available.

    The keyring is unlocked when a command writes an entry, so the entry need not wait for the
    running adapter. Without a valid stream key, the entry has no signed head yet, and `log verify`
    reports this.

    Args:
        tx: the transaction that appended.
        participant: the agency.
        now: ms.

    Returns:
        Whether the head is signed.
    """
    try:
        note_signer = cosigner(participant.key_name, participant.stream_signer(now))
        origin = log_origin(participant.deployment, participant.agency)
        sign_head(tx, origin, partial(signed_checkpoint, note_signer), now)
    except (RegistryError, KeyAccessError):  # a key on a token may fail when it signs
        return False
    return True
