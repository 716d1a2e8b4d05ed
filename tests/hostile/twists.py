"""Changes that a malicious sender makes to sealed values, and signs as its own.

Unlike the host, an agency signs what it twists, so these pass steps 0 to 4 and stand in its stream;
later steps refuse them, each reader for itself, and the stream goes on. ``told`` says what an
addressed reader makes of it and ``others`` what everybody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.envelope.layout import SealedEvent, format_value, parse_value

Twisted = Callable[[bytes, bytes], bytes]


@dataclass(frozen=True)
class Twist:
    """A value made of two honest ones of the same type and recipients, (step, code) in ``told``.

    Attributes:
        twist: (value, another) -> the twisted value.
        told: what an addressed reader makes of it; ``opened`` stands for the event of the first
            value, or a repeat of it.
        others: what a reader makes of it that is not addressed.
        least: how many recipients it needs.
    """

    name: str
    twist: Twisted
    told: str
    others: str = "not_addressed"
    least: int = 1


def _taken_apart(
    value: bytes,
) -> tuple[SealedEvent, list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    sealed = parse_value(value)
    groups = [(g.commitment, g.ciphertext) for g in sealed.groups]
    return sealed, groups, [(r.wrap, r.key_list) for r in sealed.recipients]


def _put_together(
    sealed: SealedEvent,
    groups: list[tuple[bytes, bytes]],
    entries: list[tuple[bytes, bytes]],
    **head: bytes | int,
) -> bytes:
    id_, time, contract = (head.get(n, getattr(sealed, n)) for n in ("id", "time", "contract"))
    return format_value(id_, time, contract, groups, entries)  # type: ignore[arg-type]  # as named


def _ciphertext_of_another(value: bytes, another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    groups[0] = (groups[0][0], _taken_apart(another)[1][0][1])
    return _put_together(sealed, groups, entries)


def _group_of_another(value: bytes, another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    groups[0] = _taken_apart(another)[1][0]
    return _put_together(sealed, groups, entries)


def _commitment_of_another(value: bytes, another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    groups[0] = (_taken_apart(another)[1][0][0], groups[0][1])
    return _put_together(sealed, groups, entries)


def _key_lists_of_another(value: bytes, another: bytes) -> bytes:
    """Wraps of one process are the same, so only the key lists change."""
    sealed, groups, entries = _taken_apart(value)
    theirs = _taken_apart(another)[2]
    mixed = [(wrap, keys) for (wrap, _), (_, keys) in zip(entries, theirs, strict=True)]
    return _put_together(sealed, groups, mixed)


def _recipients_of_another(value: bytes, another: bytes) -> bytes:
    sealed, groups, _ = _taken_apart(value)
    return _put_together(sealed, groups, _taken_apart(another)[2])


def _id_of_another(value: bytes, another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    return _put_together(sealed, groups, entries, id=parse_value(another).id)


def _another_time(value: bytes, _another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    return _put_together(sealed, groups, entries, time=sealed.time - 60_000)


def _a_time_ahead(value: bytes, _another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    return _put_together(sealed, groups, entries, time=sealed.time + 3_600_000)


def _out_of_order(value: bytes, _another: bytes) -> bytes:
    sealed, groups, entries = _taken_apart(value)
    return _put_together(sealed, groups, entries[::-1])


TWISTS: tuple[Twist, ...] = (
    Twist("ciphertext of another", _ciphertext_of_another, "8 group_broken"),
    Twist("group of another", _group_of_another, "7 key_list_broken"),
    Twist("commitment of another", _commitment_of_another, "7 key_list_broken"),
    Twist("key lists of another", _key_lists_of_another, "7 key_list_broken"),
    Twist("recipients of another", _recipients_of_another, "7 key_list_broken"),
    Twist("id of another", _id_of_another, "7 key_list_broken"),
    Twist("another time", _another_time, "opened"),
    Twist("once more", lambda value, _another: value, "opened"),
    Twist("a time ahead", _a_time_ahead, "5 time_ahead", "5 time_ahead"),
    Twist("recipients out of order", _out_of_order, "5 recipients_order", "5 recipients_order", 2),
    Twist("cut", lambda value, _another: value[:-1], "5 value_malformed", "5 value_malformed"),
    Twist(
        "another version",
        lambda value, _a: b"\2" + value[1:],
        "5 version_unknown",
        "5 version_unknown",
    ),
    Twist("nothing", lambda _value, _another: b"", "5 value_malformed", "5 value_malformed"),
)
STOLEN = Twist("stolen", lambda value, _another: value, "not_addressed")
