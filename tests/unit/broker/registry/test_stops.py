"""Suspensions and departures as intervals that name a contract (docs/spec/contracts.md)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys.delegation import VerifiedDelegation
from broker.keys.manifest import Manifest, StandingEntry, VerifiedManifest
from broker.registry.stops import covers, stops_of

V1, V2, V3 = (bytes([number]) * 32 for number in range(3))
HOUR = 3_600_000
Make = Callable[..., Manifest]


def entry(state: str, since: int, *versions: bytes, until: int | None = None) -> StandingEntry:
    return StandingEntry(
        contract="c",
        versions=versions or (V1,),
        state=state,  # type: ignore[arg-type]  # one of the two
        since=since,
        until=until,
        until_reason=None if until is None else "resolved",
        reason="legal_review",
    )


def history(*stated: tuple[int, int, tuple[StandingEntry, ...]]) -> list[VerifiedManifest]:
    return [
        VerifiedManifest(
            Manifest.model_construct(
                agency="a", version=version, issued=issued, standing=entries, keys=()
            ),
            None,  # type: ignore[arg-type]  # delegations are given beside it
            b"",
        )
        for version, issued, entries in stated
    ]


def stating(*statements: tuple[str, str, int]) -> list[VerifiedDelegation]:
    """A delegation with these statements: contract, state, since."""
    named = [
        SimpleNamespace(contract=contract, state=state, since=since)
        for contract, state, since in statements
    ]
    return [SimpleNamespace(delegation=SimpleNamespace(standing=named))]  # type: ignore[list-item]  # what is read


def test_a_later_manifest_that_lacks_it_ends_nothing() -> None:
    one = entry("suspended", HOUR)
    (found,) = stops_of(history((1, 0, ()), (2, HOUR, (one,)), (3, 2 * HOUR, ())), [])
    assert (found.state, found.since, found.until) == ("suspended", HOUR, None)


def test_once_it_has_ended_a_backup_does_not_revive_it() -> None:
    open_, ended = entry("suspended", HOUR), entry("suspended", HOUR, until=2 * HOUR)
    versions = (1, 0, ()), (2, HOUR, (open_,)), (3, 2 * HOUR, (ended,)), (4, 3 * HOUR, (open_,))
    delegations = stating(("c", "resumed", 2 * HOUR), ("c", "resumed", 4 * HOUR))
    (found,) = stops_of(history(*versions), delegations)
    assert found.until == 2 * HOUR
    again = entry("suspended", HOUR, until=4 * HOUR)
    (found,) = stops_of(history(*versions, (5, 4 * HOUR, (again,))), delegations)
    assert found.until == 2 * HOUR


@pytest.mark.parametrize(
    ("before", "stated_in", "begins"),
    [
        (None, 1, 2 * HOUR),  # nothing comes before the first
        (1, 2, 2 * HOUR),  # the version before did not state it
        (1, 3, HOUR),  # the second may have stated it, after the first was issued
        (None, 3, HOUR // 2),  # an earlier one may have stated it
    ],
)
def test_a_stop_does_not_begin_before_it_is_stated(
    before: int | None, stated_in: int, begins: int
) -> None:
    back_dated = entry("left", HOUR // 2)
    first = [] if before is None else [(before, HOUR, ())]
    stated = history(*first, (stated_in, 2 * HOUR, (back_dated,)))
    (found,) = stops_of(stated, stating(("c", "left", HOUR // 2)))
    assert (found.state, found.since) == ("left", begins)


ODD = stating(
    ("c", "left", HOUR + 1), ("d", "left", HOUR), ("c", "resumed", HOUR), ("d", "resumed", 2 * HOUR)
)


def test_a_departure_that_no_delegation_states_is_a_suspension() -> None:
    """A thief of manifest keys can only stop; the owner ends it as any other suspension."""
    stated = history((1, HOUR, (entry("left", HOUR),)))
    (found,) = stops_of(stated, ODD)
    assert (found.state, found.since, found.until) == ("suspended", HOUR, None)
    (found,) = stops_of(stated, stating(("c", "left", HOUR)))
    assert found.state == "left"
    ended = entry("suspended", HOUR, until=2 * HOUR)
    both = [*stated, *history((2, 2 * HOUR, (ended,)))]
    (found,) = stops_of(both, stating(("c", "resumed", 2 * HOUR)))
    assert (found.state, found.until) == ("suspended", 2 * HOUR)


def test_an_end_that_no_delegation_states_ends_nothing() -> None:
    stated = history((1, HOUR, (entry("suspended", HOUR, until=2 * HOUR),)))
    (found,) = stops_of(stated, ODD)
    assert (found.since, found.until) == (HOUR, None)
    later = entry("suspended", HOUR, until=3 * HOUR)
    both = [*stated, *history((2, 3 * HOUR, (later,)))]
    (found,) = stops_of(both, stating(("c", "resumed", 3 * HOUR)))
    assert found.until == 3 * HOUR


def test_a_version_that_a_covered_one_replaces_is_covered() -> None:
    """A partner that still has the older version alone holds the same statement."""
    replaced = {V3: frozenset({V2}), V2: frozenset({V1})}
    previous = lambda version: replaced.get(version, frozenset())  # noqa: E731 - a table
    found = [covers({V2}, version, previous) for version in (V1, V2, V3)]
    assert found == [True, True, False]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20),
    st.sets(st.integers(0, 7)),
)
def test_coverage_ends_and_grows_with_what_is_listed(
    edges: list[tuple[int, int]], listed: set[int]
) -> None:
    """Also where versions name each other in a circle, which no honest party signs."""
    hashes = [bytes([number]) * 32 for number in range(8)]
    previous = lambda version: frozenset(  # noqa: E731 - a table
        hashes[old] for new, old in edges if hashes[new] == version
    )
    found = {one for one in hashes if covers([hashes[n] for n in listed], one, previous)}
    assert {hashes[n] for n in listed} <= found
    assert all(previous(one) <= found for one in found)
    more = {one for one in hashes if covers([hashes[n] for n in {*listed, 0}], one, previous)}
    assert found <= more
