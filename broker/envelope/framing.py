"""Labelled inputs of hashes and authentication (docs/spec/envelope.md, "Derivations").

Every input is ``lp(label, ...)``. Most bytes of each input are the same for every event of a
sender, so the constant parts are built once; the tests compare each with ``lp`` itself.
"""

from __future__ import annotations

from typing import Final

from broker.envelope.primitives import HASH_BYTES, lp, sha256

MAX_GROUPS: Final = 16
ID_TEXT_BYTES: Final = 36

_HASH_LENGTH: Final = HASH_BYTES.to_bytes(8, "big")
_GROUPS_LABEL: Final = b"concordant/1/groups"


def _head(label: bytes, parts: int) -> bytes:
    return parts.to_bytes(8, "big") + len(label).to_bytes(8, "big") + label + _HASH_LENGTH


def _be16_tails() -> tuple[bytes, ...]:
    return tuple((2).to_bytes(8, "big") + i.to_bytes(2, "big") for i in range(MAX_GROUPS))


_GROUP_HEAD: Final = _head(b"concordant/1/group", 3)
_AAD_HEAD: Final = _head(b"concordant/1/aad", 3)
_KEYS_HEAD: Final = _head(b"concordant/1/groupkeys", 6)
_INDEX_TAILS: Final = _be16_tails()
_GROUPS_HEADS: Final = tuple(_head(_GROUPS_LABEL, 2 + count) for count in range(MAX_GROUPS + 1))


def context_prefix(deployment: str, contract: bytes, source: str) -> bytes:
    """Return ctx's input without the event's id, constant for one sender under one contract."""
    whole = lp(
        b"concordant/1/ctx", deployment.encode(), contract, source.encode(), bytes(ID_TEXT_BYTES)
    )
    return whole[:-ID_TEXT_BYTES]


def event_context(prefix: bytes, event_id: str) -> bytes:
    """Return ctx = H(lp("concordant/1/ctx", deployment, contract hash, source, id)), 32 bytes."""
    return sha256(prefix + event_id.encode())


def group_info(context: bytes, index: int) -> bytes:
    """Return the KDF info of group ``index``."""
    return _GROUP_HEAD + context + _INDEX_TAILS[index]


def group_aad(context: bytes, index: int) -> bytes:
    """Return the AAD of group ``index``."""
    return _AAD_HEAD + context + _INDEX_TAILS[index]


def group_frames(context: bytes, count: int) -> list[tuple[bytes, bytes]]:
    """Return KDF info and AAD of each of ``count`` groups."""
    info, aad = _GROUP_HEAD + context, _AAD_HEAD + context
    return [(info + tail, aad + tail) for tail in _INDEX_TAILS[:count]]


def groups_hash(context: bytes, commitments: list[bytes]) -> bytes:
    """Return G = H(lp("concordant/1/groups", ctx, commit_0, ..., commit_n)), 32 bytes."""
    head = _GROUPS_HEADS[len(commitments)]
    return sha256(head + _HASH_LENGTH.join((context, *commitments)))


def session_info(
    deployment: str, contract: bytes, source: str, recipient: str, kid: bytes
) -> bytes:
    """Return the HPKE info of a session wrap.

    It names the recipient, because two agencies may list the same public key.
    """
    return lp(
        b"concordant/1/session",
        deployment.encode(),
        contract,
        source.encode(),
        recipient.encode(),
        kid,
    )


def session_tail(recipient: str, kid: bytes, wrap: bytes) -> bytes:
    """Return the part of a key list's AAD that is constant for one session."""
    agency = recipient.encode()
    length = len(agency).to_bytes(8, "big")
    return length + agency + _HASH_LENGTH + kid + _HASH_LENGTH + sha256(wrap)


def key_list_aad(context: bytes, groups: bytes, tail: bytes) -> bytes:
    """Return a key list's AAD: lp("concordant/1/groupkeys", ctx, G, recipient, kid, H(wrap))."""
    return key_list_head(context, groups) + tail


def key_list_head(context: bytes, groups: bytes) -> bytes:
    """Return the part of a key list's AAD that is the same for all recipients of an event."""
    return _KEYS_HEAD + context + _HASH_LENGTH + groups
