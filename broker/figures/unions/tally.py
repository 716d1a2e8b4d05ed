"""Tally of tokens: the share of cases that several kinds of agency have seen.

The tally takes tokens, and neither a key nor an id of a case. The share leaves it only if neither
the public nor a contributor learns a small number from it (docs/spec/figures.md, "Unions").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from broker.figures.unions.tokens import TokenSets

__all__ = ["UnionTally", "ready_tokens", "tally"]

_LEAST_KINDS: Final = 2


@dataclass(frozen=True, slots=True)
class UnionTally:
    """Result of one period.

    Attributes:
        contributors: agencies whose tokens were tallied, sorted.
        share_percent: share of their cases that at least two kinds of agency have seen, in whole
            percent; None if it is hidden.
    """

    contributors: tuple[str, ...]
    share_percent: int | None


@dataclass(frozen=True, slots=True)
class _Case:
    """A case by its token: the agencies that minted it, and all that have seen it."""

    minted_by: frozenset[str]
    seen_by: frozenset[str]


def tally(tokens: Mapping[str, TokenSets], kinds: Mapping[str, str], threshold: int) -> UnionTally:
    """Tally the tokens of a period.

    A case counts if an agency lists it as minted. Other tokens name cases of other periods, cases
    without consent, or nothing.

    Args:
        tokens: of each contributor, all under one key.
        kinds: role of each contributor.
        threshold: `suppress_below` of the agreement.
    """
    contributors = tuple(sorted(tokens))
    cases = list(_cases(tokens))
    several = [case for case in cases if _by_several_kinds(case, kinds)]
    one = [case for case in cases if not _by_several_kinds(case, kinds)]
    compared = len({kinds[agency] for agency in contributors}) >= _LEAST_KINDS
    safe = all(
        _is_large(rest, threshold)
        for part in (cases, several, one)
        for rest in _rests(part, contributors)
    )
    if not cases or not compared or not safe:
        return UnionTally(contributors, None)
    return UnionTally(contributors, _percent(len(several), len(cases)))


def ready_tokens(
    tokens: Mapping[str, TokenSets], expected: Collection[str], *, over: bool
) -> Mapping[str, TokenSets] | None:
    """Return the tokens to tally: those under the key that most contributors used.

    Args:
        tokens: of each contributor.
        expected: the contributors.
        over: whether the time for tokens is over.

    Returns:
        None if tokens may still come, or if there are none.
    """
    used = Counter(sets.key_id for sets in tokens.values())
    if not used:
        return None
    key_id = max(used, key=lambda one: (used[one], one))
    ready = {agency: sets for agency, sets in tokens.items() if sets.key_id == key_id}
    return ready if over or ready.keys() >= set(expected) else None


def _cases(tokens: Mapping[str, TokenSets]) -> Iterator[_Case]:
    minted: dict[bytes, set[str]] = {}
    for agency, sets in tokens.items():
        for token in sets.minted:
            minted.setdefault(token, set()).add(agency)
    seen = {token: set(minters) for token, minters in minted.items()}
    for agency, sets in tokens.items():
        for token in sets.seen & minted.keys():
            seen[token].add(agency)
    for token, minters in minted.items():
        yield _Case(frozenset(minters), frozenset(seen[token]))


def _by_several_kinds(case: _Case, kinds: Mapping[str, str]) -> bool:
    return len({kinds[agency] for agency in case.seen_by}) >= _LEAST_KINDS


def _rests(part: list[_Case], contributors: tuple[str, ...]) -> Iterator[int]:
    """Yield what is left of a part for the public and for each contributor.

    A contributor knows the cases that it minted, and those that it has seen.
    """
    minted = Counter(agency for case in part for agency in case.minted_by)
    seen = Counter(agency for case in part for agency in case.seen_by)
    yield len(part)
    for agency in contributors:
        yield len(part) - minted[agency]
        yield len(part) - seen[agency]


def _is_large(count: int, threshold: int) -> bool:
    return count == 0 or count >= threshold


def _percent(part: int, whole: int) -> int:
    """Return a share in whole percent, half up."""
    return (200 * part + whole) // (2 * whole)
