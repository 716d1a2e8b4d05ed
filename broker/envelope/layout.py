"""Byte layout of a sealed value (docs/spec/envelope.md, "Layout").

Fields are fixed and lengths must add up exactly, so that a value has one form and parsing is
unambiguous::

    be8 1 | id 16 | time be64 ms | contract hash 32
    be16 groups,     each: commitment 32 | be32 length | ciphertext
    be16 recipients, each: session wrap 1168 | key list 28 + 32 x groups
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from broker.envelope.framing import MAX_GROUPS
from broker.envelope.primitives import HASH_BYTES, NONCE_BYTES, TAG_BYTES
from contracts.values import value_class

VERSION: Final = 1
MAX_VALUE_BYTES: Final = 256 * 1024
MAX_RECIPIENTS: Final = 64
WRAP_BYTES: Final = 1168
"""X-Wing encapsulation 1120, 32 bytes of session secret, 16 of tag."""
MIN_CIPHERTEXT_BYTES: Final = 256 + TAG_BYTES

_HEAD: Final = struct.Struct(">B16sQ32sH")
_GROUP: Final = struct.Struct(">32sI")
_COUNT: Final = struct.Struct(">H")


class LayoutError(ValueError):
    """A value breaks a rule of the layout; ``code`` names the rule."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@value_class(frozen=True, slots=True)
class SealedGroup:
    """One group: 32 bytes of commitment, then ciphertext with its tag."""

    commitment: bytes
    ciphertext: bytes


@value_class(frozen=True, slots=True)
class RecipientEntry:
    """Entry of one unnamed recipient: 1168 bytes of wrap, and 28 + 32 x groups of key list."""

    wrap: bytes
    key_list: bytes


@value_class(frozen=True, slots=True)
class SealedEvent:
    """A parsed value; nothing in it is verified.

    ``id`` is the id in the clear (docs/spec/envelope.md, "Ids").
    """

    id: bytes
    time: int
    contract: bytes
    groups: tuple[SealedGroup, ...]
    recipients: tuple[RecipientEntry, ...]


def key_list_bytes(groups: int) -> int:
    """Return the length of a key list: nonce, one 32-byte key a group, tag."""
    return NONCE_BYTES + HASH_BYTES * groups + TAG_BYTES


def require_counts(groups: int, recipients: int) -> None:
    """Check the limits of both counts.

    Raises:
        LayoutError: ``groups_count`` or ``recipients_count``.
    """
    if not 1 <= groups <= MAX_GROUPS:
        raise LayoutError("groups_count", f"an event has 1 to {MAX_GROUPS} groups")
    if not 1 <= recipients <= MAX_RECIPIENTS:
        raise LayoutError("recipients_count", f"an event has 1 to {MAX_RECIPIENTS} recipients")


def require_size(plaintexts: Sequence[bytes], recipients: int) -> None:
    """Check the limits of counts and of the value's length, before anything is sealed.

    Args:
        plaintexts: padded plaintexts of the groups.
        recipients: number of recipients.

    Raises:
        LayoutError: ``groups_count``, ``recipients_count`` or ``value_too_large``.
    """
    groups = len(plaintexts)
    require_counts(groups, recipients)
    fixed = _HEAD.size + groups * (_GROUP.size + TAG_BYTES) + _COUNT.size
    entries = recipients * (WRAP_BYTES + key_list_bytes(groups))
    if fixed + sum(map(len, plaintexts)) + entries > MAX_VALUE_BYTES:
        raise _too_large()


def _too_large() -> LayoutError:
    return LayoutError("value_too_large", f"a sealed value has at most {MAX_VALUE_BYTES} bytes")


def require_order(recipients: Sequence[tuple[bytes, bytes]]) -> None:
    """Check that wraps are strictly ascending: every reader refuses any other order (step 5).

    Raises:
        LayoutError: ``recipients_order``.
    """
    previous = b""
    for wrap, _ in recipients:
        if wrap <= previous:
            raise LayoutError("recipients_order", "recipients are not strictly ascending")
        previous = wrap


def format_value(
    event_id: bytes,
    time: int,
    contract: bytes,
    groups: Sequence[tuple[bytes, bytes]],
    recipients: Sequence[tuple[bytes, bytes]],
) -> bytes:
    """Format a value.

    Args:
        event_id: the id in the clear, 16 bytes.
        time: milliseconds since the epoch.
        contract: 32 bytes, H of the contract file.
        groups: (commitment, ciphertext) in the order of the grouping.
        recipients: (wrap, key list), strictly ascending by the wrap's bytes.

    Raises:
        LayoutError: ``value_too_large``, ``groups_count`` or ``recipients_count``.
    """
    require_counts(len(groups), len(recipients))
    parts = [_HEAD.pack(VERSION, event_id, time, contract, len(groups))]
    for commitment, ciphertext in groups:
        parts += (_GROUP.pack(commitment, len(ciphertext)), ciphertext)
    parts.append(_COUNT.pack(len(recipients)))
    for wrap, key_list in recipients:
        parts += (wrap, key_list)
    value = b"".join(parts)
    if len(value) > MAX_VALUE_BYTES:
        raise _too_large()
    return value


def parse_value(value: bytes) -> SealedEvent:
    """Parse a value; every length must add up exactly (step 5).

    Raises:
        LayoutError: ``value_malformed``, ``version_unknown``, ``groups_count``,
            ``recipients_count`` or ``recipients_order``.
    """
    if len(value) < _HEAD.size:
        raise LayoutError("value_malformed", "the value is shorter than its fixed part")
    version, event_id, time, contract, group_count = _HEAD.unpack_from(value)
    if version != VERSION:
        raise LayoutError("version_unknown", "the value is of another version of the protocol")
    if not 1 <= group_count <= MAX_GROUPS:
        raise LayoutError("groups_count", f"an event has 1 to {MAX_GROUPS} groups")
    at = _HEAD.size
    groups = []
    for _ in range(group_count):
        if len(value) - at < _GROUP.size:
            raise LayoutError("value_malformed", "the value ends inside a group")
        commitment, length = _GROUP.unpack_from(value, at)
        at += _GROUP.size
        if length < MIN_CIPHERTEXT_BYTES or length > len(value) - at:
            raise LayoutError("value_malformed", "a group's length does not fit the value")
        groups.append(SealedGroup(commitment, value[at : at + length]))
        at += length
    if len(value) - at < _COUNT.size:
        raise LayoutError("value_malformed", "the value ends before its recipients")
    (recipient_count,) = _COUNT.unpack_from(value, at)
    at += _COUNT.size
    if not 1 <= recipient_count <= MAX_RECIPIENTS:
        raise LayoutError("recipients_count", f"an event has 1 to {MAX_RECIPIENTS} recipients")
    entry = WRAP_BYTES + key_list_bytes(group_count)
    if len(value) - at != recipient_count * entry:
        raise LayoutError("value_malformed", "the recipients do not fill the value exactly")
    recipients = []
    previous = b""
    for _ in range(recipient_count):
        wrap = value[at : at + WRAP_BYTES]
        if wrap <= previous:
            raise LayoutError("recipients_order", "recipients are not strictly ascending")
        previous = wrap
        recipients.append(RecipientEntry(wrap, value[at + WRAP_BYTES : at + entry]))
        at += entry
    return SealedEvent(event_id, time, contract, tuple(groups), tuple(recipients))
