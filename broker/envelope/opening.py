"""Opening of a value: decrypts the groups that this agency may read (steps 7 and 8).

Each wrap is tried once. The result, also a failure, is cached for (contract, source, the reading
agency, wrap, its keys). A cache keyed by the wrap alone would skip the check of HPKE's ``info``: a
wrap made for one contract, sender or recipient would open under another
(tests/unit/broker/envelope/test_wraps.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.envelope import framing
from broker.envelope.layout import MAX_RECIPIENTS, RecipientEntry, SealedEvent
from broker.envelope.padding import PaddingError, unpad
from broker.envelope.primitives import (
    HASH_BYTES,
    NONCE_BYTES,
    AeadKey,
    SealBroken,
    WrapOpener,
    constant_time_equal,
    one_step_kdf,
    open_once,
)

MEMORY_ENTRIES: Final = 4096
"""Maximum number of cached wraps; each takes about 1.5 kB."""

_NO_KEY: Final = bytes(HASH_BYTES)


class OpeningError(Exception):
    """A value cannot be opened; ``step`` and ``code`` are those of docs/spec/opening.md."""

    def __init__(self, step: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.step = step
        self.code = code


class WrapBudgetError(Exception):
    """A sender caused more new wraps in a minute than this reader tries."""


@dataclass(frozen=True, slots=True)
class OpeningKey:
    """One of this agency's exchange keys: key id and private half."""

    kid: bytes
    opener: WrapOpener


@dataclass(frozen=True, slots=True)
class OpenSession:
    """An opened wrap: the session's AEAD key and the constant part of its AAD."""

    aead: AeadKey
    tail: bytes


@dataclass(frozen=True, slots=True)
class _Latest:
    """The last event of a sender for this agency: its wraps, the keys used, and the result.

    Events within an hour carry the same wraps, and comparing them costs a fifth of hashing them.
    """

    wraps: list[bytes]
    keys: tuple[OpeningKey, ...]
    at: int
    session: OpenSession


_Memory = OrderedDict[tuple[bytes, str, str, bytes, tuple[bytes, ...]], OpenSession | None]


class Sessions:
    """Bounded cache of wrap results (least recently used entries are dropped)."""

    __slots__ = ("_latest", "_memory", "_prefixes")

    def __init__(self) -> None:
        self._memory: _Memory = OrderedDict()
        self._latest: dict[tuple[bytes, str, str, int], _Latest] = {}
        self._prefixes: dict[tuple[str, bytes, str], bytes] = {}

    def find(
        self,
        sealed: SealedEvent,
        deployment: str,
        source: str,
        reader: str,
        keys: Sequence[OpeningKey],
        try_wrap: Callable[[], bool],
    ) -> tuple[RecipientEntry, OpenSession] | None:
        """Return this agency's entry, or None when no wrap opens (step 5).

        Args:
            sealed: the parsed value.
            deployment: name of the deployment.
            source: agency in the proof's origin.
            reader: this agency's id, to which a wrap is bound.
            keys: this agency's exchange keys that may be tried at this log time.
            try_wrap: counts one new wrap; returns False if this sender has used its budget.

        Raises:
            WrapBudgetError: ``try_wrap`` returned False.
        """
        recipients = sealed.recipients
        known = self.known(sealed, source, reader, keys)
        if known is not None:
            return known
        kids = tuple([key.kid for key in keys])
        memory = self._memory
        for at, entry in enumerate(recipients):
            name = (sealed.contract, source, reader, entry.wrap, kids)
            try:
                session = memory[name]
                memory.move_to_end(name)
            except KeyError:
                if not try_wrap():
                    raise WrapBudgetError from None
                session = _try(entry.wrap, deployment, sealed.contract, source, reader, keys)
                memory[name] = session
                if len(memory) > MEMORY_ENTRIES:
                    memory.popitem(last=False)
            if session is not None:
                if len(self._latest) > MEMORY_ENTRIES // MAX_RECIPIENTS:
                    self._latest.clear()
                place = (sealed.contract, source, reader, len(recipients))
                wraps = [other.wrap for other in recipients]
                self._latest[place] = _Latest(wraps, tuple(keys), at, session)
                return entry, session
        return None

    def known(
        self, sealed: SealedEvent, source: str, reader: str, keys: Sequence[OpeningKey]
    ) -> tuple[RecipientEntry, OpenSession] | None:
        """Return the result of ``find`` if no wrap has to be tried and nothing new is cached."""
        recipients = sealed.recipients
        latest = self._latest.get((sealed.contract, source, reader, len(recipients)))
        if latest is None or latest.keys != keys:
            return None
        if latest.wraps != [entry.wrap for entry in recipients]:
            return None
        return recipients[latest.at], latest.session

    def prefix(self, deployment: str, contract: bytes, source: str) -> bytes:
        """Return ``framing.context_prefix``, cached."""
        name = (deployment, contract, source)
        prefix = self._prefixes.get(name)
        if prefix is None:
            if len(self._prefixes) > MEMORY_ENTRIES:
                self._prefixes.clear()
            prefix = self._prefixes[name] = framing.context_prefix(deployment, contract, source)
        return prefix


