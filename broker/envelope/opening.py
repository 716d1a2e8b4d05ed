"""Decryption of a sealed event: this agency's wrap, its key list and its groups of fields.

The wrap is a part of step 5, the key list is step 7, the groups are step 8, and their padding is a
part of step 9.

Each wrap is tried once. The cache holds success and failure for each (contract, sender, reader,
wrap, keys of the reader). A wrap opens only for the deployment, contract, sender, reader and key
that its sender named: they are the ``info`` of HPKE, the public-key encryption. A cache with the
wrap alone as its key would give a hit without testing these names. An attacker could then replay a
wrap under another contract (tests/unit/broker/envelope/test_wraps.py).
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
"""Placeholder in a key list. It stands where the key of a group would be that this agency may not
read."""


class OpeningError(Exception):
    """Failure to decrypt a value, with the step and code of docs/spec/opening.md."""

    def __init__(self, step: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.step = step
        self.code = code


class WrapBudgetError(Exception):
    """The sender has used its budget of new wraps for this minute."""


@dataclass(frozen=True, slots=True)
class OpeningKey:
    """An exchange key of this agency: key id and private key."""

    kid: bytes
    opener: WrapOpener


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Session key from an opened wrap, and the part of the AAD that all its events share."""

    aead: AeadKey
    tail: bytes


@dataclass(frozen=True, slots=True)
class _Latest:
    """Cache entry for a sender's last event: its wraps, our keys, index of our wrap, session.

    A sender's events to the same recipients usually have the same wraps for an hour. So all wraps
    are first compared with those of the last event, which takes about a fifth of the time of
    looking up each wrap in the cache.
    """

    wraps: list[bytes]
    keys: tuple[OpeningKey, ...]
    at: int
    session: OpenSession


_Memory = OrderedDict[tuple[bytes, str, str, bytes, tuple[bytes, ...]], OpenSession | None]


class Sessions:
    """Cache of tried wraps, and two small caches.

    A full cache of wraps drops its least recently used entry. A full small cache is emptied.
    """

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
        """Return this agency's entry and session, or None if no wrap is for this agency (step 5).

        Args:
            sealed: the parsed value.
            deployment: name of the deployment.
            source: id of the sender, from the verified proof.
            reader: this agency's id.
            keys: exchange keys of this agency that are allowed for the record's log time.
            try_wrap: takes one new wrap from the sender's budget. Returns False if the budget is
                used up.

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
        """Return the result of ``find`` if the sender's last event had the same wraps, else None.

        Tries no wrap and changes no cache.
        """
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
    sealed: SealedEvent, entry: RecipientEntry, session: OpenSession, prefix: bytes, clear_id: str
) -> list[bytes | None]:
    """Open the key list (step 7), then check and decrypt each group (step 8 and padding).

    Args:
        sealed: the parsed value.
        entry: this agency's entry among its recipients.
        session: the opened wrap.
        prefix: bytes that bind the event to deployment, contract and source
            (``framing.context_prefix``).
        clear_id: the value's id in text.

    Returns:
        The JSON text of each group; None for a group that this agency may not read.

    Raises:
        OpeningError: ``key_list_broken`` (7), ``commitment_wrong``, ``group_broken`` (8) or
            ``padding_wrong`` (9).
    """
    context = framing.event_context(prefix, clear_id)
    groups_hash = framing.groups_hash(context, [group.commitment for group in sealed.groups])
    aad = framing.key_list_aad(context, groups_hash, session.tail)
    key_list = entry.key_list
    try:  # step 7
        keys = session.aead.open(key_list[:NONCE_BYTES], key_list[NONCE_BYTES:], aad)
    except SealBroken:
        raise OpeningError(
            7, "key_list_broken", "the key list was changed, or belongs to another event or session"
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
        # AES-GCM does not commit to its key: a malicious sender could make one ciphertext that two
        # recipients decrypt to different plaintexts. The commitment prevents this.
        if not constant_time_equal(derived[HASH_BYTES:], group.commitment):
            raise OpeningError(8, "commitment_wrong", "a group's key does not match its commitment")
        try:
            plaintext = open_once(derived[:HASH_BYTES], group.ciphertext, group_aad)
        except SealBroken:
            raise OpeningError(8, "group_broken", "a group cannot be decrypted") from None
        try:  # part of step 9: remove the padding before the text is parsed
            texts.append(unpad(plaintext))
        except PaddingError as error:
            raise OpeningError(9, "padding_wrong", str(error)) from None
    return texts
