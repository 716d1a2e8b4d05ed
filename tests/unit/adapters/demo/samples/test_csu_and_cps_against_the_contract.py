"""Samples of police and prosecution against the shipped contract: what they export may be sent."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from adapters.base import AgencyAdapter, Context, Row
from adapters.cps import ADAPTER as CPS
from adapters.csu import ADAPTER as CSU
from adapters.demo.samples import cps, csu
from adapters.demo.samples.facts import case_list
from adapters.demo.samples.sample_rows import NARRATIVE_LIMIT
from adapters.mapping import MemoryLinks
from contracts.decision import decide
from contracts.model import Contract
from contracts.status import contract_status

CASES = [c for c in case_list(11, 120) if len(c.incident.narrative) <= NARRATIVE_LIMIT]
CONTENT: Mapping[str, tuple[AgencyAdapter, Mapping[str, str], bytes]] = {
    "csu-camden": (
        CSU,
        csu.PARTNERS,
        csu.sample_file(csu.sample_rows(random.Random(1), CASES, flaws=False)),
    ),
    "cps-london": (
        CPS,
        cps.PARTNERS,
        cps.sample_file(cps.sample_rows(random.Random(2), CASES, flaws=False)),
    ),
}


@pytest.mark.parametrize("agency", CONTENT)
def test_the_contract_permits_what_a_sample_exports(contract: Contract, agency: str) -> None:
    adapter, partners, content = CONTENT[agency]
    context = Context(agency, partners, MemoryLinks())
    now = contract.starts_ms + 1
    state = contract_status(contract, frozenset(p.id for p in contract.parties), (), now)
    refused: set[tuple[str, str]] = set()
    sent = 0
    for row in adapter.read(content):
        assert isinstance(row, Row)
        event = adapter.to_event(row, context).event
        decision = decide(contract, state, agency, event.recipients, event, now)
        sent += decision.permitted
        if not decision.permitted:
            refused.add((event.type, decision.detail))
    assert refused == set()
    assert sent > 50
