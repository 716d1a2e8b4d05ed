"""Suspensions and departures that parties state in their manifests (spec: contracts).

A *stop* names a contract and lists the versions that the party had signed when it stated the stop.
A stop is an interval of time. The statements of all manifests count together. A later manifest may
come from a restored backup or from a thief, so a manifest that lacks a stop does not end it.

The manifest keys lie on a server, where a thief may take them. With these keys alone, a party can
only suspend its part. A departure and the end of a suspension count only if a delegation, which the
governance keys signed, states them too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from broker.keys.delegation import VerifiedDelegation
from broker.keys.manifest import StandingEntry, VerifiedManifest


@dataclass(frozen=True, slots=True)
class Stop:
    """A suspension of a party's own part of a contract, or its departure.

    Attributes:
        contract: its name.
        state: `suspended` or `left`.
        since: start in ms, included; not before the manifest that first stated it.
        until: end in ms, excluded; None while it lasts, and for a departure.
        versions: SHA-256 of the versions that it covers. It also covers those that they replace.
        reason: a code.
        stated: `since` as the manifest has it.
    """

    contract: str
    state: Literal["suspended", "left"]
    since: int
    until: int | None
    versions: frozenset[bytes]
    reason: str
    stated: int

    @property
    def open(self) -> bool:
        """Return whether nothing has ended it."""
        return self.until is None


def stops_of(
    history: Sequence[VerifiedManifest], delegations: Iterable[VerifiedDelegation]
) -> tuple[Stop, ...]:
    """Return the stops that the manifests of one agency state, by contract and start.

    Args:
        history: its manifests, versions ascending.
        delegations: its delegations. A departure that none of them states counts as a suspension.
            An end that none of them states does not count.
    """
    delegated = {
        (one.contract, one.state, one.since)
        for verified in delegations
        for one in verified.delegation.standing
    }
    found: dict[tuple[str, str, int], Stop] = {}
    before: VerifiedManifest | None = None
    for verified in history:
        for stated in verified.manifest.standing:
            entry = _as_delegated(stated, delegated)
            known = found.get(entry.name)
            if known is None:
                since = max(entry.since, _stated_after(before, verified))
                found[entry.name] = Stop(
                    entry.contract,
                    entry.state,
                    since,
                    entry.until,
                    frozenset(entry.versions),
                    entry.reason,
                    entry.since,
                )
                continue
            ends = [one for one in (known.until, entry.until) if one is not None]
            found[entry.name] = replace(
                known,
                until=min(ends, default=None),  # once it has ended, a backup cannot revive it
                versions=known.versions | frozenset(entry.versions),
            )
        before = verified
    return tuple(sorted(found.values(), key=lambda one: (one.contract, one.since, one.state)))


def _as_delegated(
    entry: StandingEntry, delegated: AbstractSet[tuple[str, str, int]]
) -> StandingEntry:
    """Return an entry as it counts.

    Without a delegation, a departure counts as a suspension, and the end of a suspension does not
    count.
    """
    if entry.state == "left" and entry.name not in delegated:
        return entry.model_copy(update={"state": "suspended"})
    if entry.until is not None and (entry.contract, "resumed", entry.until) not in delegated:
        return entry.model_copy(update={"until": None, "until_reason": None})
    return entry


def _stated_after(before: VerifiedManifest | None, first: VerifiedManifest) -> int:
    """Return the earliest time (ms) at which a stop can begin.

    A stop cannot begin before a manifest states it. If the reader lacks manifests between the two,
    one of them may have stated the stop. Then the stop can begin as early as `before` was issued.

    Args:
        before: the newest known manifest that does not state the stop.
        first: the oldest known manifest that states it.
    """
    version = 0 if before is None else before.manifest.version
    if first.manifest.version == version + 1:
        return first.manifest.issued
    return 0 if before is None else before.manifest.issued


def covers(
    versions: Iterable[bytes],
    contract_hash: bytes,
    previous_of: Callable[[bytes], frozenset[bytes]],
) -> bool:
    """Return whether a version is listed, or replaced by a listed one, at once or in steps."""
    waiting, seen = list(versions), set[bytes]()
    while waiting:
        version = waiting.pop()
        if version == contract_hash:
            return True
        if version not in seen:
            seen.add(version)
            waiting += previous_of(version)
    return False
