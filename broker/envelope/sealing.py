"""Sealing: groups of JSON in, one value out (docs/spec/envelope.md, "Sealing").

The caller has decided what may be shared (contracts/decision.py). This module makes it unreadable
to everyone else. Secrets exist only in memory: a session's secret for at most an hour, a group's
key for one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.envelope import framing
from broker.envelope.layout import format_value, require_order, require_size
from broker.envelope.padding import BOUND_FLOOR_BYTES, FLOOR_BYTES, pad
from broker.envelope.primitives import (
    HASH_BYTES,
    NONCE_BYTES,
    AeadKey,
    WrapSealer,
    one_step_kdf,
    random_bytes,
    seal_once,
)
from contracts.values import value_class

SESSION_MAX_MS: Final = 60 * 60 * 1000
SESSION_MAX_EVENTS: Final = 2**20

_NO_KEY: Final = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class WrapRecipient:
    """A recipient's current exchange key: agency id, key id (32 bytes), public half."""

    agency: str
    kid: bytes
    sealer: WrapSealer


@value_class(frozen=True, slots=True)
class SealingInput:
    """Input of one sealed value, checked to fit into one (`sealing_input`).

    Attributes:
        clear_id: the id in the clear, 16 bytes: the event's, or the record's own.
        clear_text: the same in text.
        now: the event's time and this process's clock, ms.
        plaintexts: padded plaintext of each group, in the order of the grouping.
        recipients: each addressed agency's exchange key, and for each group whether it gets the
            key.
    """

    clear_id: bytes
    clear_text: str
    now: int
    plaintexts: Sequence[bytes]
    recipients: Sequence[tuple[WrapRecipient, tuple[bool, ...]]]


def sealing_input(
    clear_id: str,
    now: int,
    groups: Sequence[bytes],
    recipients: Sequence[tuple[WrapRecipient, tuple[bool, ...]]],
    bound: Sequence[bool] = (),
) -> SealingInput:
    """Pad the groups of one event.

    Args:
        clear_id: the id in the clear, a UUID in text: the event's id, or the record's own if the
            record is a part or a copy of the event. Then group 0 holds the event's id.
        now: the event's time and this process's clock, ms.
        groups: the JSON text of each group, in the order of the grouping.
        recipients: each addressed agency's exchange key, and for each group whether it gets the
            key.
        bound: whether each group is consent-bound, which raises its minimum size; none if left out.

    Raises:
        LayoutError: too many groups or recipients, or too large for a value.
    """
    floors = [BOUND_FLOOR_BYTES if one else FLOOR_BYTES for one in bound or [False] * len(groups)]
    plaintexts = [pad(text, floor) for text, floor in zip(groups, floors, strict=True)]
    require_size(plaintexts, len(recipients))
    raw = bytes.fromhex(clear_id.replace("-", ""))
    return SealingInput(raw, clear_id, now, plaintexts, recipients)


class WrappedSession:
    """A session secret wrapped for one agency's exchange key and one contract, by this process."""

    __slots__ = ("aead", "began", "ends", "remaining", "tail", "wrap")

    def __init__(self, deployment: str, contract: bytes, source: str, key: WrapRecipient, now: int):
        """Wrap 32 fresh random bytes for ``key``; ``now`` in ms."""
        secret = random_bytes(HASH_BYTES)
        info = framing.session_info(deployment, contract, source, key.agency, key.kid)
        self.wrap = key.sealer.seal(secret, info)
        self.tail = framing.session_tail(key.agency, key.kid, self.wrap)
        self.aead = AeadKey(secret)
        self.began = now
        self.ends = now + SESSION_MAX_MS
        self.remaining = SESSION_MAX_EVENTS

    def serves(self, now: int) -> bool:
        """Return whether it may be used for another event.

        A clock that was set back ends it too.
        """
        return self.remaining > 0 and self.began <= now < self.ends


class Sealer:
    """Seals one sender's events under one contract.

    Args:
        deployment: name of the deployment.
        contract: H of the contract file, 32 bytes.
        source: the sender's agency id.
    """

    def __init__(self, deployment: str, contract: bytes, source: str) -> None:
        self._deployment = deployment
        self._contract = contract
        self._source = source
        self._prefix = framing.context_prefix(deployment, contract, source)
        self._sessions: dict[tuple[str, bytes], WrappedSession] = {}

    def _session(self, key: WrapRecipient, now: int) -> WrappedSession:
        name = (key.agency, key.kid)  # two agencies may list the same public key
        session = self._sessions.get(name)
        if session is None or not session.serves(now):
            session = WrappedSession(self._deployment, self._contract, self._source, key, now)
            self._sessions[name] = session
        session.remaining -= 1
        return session

    def seal(self, event: SealingInput) -> bytes:
        """Seal one event; return the record's value.

        Raises:
            LayoutError: an agency is listed twice.
        """
        count = len(event.plaintexts)
        context = framing.event_context(self._prefix, event.clear_text)
        entropy = random_bytes(HASH_BYTES * count + NONCE_BYTES * len(event.recipients))
        keys: list[bytes] = []
        commitments: list[bytes] = []
        sealed: list[tuple[bytes, bytes]] = []
        at = 0
        frames = framing.group_frames(context, count)
        for plaintext, (info, aad) in zip(event.plaintexts, frames, strict=True):
            secret = entropy[at : at + HASH_BYTES]
            at += HASH_BYTES
            derived = one_step_kdf(secret, info)
            commitment = derived[HASH_BYTES:]
            # A zero nonce: each K_i, and so each derived key, encrypts one message only (spec, "Why
            # a zero nonce is safe here"; age does the same with its file key's header MAC).
            ciphertext = seal_once(derived[:HASH_BYTES], plaintext, aad)
            keys.append(secret)
            commitments.append(commitment)
            sealed.append((commitment, ciphertext))
        head = framing.key_list_head(context, framing.groups_hash(context, commitments))

        entries: list[tuple[bytes, bytes]] = []
        plains: dict[tuple[bool, ...], bytes] = {}  # recipients of one role get the same keys
        for key, readable in event.recipients:
            session = self._session(key, event.now)
            nonce = entropy[at : at + NONCE_BYTES]
            at += NONCE_BYTES
            plain = plains.get(readable)
            if plain is None:
                plain = plains[readable] = b"".join(
                    [k if may else _NO_KEY for k, may in zip(keys, readable, strict=True)]
                )
            key_list = session.aead.seal(nonce, plain, head + session.tail)
            entries.append((session.wrap, nonce + key_list))
        entries.sort()
        require_order(entries)  # two equal wraps, and every reader would refuse the value
        return format_value(event.clear_id, event.now, self._contract, sealed, entries)
