"""Facts in the transactions that accept events, over a partnership in memory.

The agencies, their keys, databases and records are real; only Kafka is in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.trial_agencies import london_agencies
from broker import pseudonyms
from broker.envelope.primitives import SealBroken
from broker.event import JSON
from broker.figures.counting import CountsOf, Period, parse_period
from broker.figures.own_counts import own_counts
from broker.figures.recording import RETAINED_MS
from tests.support.founded_partnership import FoundedPartnership, found_with
from tests.support.founding import cheap_scrypt
from tests.support.memory_agency import MemoryAgency
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

POLICE, COUNCIL, CPS = "csu-camden", "council-camden", "cps-london"
CHARITY, CENTRE = "haven-support", "lantern-centre"
ALL = (POLICE, COUNCIL, CPS, CHARITY, CENTRE)
CASE = "0f3d9a52-6b1c-4e7d-8a90-1c2d3e4f5a6b"
OTHER = "5a6b7c8d-9e0f-4a1b-8c2d-3e4f5a6b7c8d"
REFERRAL = "e21c7a95-6d40-4b38-9f0e-7b35d8c1a264"
MADE, UPDATED, CORRECTED = "referral.made", "case.updated", "correction.made"


@pytest.fixture(scope="module")
def world() -> FoundedPartnership:
    plans = {plan.id: plan for plan in london_agencies()}
    with cheap_scrypt():
        return found_with([plans[one] for one in ALL])


@pytest.fixture
def town(world: FoundedPartnership, tmp_path: Path) -> Iterator[MemoryPartnership]:
    partnership = opened_partnership(world, tmp_path)
    yield partnership
    partnership.close()


def quarter(member: MemoryAgency) -> Period:
    """The period of the partnership's clock."""
    for year in range(2025, 2028):
        for number in (1, 2, 3, 4):
            period = parse_period(f"{year}-Q{number}")
            if period.first_ms <= member.clock() < period.end_ms:
                return period
    raise AssertionError("the clock of the tests is elsewhere")


def counted(town: MemoryPartnership, agency: str) -> CountsOf:
    member = town.members[agency]
    with member.store.reading() as tx:
        found = own_counts(tx, member.secret, town.world.contract, agency, quarter(member))
    assert found is not None
    return found


def values(counts: CountsOf) -> list[dict[str, tuple[str, ...]]]:
    return [dict(zip(counts.dimensions, atom, strict=True)) for atom in counts.atoms]


async def say(
    town: MemoryPartnership, sender: str, event_type: str, to: str, **leaves: JSON
) -> None:
    """Send an event that has these leaves only."""
    absent: dict[str, JSON | None] = {
        path.replace(".", "__"): None for path in town.event(sender, event_type)
    }
    await town.send(sender, event_type, [to], **{**absent, **leaves})


async def report(
    town: MemoryPartnership, sender: str, to: str, case: str = CASE, **more: JSON
) -> None:
    leaves: dict[str, JSON] = {
        "case_id": case, "referral_id": REFERRAL.replace("e21c7a95", case[:8]),
        "requested_service": "advocacy", "incident__borough": "E09000007",
        "incident__strands": ["race"], "incident__record_type": "hate_crime",
        "incident__reporting_channel": "self", "consent__statistics": True,
    }  # fmt: skip
    await say(town, sender, MADE, to, **{**leaves, **more})


async def update(town: MemoryPartnership, to: str, **leaves: JSON) -> None:
    town.members[POLICE].clock.pass_(1000)  # log times are whole seconds
    await say(town, POLICE, UPDATED, to, case_id=CASE, **leaves)


async def test_a_case_that_three_agencies_know_is_counted_once(town: MemoryPartnership) -> None:
    await report(town, CENTRE, POLICE)
    await update(town, COUNCIL, borough="E09000007")
    totals = {agency: counted(town, agency).cases for agency in ALL}
    assert totals == {CENTRE: 1, POLICE: 0, COUNCIL: 0, CPS: 0, CHARITY: 0}


async def test_an_update_by_another_agency_reaches_the_counts_of_the_agency_that_minted(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    await update(
        town, CHARITY, record_type="hate_incident", borough="E09000023", outcome="acquitted",
        sentence_uplift=False,
    )  # fmt: skip
    (found,) = values(counted(town, CHARITY))
    assert found["borough"] == ("E09000023",)
    assert found["recorded_as"] == ("hate_incident",)
    assert found["unit_area"] == ("E09000007",)
    assert found["strand"] == ("race",)
    assert found["channel"] == ("self",)
    assert found["source"] == ("support",)
    assert found["uplift"] == ("false",)
    assert found["outcome"] == ("acquitted",)


async def test_a_case_without_consent_is_counted_apart(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE, consent__statistics=False)
    await report(town, CHARITY, POLICE, case=OTHER)
    found = counted(town, CHARITY)
    assert (found.cases, found.without_consent) == (1, 1)


async def test_a_consent_that_another_agency_withdraws_leaves_the_next_counts(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    assert counted(town, CHARITY).cases == 1
    town.members[POLICE].clock.pass_(1000)  # log times are whole seconds
    await say(
        town, POLICE, CORRECTED, CHARITY, case_id=CASE, corrects__source=CHARITY,
        corrects__id=OTHER, reason="consent_withdrawn", consent__statistics=False,
    )  # fmt: skip
    found = counted(town, CHARITY)
    assert (found.cases, found.without_consent) == (0, 1)


async def test_the_state_has_no_value_of_a_case_in_the_clear(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE)
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        rows = connection.execute("SELECT * FROM figure_cases, figure_facts").fetchall()
    connection.close()
    assert rows
    for text in (CASE, "E09000007", "race", "hate_crime"):
        assert text not in repr(rows)


async def test_a_changed_fact_is_noticed(town: MemoryPartnership) -> None:
    await report(town, CHARITY, POLICE)
    await report(town, CHARITY, POLICE, case=OTHER)
    with sqlite3.connect(town.members[CHARITY].database) as connection:
        contents = [row[0] for row in connection.execute("SELECT content FROM figure_facts")]
        connection.execute("UPDATE figure_facts SET content = ?", (contents[0],))
    connection.close()
    with pytest.raises(SealBroken):
        counted(town, CHARITY)


async def test_an_erased_case_is_not_counted_and_a_late_event_does_not_bring_it_back(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    with member.store.transaction() as tx:
        assert tx.figure_facts.forget_case(pseudonyms.case_key(member.secret, CASE)) == 1
    await update(town, CHARITY, borough="E09000023")
    assert counted(town, CHARITY).cases == 0


async def test_facts_go_after_their_retention_and_a_late_event_counts_nothing(
    town: MemoryPartnership,
) -> None:
    await report(town, CHARITY, POLICE)
    member = town.members[CHARITY]
    for passed, gone in ((RETAINED_MS, 0), (RETAINED_MS + 1, 1)):
        with member.store.transaction() as tx:
            assert (
                tx.figure_facts.forget_facts_before(member.clock() + passed - RETAINED_MS) == gone
            )
    assert counted(town, CHARITY).cases == 0


async def test_an_agreement_without_a_statistics_purpose_keeps_nothing(
    town: MemoryPartnership,
) -> None:
    member, contract = town.members[CHARITY], town.world.contract
    operational = {
        name: purpose.model_copy(update={"kind": "operational"})
        for name, purpose in contract.purposes.items()
    }
    without = contract.model_copy(update={"purposes": operational})
    with member.store.reading() as tx:
        assert own_counts(tx, member.secret, without, CHARITY, quarter(member)) is None
