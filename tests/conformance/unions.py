"""Contents of statements for unions, written from docs/spec/figures.md, "Unions", alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from tests.conformance.conventions import be, lp, parse_lp, sha256
from tests.conformance.refusals import MalformedError

TOKEN = 16
STEP = 256
MOST = 24_576
AGENCY = re.compile(r"[a-z0-9.-]{1,63}")


@dataclass(frozen=True)
class Place:
    """Deployment, agreement and period of a union."""

    deployment: str
    agreement: str
    period: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The parts of every hash."""
        return self.deployment, self.agreement, self.period


def key_id(place: Place, key: bytes) -> bytes:
    """The id of a period key.

    Raises:
        MalformedError: the key has another size.
    """
    if len(key) != 32:
        raise MalformedError("a period key of another size")
    return sha256(lp("concordant/1/union-key-id", *place.parts, key))


def token(place: Place, key: bytes, case: str) -> bytes:
    """The token of a case."""
    text = lp("concordant/1/union", *place.parts, case)
    return hmac.new(key, text, hashlib.sha256).digest()[:TOKEN]


def padding(secret: bytes, key: bytes, number: int) -> bytes:
    """A token of no case; the key is named by its id."""
    text = lp("concordant/1/union-padding", key, be(number, 8))
    return hmac.new(secret, text, hashlib.sha256).digest()[:TOKEN]


@dataclass(frozen=True)
class Tokens:
    """The tokens of a contributor."""

    key: bytes
    minted: tuple[bytes, ...]
    seen: tuple[bytes, ...]


def tokens(octets: bytes) -> Tokens:
    """The tokens of a content.

    Raises:
        MalformedError: another form.
    """
    parts = parse_lp(octets)
    if len(parts) != 3 or len(parts[0]) != 32:
        raise MalformedError("not a key id and two sets")
    minted, seen = map(_set, parts[1:])
    if not seen or len(seen) % STEP or len(minted) + len(seen) > MOST:
        raise MalformedError("another number of tokens")
    if set(minted) & set(seen):
        raise MalformedError("a token in both sets")
    return Tokens(parts[0], minted, seen)


def _set(octets: bytes) -> tuple[bytes, ...]:
    if len(octets) % TOKEN:
        raise MalformedError("a token of another size")
    found = tuple(octets[at : at + TOKEN] for at in range(0, len(octets), TOKEN))
    if sorted(set(found)) != list(found):
        raise MalformedError("tokens are not ascending")
    return found


def result(octets: bytes) -> tuple[tuple[str, ...], int | None]:
    """The contributors and the share of a content.

    Raises:
        MalformedError: another form.
    """
    try:
        said = json.loads(octets.decode("utf-8"), object_pairs_hook=_once)
    except ValueError as error:
        raise MalformedError("not JSON") from error
    if not isinstance(said, dict) or not {"contributors", "share_percent"} <= said.keys():
        raise MalformedError("other members")
    names, share = said["contributors"], said["share_percent"]
    if not isinstance(names, list) or not 1 <= len(names) <= 256:
        raise MalformedError("no contributors")
    texts = [one for one in names if isinstance(one, str) and AGENCY.fullmatch(one)]
    if len(texts) != len(names) or sorted(set(texts)) != texts:
        raise MalformedError("contributors are not ids in ascending order")
    if share is None:
        return tuple(texts), None
    if isinstance(share, bool) or not isinstance(share, int) or not 0 <= share <= 100:
        raise MalformedError("not a share")
    return tuple(texts), share


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise MalformedError("a member twice")
    return dict(pairs)
