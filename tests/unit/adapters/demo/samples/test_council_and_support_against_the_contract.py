"""Samples of councils and services against the shipped contract: what they export may be sent."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from adapters.base import AgencyAdapter, Context, Row
from adapters.council import ADAPTER as COUNCIL
from adapters.demo.samples import council, support
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.sample_rows import NARRATIVE_LIMIT
from adapters.mapping import MemoryLinks
from adapters.support import ADAPTER as SUPPORT
from contracts.decision import decide
from contracts.model import Contract
from contracts.status import contract_status

CASES = [c for c in case_list(11, 120) if len(c.incident.narrative) <= NARRATIVE_LIMIT]
CONTENT: Mapping[str, tuple[AgencyAdapter, Mapping[str, str], bytes]] = {
    "council-camden": (
        COUNCIL,
        council.PARTNERS,
        council.sample_file(council.sample_rows(random.Random(1), CASES, flaws=False)),
    ),
    "council-lewisham": (
        COUNCIL,
        council.PARTNERS,
        council.sample_file(council.sample_rows(random.Random(2), CASES, flaws=False), "csv"),
    ),
    "lantern-centre": (
        SUPPORT,
        support.PARTNERS,
        support.sample_file(
            support.sample_rows(random.Random(3), CASES, reporting_centre=True, flaws=False)
        ),
    ),
    "haven-support": (
        SUPPORT,
        support.PARTNERS,
        support.sample_file(
            support.sample_rows(random.Random(4), CASES, reporting_centre=False, flaws=False)
        ),
    ),
}


@pytest.mark.parametrize("agency", CONTENT)
def test_the_contract_permits_what_a_sample_exports(contract: Contract, agency: str) -> None:
    adapter, partners, content = CONTENT[agency]
    context = Context(agency, partners, MemoryLinks())
    now = contract.starts_ms + 1
    state = contract_status(contract, frozenset(p.id for p in contract.parties), (), now)
    refused: set[tuple[str, str]] = set()
    for row in adapter.read(content):
        assert isinstance(row, Row)
        event = adapter.to_event(row, context).event
        decision = decide(contract, state, agency, event.recipients, event, now)
        if not decision.permitted:
            refused.add((event.type, decision.detail))
    assert refused == set()
