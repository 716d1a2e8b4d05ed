"""Mutation of a real input: bytes spliced, or one value of a document replaced."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import orjson

TOKENS = (
    b"\n", b"\r", b"\x00", b'"', b"'", b"\\", b"/", b"=", b" ", b"\n\n", b"\xff", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"\xe2\x80\x94 ", b"{", b"}", b"[", b"]", b"[[", b",", b":", b"- ", b"&a ",
    b"*a", b"!!python/object:os.system ", b"<![CDATA[", b"<!DOCTYPE a>", b"&lt;", b"&#0;", b"null",
    b"true", b"-0", b"1e999", b"NaN", b"Infinity", b"0x1", b"\\ud800", b"9" * 20, b"9" * 400,
    b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"2025-02-30", b"0000-00-00", b"9999-12-31T23:59:59.999Z",
    b"-1", b";", b"\\;", b"=1+1", b"\xc2\x85", b"\xe2\x80\xa8",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**53 - 1, -(2**53 - 1), 2**53, 2**63, 2**64 - 1, 1.5, "",
    " ", "a", "0", "-1", "\x00", "\n", "\u2028", "é", "=", "AA==", "AB==", "A" * 400, "../..",
    "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00", "1969-12-31T23:59:59.999Z", "2025-02-30",
    [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": 1}}}, [1] * 50, {"é": 1},
)  # fmt: skip


def spliced(data: bytes, rng: random.Random, others: tuple[bytes, ...] = ()) -> bytes:
    """One to four small changes: removed, repeated, inserted, flipped, cut off, crossed over."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        span = rng.choice((1, 1, 2, 8, 40, 300))
        kind = rng.randrange(7)
        if kind == 0:
            data = data[:at] + data[at + span :]
        elif kind == 1:
            data = data[: at + span] + data[at:]
        elif kind == 2:
            data = data[:at] + rng.choice(TOKENS) + data[at:]
        elif kind == 3:
            data = data[:at] + rng.choice(TOKENS) + data[at + span :]
        elif kind == 4 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif kind == 5:
            data = data[:at] if rng.randrange(3) == 0 else data
        elif others:
            other = rng.choice(others)
            data = data[:at] + other[rng.randrange(len(other) + 1) :]
    return data


def replaced(document: Any, rng: random.Random) -> bytes:
    """The document with one or two places changed, as canonical JSON as far as it goes."""
    tree = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 2)):
        tree = _replaced(tree, rng)
    try:
        return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(tree, sort_keys=True).encode("utf-8", "surrogatepass")


def _replaced(node: Any, rng: random.Random) -> Any:
    if not isinstance(node, dict | list) or not node or rng.randrange(8) == 0:
        return copy.deepcopy(rng.choice(ODD))
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = rng.choice(keys)
    kind = rng.randrange(12)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[rng.choice(("x", "", "é", "version", "v", *map(str, keys)))] = copy.deepcopy(
            rng.choice(ODD)
        )
    elif kind == 1:
        node.append(copy.deepcopy(node[key]))
    else:
        node[key] = _replaced(node[key], rng)
    return node
