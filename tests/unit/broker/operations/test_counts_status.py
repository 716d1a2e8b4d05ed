"""Counts that an agency sent and holds, as `concordant status` and the metrics show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.control.counts_taken import CountsFault, last_fault
from broker.operations.counts_status import CountsState, PartnerCounts, counts_states
from broker.record import COUNTS_CONTENT_TYPE
from tests.support.exchanged_counts import (
    CENTRE,
    CHARITY,
    COUNCIL,
    CPS,
    PERIOD,
    POLICE,
    counts_of,
    founded_town,
    sealed_counts,
)
from tests.support.founded_partnership import NOW, FoundedPartnership
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_control import ControlNode

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def world() -> Iterator[FoundedPartnership]:
    with cheap_scrypt():
        yield founded_town()


@pytest.fixture
def council(world: FoundedPartnership, tmp_path: Path) -> Iterator[ControlNode]:
    member = MemoryAgency(COUNCIL, tmp_path / "council.db", cluster(world), Clock(), world)
    yield ControlNode(member, world.root / COUNCIL)
    member.store.close()


def state(node: ControlNode) -> CountsState:
    with node.member.store.reading() as tx:
        (found,) = counts_states(node.participant, tx, node.member.clock())
    return found


def hear(node: ControlNode, value: bytes) -> None:
    node.hear(node.topics.receipts, value, content_type=COUNTS_CONTENT_TYPE)


def test_partners_are_shown_with_what_came_and_what_was_refused(
    council: ControlNode, world: FoundedPartnership
) -> None:
    assert state(council).sent_ms is None
    nothing = {one: PartnerCounts(one, 0, None, None, None) for one in (CENTRE, CPS, POLICE)}
    hear(council, sealed_counts(world, counts_of(world)))
    found = {one.agency: one for one in state(council).partners}
    assert found == {**nothing, CHARITY: PartnerCounts(CHARITY, 1, NOW, None, None)}
    hear(council, sealed_counts(world, b"{", at=NOW + 1))
    found = {one.agency: one for one in state(council).partners}
    assert found[CHARITY] == PartnerCounts(CHARITY, 1, NOW, "counts_malformed", NOW)
    hear(council, sealed_counts(world, counts_of(world), at=NOW + 2))
    found = {one.agency: one for one in state(council).partners}
    assert found[CHARITY] == PartnerCounts(CHARITY, 1, NOW + 2, None, None)


def test_refused_counts_are_remembered_for_their_agreement_only(
    council: ControlNode, world: FoundedPartnership
) -> None:
    unagreed = sealed_counts(world, counts_of(world), subject=("another", PERIOD))
    for value in (sealed_counts(world, b"{"), unagreed):
        hear(council, value)
    with council.member.store.reading() as tx:
        fault = last_fault(tx, world.contract.name, CHARITY)
        assert last_fault(tx, "another", CHARITY) is None
    assert fault == CountsFault(NOW, "counts_malformed")


def test_the_age_of_counts_is_a_metric(council: ControlNode, world: FoundedPartnership) -> None:
    hear(council, sealed_counts(world, counts_of(world)))
    metrics = council.metrics
    with council.member.store.reading() as tx:
        metrics.refresh(tx, NOW + MINUTE_MS, {CHARITY: MINUTE_MS}, {CHARITY})
    age = metrics.registry.get_sample_value("concordant_counts_age_seconds", {"agency": CHARITY})
    assert age == 60
    metrics.statements_sent("counts", 2)
    sent = metrics.registry.get_sample_value("concordant_statements_sent_total", {"kind": "counts"})
    assert sent == 2
    listings = {"kind": "listing"}
    assert metrics.registry.get_sample_value("concordant_statements_sent_total", listings) == 0
