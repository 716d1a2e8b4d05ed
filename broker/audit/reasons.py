"""Encrypted reasons in words, stored beside the disclosure log.

The log is kept for years and holds only names and codes. A reason that a person types may still
name a person. So it is encrypted under a key of the agency's secret and stored in a separate table,
and the entry holds the hash of the ciphertext. A reason can be removed without a break in the chain
(`log erase` removes those of the case's entries), and a copy of the log shows none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry
from broker.envelope.at_rest import AtRestKey
from broker.envelope.primitives import SealBroken, sha256
from broker.errors import DisclosureLogError
from broker.store.transaction import Transaction

_LABEL: Final = b"concordant/1/log-reason"


def attributed(
    tx: Transaction, actor: Actor, secret: bytes | None, entries: list[NewLogEntry]
) -> list[NewLogEntry]:
    """Return the entries with actor and reason; the reason is stored in the same transaction.

    Args:
        tx: the transaction in which the entries are appended.
        actor: the person or process.
        secret: the agency's secret; None only if no reason was given.
        entries: the actions.
    """
    sha = None
    if actor.reason is not None and entries:
        assert secret is not None
        sha = _keep(tx, secret, actor.reason)
    return [
        replace(entry, operator=actor.operator, acting_for=actor.acting_for, reason_text=sha)
        for entry in entries
    ]


def reason_of(tx: Transaction, secret: bytes, entry: NewLogEntry) -> str | None:
    """Return the reason in words of an entry; None if it has none, or if it was removed.

    Raises:
        DisclosureLogError: `log_reason_altered`.
    """
    if entry.reason_text is None:
        return None
    sealed = tx.disclosures.reason(entry.reason_text)
    if sealed is None:
        return None
    try:
        if sha256(sealed) != entry.reason_text:
            raise SealBroken
        return _key(secret).open(sealed).decode()
    except SealBroken:
        raise DisclosureLogError(
            "A reason that is stored beside the log differs from what was written.",
            code="log_reason_altered",
        ) from None


def _keep(tx: Transaction, secret: bytes, reason: str) -> bytes:
    sealed = _key(secret).seal(reason.encode())
    sha = sha256(sealed)
    tx.disclosures.add_reason(sha, sealed)
    return sha


def _key(secret: bytes) -> AtRestKey:
    return AtRestKey(secret, _LABEL)