def _try(
    wrap: bytes,
    deployment: str,
    contract: bytes,
    source: str,
    reader: str,
    keys: Sequence[OpeningKey],
) -> OpenSession | None:
    for key in keys:
        info = framing.session_info(deployment, contract, source, reader, key.kid)
        try:
            secret = key.opener.open(wrap, info)
        except SealBroken:
            continue
        return OpenSession(AeadKey(secret), framing.session_tail(reader, key.kid, wrap))
    return None


def open_groups(
    sealed: SealedEvent, entry: RecipientEntry, session: OpenSession, prefix: bytes, event_id: str
) -> list[bytes | None]:
    """Open the groups (steps 7 and 8): group keys, commitments, decryption, padding.

    Args:
        sealed: the parsed value.
        entry: this agency's entry among its recipients.
        session: the opened wrap.
        prefix: ``framing.context_prefix`` of deployment, contract and source.
        event_id: the event's id in text.

    Returns:
        The JSON text of each group, None for a group without a key for this agency.

    Raises:
        OpeningError: ``key_list_broken`` (7), ``commitment_wrong``, ``group_broken`` (8) or
            ``padding_wrong`` (9).
    """
    context = framing.event_context(prefix, event_id)
    groups_hash = framing.groups_hash(context, [group.commitment for group in sealed.groups])
    aad = framing.key_list_aad(context, groups_hash, session.tail)
    key_list = entry.key_list
    try:  # step 7
        keys = session.aead.open(key_list[:NONCE_BYTES], key_list[NONCE_BYTES:], aad)
    except SealBroken:
        raise OpeningError(
            7, "key_list_broken", "the key list does not open for this event and session"
        ) from None
    texts: list[bytes | None] = []
    at = 0
    frames = framing.group_frames(context, len(sealed.groups))
    for group, (info, group_aad) in zip(sealed.groups, frames, strict=True):  # step 8
        secret = keys[at : at + HASH_BYTES]
        at += HASH_BYTES
        if secret == _NO_KEY:
            texts.append(None)
            continue
        derived = one_step_kdf(secret, info)
        # Commitment against the "invisible salamander" attack: AES-GCM alone would let a sender
        # make one ciphertext that opens under two keys, and so show two readers different
        # plaintexts.
        if not constant_time_equal(derived[HASH_BYTES:], group.commitment):
            raise OpeningError(8, "commitment_wrong", "a group's key does not match its commitment")
        try:
            plaintext = open_once(derived[:HASH_BYTES], group.ciphertext, group_aad)
        except SealBroken:
            raise OpeningError(8, "group_broken", "a group does not decrypt") from None
        try:  # step 9, done here because it concerns the bytes of the plaintext
            texts.append(unpad(plaintext))
        except PaddingError as error:
            raise OpeningError(9, "padding_wrong", str(error)) from None
    return texts
