"""Key ids, and the algorithms, lifetimes and duties of each role (spec: keys).

A key id names a key together with its single role, so the same bytes in two roles have two
different ids and can be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.envelope.primitives import lp, sha256
from contracts.durations import DAY_MS

GOVERNANCE: Final = "governance"
MANIFEST: Final = "manifest"
STREAM: Final = "stream"
EXCHANGE: Final = "exchange"
RECEIPT: Final = "receipt"
SECRET: Final = "secret"  # noqa: S105 - the name of a role, not a secret

ED25519: Final = "ed25519"
ML_DSA_65: Final = "ml-dsa-65"
ML_DSA_44: Final = "ml-dsa-44"
XWING: Final = "mlkem768-x25519"
HMAC: Final = "hmac-sha256"

ALGORITHMS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        GOVERNANCE: frozenset({ED25519, ML_DSA_65}),
        MANIFEST: frozenset({ED25519, ML_DSA_65}),
        STREAM: frozenset({ED25519, ML_DSA_44}),
        EXCHANGE: frozenset({XWING}),
        RECEIPT: frozenset({ED25519}),
        SECRET: frozenset({HMAC}),
    }
)
"""Allowed algorithms of each role; `secret` is the sender's PRF secret, which no manifest lists."""

LONGEST_LIFE_MS: Final[Mapping[str, int]] = MappingProxyType(
    {STREAM: 90 * DAY_MS, EXCHANGE: 30 * DAY_MS, RECEIPT: 90 * DAY_MS}
)
"""Longest validity of a manifest's key, milliseconds, by role."""

SIGNING_ROLES: Final = frozenset({STREAM, RECEIPT})
"""Roles of a manifest whose keys sign, and so need a proof of possession."""


def kid(role: str, algorithm: str, public: bytes) -> bytes:
    """Return the id of a key: 32 bytes, never shortened.

    Args:
        role: one of `ALGORITHMS`.
        algorithm: one of the role's algorithms.
        public: the raw public key.
    """
    return sha256(lp(b"concordant/1/kid", role.encode(), algorithm.encode(), public))
