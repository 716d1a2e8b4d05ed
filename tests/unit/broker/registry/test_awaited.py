"""Agencies that must send heartbeats, with their intervals."""

from __future__ import annotations

from typing import Any

import pytest

from broker.registry.awaited import awaited
from tests.support.founded_partnership import (
    CAST,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
    founded,
)

MINUTE_MS = 60_000


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


def many(monkeypatch: pytest.MonkeyPatch, world: FoundedPartnership) -> None:
    """Let four parties be many, as 65 are."""
    monkeypatch.setattr("contracts.model.MANY_PARTIES", len(CAST) - 1)


def of(world: FoundedPartnership, *more: Any) -> dict[str, int]:
    return dict(awaited(world.book(POLICE, *more), world.manifests, NOW))


def test_few_parties_send_each_minute(world: FoundedPartnership) -> None:
    assert of(world) == dict.fromkeys(sorted(CAST), MINUTE_MS)


def test_many_parties_send_every_five_minutes(
    monkeypatch: pytest.MonkeyPatch, world: FoundedPartnership
) -> None:
    many(monkeypatch, world)
    assert of(world) == dict.fromkeys(sorted(CAST), 5 * MINUTE_MS)


def test_a_party_of_a_small_agreement_too_sends_each_minute(
    monkeypatch: pytest.MonkeyPatch, world: FoundedPartnership
) -> None:
    many(monkeypatch, world)
    small = world.another_contract(
        parties=(POLICE, SUPPORT),
        terms=lambda text: text.replace("name: london-hate-crime", "name: london-small", 1),
    )
    found = of(world, small)
    assert {one for one, interval in found.items() if interval == MINUTE_MS} == {POLICE, SUPPORT}
    assert set(found) == set(CAST)
