"""Tokens of cases: pseudonyms that hold for one agreement and period.

docs/spec/figures.md, "Unions". The contributors share the key of a period; the agency that tallies
never has it. Tokens of one case in two periods are independent, unless both keys are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Final

from broker.envelope.primitives import (
    HASH_BYTES,
    hmac_sha256,
    lp,
    lp_parts,
    sha256,
)

__all__ = [
    "MOST_TOKENS", "SEEN_STEP", "TOKEN_BYTES", "PeriodKey", "TokenPlace", "TokenSets",
    "format_tokens", "parse_tokens",
]  # fmt: skip

TOKEN_BYTES: Final = 16
"""Size of a token: among a million tokens, two are equal with a probability below 2^-88."""
SEEN_STEP: Final = 256
"""The number of tokens of seen cases is a multiple of this."""
MOST_TOKENS: Final = 24 * 1024
"""Most tokens of one agency for a period."""
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Agreement and period in which tokens hold.

    Attributes:
        deployment: the partnership's id.
        agreement: name of the agreement.
        period: `YYYY-Qn`.
    """

    deployment: str
    agreement: str
    period: str

    @property
    def parts(self) -> tuple[bytes, bytes, bytes]:
        """Return the place as parts of an ``lp``."""
        return self.deployment.encode(), self.agreement.encode(), self.period.encode()


class PeriodKey:
    """Key with which the contributors name cases in one place.

    Args:
        place: where its tokens hold.
        secret: 32 random bytes.

    Raises:
        ValueError: the secret has another size.
    """

    def __init__(self, place: TokenPlace, secret: bytes) -> None:
        if len(secret) != HASH_BYTES:
            raise ValueError("the key of a period has 32 bytes")
        self._place = place
        self._secret = secret

    @property
    def id(self) -> bytes:
        """Return the name of the key, which tells nothing of it."""
        return sha256(lp(b"concordant/1/union-key-id", *self._place.parts, self._secret))

    def token(self, case_id: str) -> bytes:
        """Return the token of a case, 16 bytes."""
        text = lp(b"concordant/1/union", *self._place.parts, case_id.encode())
        return hmac_sha256(self._secret, text)[:TOKEN_BYTES]


@dataclass(frozen=True, slots=True)
class TokenSets:
    """Tokens that one agency contributes for a period.

    Attributes:
        key_id: name of the key.
        minted: tokens of the cases that it minted in the period and that are counted.
        seen: tokens of the cases that it has seen and did not mint. Tokens of no case among them
            hide their number.
    """

    key_id: bytes
    minted: frozenset[bytes]
    seen: frozenset[bytes]

    @classmethod
    def of(
        cls, key: PeriodKey, minted: Iterable[str], seen: Iterable[str], secret: bytes
    ) -> TokenSets:
        """Return the tokens of cases, with tokens of no case up to a multiple of `SEEN_STEP`.

        The same cases give the same tokens again. So two records do not tell which name no case.

        Args:
            key: of the period.
            minted: ids of the cases that this agency minted in the period and counts.
            seen: ids of the cases that it has seen and did not mint.
            secret: this agency's secret, 32 bytes.
        """
        minted_tokens = frozenset(map(key.token, minted))
        seen_tokens = set(map(key.token, seen)) - minted_tokens
        for number in count():
            if seen_tokens and len(seen_tokens) % SEEN_STEP == 0:
                break
            text = lp(b"concordant/1/union-padding", key.id, number.to_bytes(8, "big"))
            seen_tokens.add(hmac_sha256(secret, text)[:TOKEN_BYTES])
        return cls(key.id, minted_tokens, frozenset(seen_tokens))

    @property
    def fits(self) -> bool:
        """Return whether the tokens are few enough for one record."""
        return len(self.minted) + len(self.seen) <= MOST_TOKENS


def format_tokens(sets: TokenSets) -> bytes:
    """Return tokens as bytes; their order is that of their values and tells nothing of cases."""
    return lp(sets.key_id, b"".join(sorted(sets.minted)), b"".join(sorted(sets.seen)))


def parse_tokens(content: bytes) -> TokenSets:
    """Return the tokens that ``format_tokens`` wrote.

    Raises:
        ValueError: the form is another one; the text says what is wrong.
    """
    parts = lp_parts(content, _PARTS)
    if parts is None or len(parts) != _PARTS or len(parts[0]) != HASH_BYTES:
        raise ValueError("the tokens do not have the required form")
    minted, seen = _set(parts[1]), _set(parts[2])
    if len(minted) + len(seen) > MOST_TOKENS:
        raise ValueError("there are too many tokens")
    if minted & seen:
        raise ValueError("a token is in both sets")
    if not seen or len(seen) % SEEN_STEP:
        raise ValueError("the number of tokens of seen cases is not padded")
    return TokenSets(parts[0], minted, seen)


def _set(joined: bytes) -> frozenset[bytes]:
    if len(joined) % TOKEN_BYTES:
        raise ValueError("a token has another size")
    tokens = [joined[at : at + TOKEN_BYTES] for at in range(0, len(joined), TOKEN_BYTES)]
    if any(after <= before for before, after in pairwise(tokens)):
        raise ValueError("the tokens are not in ascending order, each once")
    return frozenset(tokens)
