"""Altering bytes and trees at random: flips, cuts, repetitions, and what parsers stumble over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

STUMBLES = (
    *(b"\n", b"\n\n", b"\r", b"\t", b" ", b"\x00", b"\x1f", b"\x7f", b"\xff"),
    *(b"\xc2\x85", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc1\xa1"),
    *(b"\\u0041", b"\\u001f", b"\\ud83d\\ude00", b"\\udc80", b"\\ud800", b"\\/", b"\\n"),
    *(b"-0", b"1e3", b"1.0", b"01", b"+1", b"NaN", b"null", b"true", b'"a":1,', b"[]", b"{}"),
    *(b"9007199254740991", b"9007199254740992", b"9223372036854775807", b"9223372036854775808"),
    *(b"[" * 16 + b"]" * 16, b"[" * 17 + b"]" * 17, b"=", b"==", "—".encode(), "é".encode()),
)
SOME_BYTES = bytes(range(256))
SOME_ASCII = bytes(range(32, 127)) + b"\n"


def altered(data: bytes, rng: Random, others: Sequence[bytes] = ()) -> bytes:
    """These bytes after none to three alterations; ``others`` are spliced from."""
    alphabet = SOME_ASCII if rng.random() < 0.8 else SOME_BYTES
    found = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        _alter(found, rng, alphabet, others)
    return bytes(found)


def _alter(found: bytearray, rng: Random, alphabet: bytes, others: Sequence[bytes]) -> None:
    at = rng.randrange(len(found) + 1)
    end = min(len(found), at + rng.choice((1, 1, 2, 8, 40)))
    how = rng.randrange(8)
    if how == 0 and found:
        found[at % len(found)] ^= 1 << rng.randrange(8)
    elif how == 1:
        found[at:end] = bytes([rng.choice(alphabet)])
    elif how == 2:
        found[at:at] = bytes([rng.choice(alphabet)])
    elif how == 3:
        del found[at:end]
    elif how == 4:
        found[at:at] = found[at:end]
    elif how == 5:
        found[at:at] = rng.choice(STUMBLES)
    elif how == 6:
        _lines(found, rng)
    elif others:
        other = rng.choice(others)
        found[at:end] = other[at:end]


def _lines(found: bytearray, rng: Random) -> None:
    """Drop, repeat or swap whole lines."""
    lines = bytes(found).split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(3)
    if how == 0:
        del lines[one]
    elif how == 1:
        lines.insert(other, lines[one])
    else:
        lines[one], lines[other] = lines[other], lines[one]
    found[:] = b"\n".join(lines)


Tree = Any
"""A value of JSON."""


def grown(
    tree: Tree, rng: Random, values: Sequence[Callable[[], Tree]], names: Sequence[str]
) -> Tree:
    """A copy with one or two members set, dropped, added, repeated or moved.

    Args:
        tree: an object or a list; it is not changed.
        rng: where the randomness comes from.
        values: make what members may be set to.
        names: of members that may be added.
    """
    whole = [_copied(tree)]
    for _ in range(rng.choice((1, 1, 1, 2))):
        holder, key = _place(whole, rng)
        how = rng.randrange(6)
        if how < 3:
            holder[key] = rng.choice(values)()
        elif how == 3 and holder is not whole:
            del holder[key]
        elif isinstance(holder[key], dict):
            holder[key][rng.choice(names)] = rng.choice(values)()
        elif isinstance(holder[key], list):
            extra = [rng.choice(values)(), *holder[key]]
            holder[key].append(_copied(rng.choice(extra)))
    return whole[0]


def _copied(tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return {name: _copied(item) for name, item in tree.items()}
    return [_copied(item) for item in tree] if isinstance(tree, list) else tree


def _place(whole: list[Tree], rng: Random) -> tuple[Any, Any]:
    """Some member: what holds it, and under which name or number."""
    holder: Any = whole
    key: Any = 0
    while isinstance(holder[key], (dict, list)) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    return holder, key
